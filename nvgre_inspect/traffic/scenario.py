"""Scenario: an underlay, tenants with their machines and workloads, faults, and where is recorded what passes.

Pure data; `scenario_file` reads it from TOML, `generate` plays it. Times are nanoseconds (points in time: since the
start of the simulation), rates bits per second, sizes bytes. Workloads are in `workload_specs`, faults in
`fault_specs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from nvgre_inspect.encapsulation.policy import Encapsulation, Policy
from nvgre_inspect.traffic.fault_specs import Fault
from nvgre_inspect.traffic.workload_specs import Workload

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """A link, in one direction."""

    #: 0: no limit.
    bandwidth_bps: int = 10_000_000_000
    delay_ns: int = 10_000
    #: Up to so much more for each packet; packets stay in order.
    jitter_ns: int = 0
    #: The longest IP packet.
    mtu: int = 1600
    #: Bytes that may wait to be sent; 0: no limit.
    queue: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """A host of the underlay (NVE); `link` is that between it and the fabric, in each direction."""

    name: str
    pa: Address
    mac: bytes
    link: LinkSpec = field(default_factory=LinkSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSpec:
    """One of the equal paths through the fabric; `link` is that to each host."""

    name: str
    link: LinkSpec = field(default_factory=LinkSpec)
    #: Routers on it, each of which takes one from the TTL; their address, from which ICMP errors come.
    hops: int = 1
    address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VM:
    """A machine of a tenant."""

    #: Unique in its tenant.
    name: str
    #: A host by name.
    host: str
    mac: bytes
    #: Its addresses; at most one of each IP version.
    ips: tuple[Address, ...] = ()
    #: The prefix length of each.
    prefixes: tuple[int, ...] = ()

    def ip(self, family: int) -> Address | None:
        """Its address of that IP version."""
        return next((ip for ip in self.ips if ip.version == family), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TCPOptions:
    """How the TCP of a tenant's machines is set up."""

    #: Bytes.
    receive_buffer: int = 262_144
    #: Without window scaling windows stay below 64 KiB (RFC 7323).
    window_scaling: bool = True
    sack: bool = True
    delayed_ack_ns: int = 40_000_000
    #: Segments (RFC 6928).
    initial_window: int = 10
    min_rto_ns: int = 200_000_000
    #: After so many retransmissions of one segment the connection is given up.
    retries: int = 8
    #: Its packets are ECT(0), and it reacts to CE (RFC 3168).
    ecn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A virtual subnet with its machines."""

    vsid: int
    name: str = ""
    vms: tuple[VM, ...] = ()
    workloads: tuple[Workload, ...] = ()
    bum: Literal["replicate", "drop"] | Address = "replicate"
    unknown: Literal["drop", "flood"] = "drop"
    #: MTU of its machines; 0: what fits into that of the underlay (`inner_mtu`).
    mtu: int = 0
    tcp: TCPOptions = field(default_factory=TCPOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An observation point; exactly one of `vnic`, `uplink` and `path` is given."""

    name: str
    #: (VSID, VM by name): inner frames, both directions.
    vnic: tuple[int, str] | None = None
    #: A host by name: outer frames between it and the fabric.
    uplink: str | None = None
    #: A path by name: outer frames in the middle of it.
    path: str | None = None
    #: Bytes of a frame that its capture keeps; 0: all.
    snaplen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFrame:
    """A frame that passes an observation point, and of which nothing else is known than its bytes."""

    #: A point by name.
    point: str
    at_ns: int = 0
    frame: bytes
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything together."""

    name: str
    seed: int = 1
    duration_ns: int = 1_000_000_000
    #: Nanoseconds since 1970 when it starts.
    start_ns: int = 1_700_000_000_000_000_000
    description: str = ""
    encapsulation: Encapsulation = field(default_factory=Encapsulation)
    hosts: Sequence[HostSpec] = ()
    paths: Sequence[PathSpec] = ()
    tenants: Sequence[Tenant] = ()
    faults: Sequence[Fault] = ()
    points: Sequence[Point] = ()
    frames: Sequence[GivenFrame] = ()
    #: Who is where, as hosts have it; None: as it is.
    policy: Policy | None = None
