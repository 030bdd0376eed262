"""Policy: what an encapsulating endpoint knows (RFC 7637 section 3.1 leaves to the control plane how it learnt it).

Virtual subnets with their addresses and the provider addresses (PAs) behind which these are, hosts with their MAC
addresses and next hops, and how frames are wrapped. `policy_file` reads and writes it as TOML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Literal, get_args

from nvgre_inspect.model.toml_keys import TomlError

Address = IPv4Address | IPv6Address
Kind = Literal["nvgre", "gretap", "gre", "vxlan", "geneve", "ipip", "mpls-in-gre", "mpls-in-udp"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NO_NEXT_HOPS: Mapping[Address, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Encapsulation:
    """How frames are wrapped; the meaning of each value is in docs/encapsulation.md."""

    kind: Kind = "nvgre"
    #: UDP destination port; None: that of the kind.
    port: int | None = None
    #: gre and gretap: whether the identifier is written as key, a checksum, a sequence number.
    #: `checksum` is also the UDP checksum over IPv4.
    key: bool = True
    checksum: bool = False
    sequence: bool = False
    flow_id: Literal["hash", "zero"] | int = "hash"
    dscp: Literal["uniform"] | int = "uniform"
    ecn: Literal["normal", "compatibility"] = "normal"
    ttl: int = 64
    df: bool = True
    #: Largest outer IP packet in bytes; 0: no limit.
    mtu: int = 0
    over_mtu: Literal["send", "drop", "icmp"] = "drop"
    inner_vlan: Literal["remove", "refuse", "keep"] = "remove"
    #: Tag of the outer frame: VLAN id (None: no tag) and priority.
    vlan: int | None = None
    vlan_priority: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the underlay (NVE) by its provider address."""

    pa: Address
    mac: bytes
    #: MAC address of the router through which it sends to others; None: it reaches them directly.
    next_hop: bytes | None = None
    #: The same for single receivers, by their PA.
    next_hops: Mapping[Address, bytes] = field(default_factory=lambda: NO_NEXT_HOPS)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An address of a tenant and the host behind which it is; `mac` or at least one of `cas` is given."""

    pa: Address
    mac: bytes | None = None
    cas: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Subnet:
    """A virtual subnet."""

    #: The identifier; None for kinds without one.
    vsid: int | None
    entries: tuple[Entry, ...] = ()
    bum: Literal["replicate", "drop"] | Address = "replicate"
    unknown: Literal["drop", "flood"] = "drop"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything together."""

    encapsulation: Encapsulation = field(default_factory=Encapsulation)
    hosts: tuple[Host, ...] = ()
    subnets: tuple[Subnet, ...] = ()


class PolicyError(TomlError):
    """A policy that cannot be used: `problems` has a sentence for each rule broken, which names the key's path."""
