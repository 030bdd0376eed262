"""Workloads of a scenario: what machines of a tenant do, as data. `workloads/` does it.

A workload has *arrivals* (connections, calls, queries, requests): the first at `start_ns`, the next ones `every` apart,
each of one client and one server drawn from those named. Times are nanoseconds, relative to the start of the
simulation where they are points in time; sizes are bytes of payload.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from nvgre_inspect.traffic.script import Step

_MS = 1_000_000
_SECOND = 1_000_000_000

DistributionKind = Literal["constant", "exponential", "pareto", "lognormal", "choice"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Numbers that are drawn: sizes in bytes, times in nanoseconds, or counts."""

    kind: DistributionKind = "constant"
    #: The mean, in the unit of what is drawn; of `choice`: unused.
    mean: float = 0
    #: pareto: the shape alpha, above 1; lognormal: sigma of the logarithm.
    shape: float = 0
    #: What is drawn lies between these; `high` 0: no bound.
    low: int = 0
    high: int = 0
    #: choice: what can come, and how often each, relative to the others (empty: each as often).
    values: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()


def constant(value: int) -> Distribution:
    """Always the same."""
    return Distribution(mean=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What all workloads have."""

    #: As in the file.
    KIND: ClassVar[str] = ""

    #: What the truth calls it; unique in its tenant.
    name: str
    #: VMs of the tenant, by name; empty: all (as servers: all but the client).
    clients: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    #: Arrivals come from here on, and before this; `stop_ns` 0: until the end.
    start_ns: int = 0
    stop_ns: int = 0
    every: Distribution = field(default_factory=lambda: constant(_SECOND))
    #: At most so many arrivals; 0: as many as come.
    count: int = 0
    #: IP version of the tenant's packets.
    family: Literal[4, 6] = 4
    dscp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestResponse(Workload):
    """TCP: an arrival is a connection on which requests are answered one after the other."""

    KIND: ClassVar[str] = "request-response"

    port: int = 80
    #: Port of the first connection's client, counting up; 0: what is free.
    client_port: int = 0
    requests: Distribution = field(default_factory=lambda: constant(1))
    request_size: Distribution = field(default_factory=lambda: constant(200))
    response_size: Distribution = field(default_factory=lambda: constant(2000))
    #: What the server needs for an answer, and the client between an answer and its next request.
    service: Distribution = field(default_factory=lambda: constant(_MS))
    think: Distribution = field(default_factory=lambda: constant(10 * _MS))
    #: Who sends the first FIN, or that the client ends with RST.
    close: Literal["client", "server", "reset"] = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk(Workload):
    """TCP: an arrival is a connection on which one side sends as fast as it may."""

    KIND: ClassVar[str] = "bulk"

    port: int = 5201
    client_port: int = 0
    size: Distribution = field(default_factory=lambda: constant(1_000_000))
    #: `upload`: the client sends.
    direction: Literal["upload", "download"] = "upload"
    #: What the receiver's application takes per second; 0: everything at once. Less makes windows close.
    read_rate_bps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice(Workload):
    """UDP: an arrival is a call: both sides send packets of one size at one interval."""

    KIND: ClassVar[str] = "voice"

    port: int = 16384
    interval_ns: int = 20 * _MS
    size: int = 172
    duration: Distribution = field(default_factory=lambda: constant(5 * _SECOND))


@dataclass(frozen=True, slots=True, kw_only=True)
class Video(Workload):
    """UDP: an arrival is a stream from the server to the client: a burst of packets for each frame."""

    KIND: ClassVar[str] = "video"

    port: int = 5004
    frame_rate: int = 25
    frame_size: Distribution = field(default_factory=lambda: Distribution("lognormal", 10_000, 0.4, 500, 60_000))
    #: Largest payload of a packet.
    packet_size: int = 1200
    duration: Distribution = field(default_factory=lambda: constant(5 * _SECOND))


@dataclass(frozen=True, slots=True, kw_only=True)
class DNS(Workload):
    """UDP: an arrival is a query; the client asks again if no answer comes."""

    KIND: ClassVar[str] = "dns"

    port: int = 53
    client_port: int = 0
    #: Names are <number>.`domain`.
    domain: str = "example.com"
    service: Distribution = field(default_factory=lambda: constant(_MS))
    timeout_ns: int = 2 * _SECOND
    retries: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Workload):
    """ICMP echo: an arrival is a request; a client's requests to one server have one identifier."""

    KIND: ClassVar[str] = "ping"

    size: int = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class ARP(Workload):
    """ARP, or neighbour discovery with `family` 6: an arrival is a request for a server's address."""

    KIND: ClassVar[str] = "arp"

    #: The client announces its own address instead (gratuitous ARP, unsolicited neighbour advertisement).
    gratuitous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast(Workload):
    """UDP to the broadcast address (`family` 6: to all nodes): an arrival is a packet of a client's."""

    KIND: ClassVar[str] = "broadcast"

    port: int = 138
    size: Distribution = field(default_factory=lambda: constant(200))


@dataclass(frozen=True, slots=True, kw_only=True)
class Multicast(Workload):
    """UDP to a group: servers join (IGMP, MLD) at the start, an arrival is a packet of a client's."""

    KIND: ClassVar[str] = "multicast"

    group: str = "239.1.1.1"
    port: int = 5000
    size: Distribution = field(default_factory=lambda: constant(500))


@dataclass(frozen=True, slots=True, kw_only=True)
class DHCP(Workload):
    """DHCPv4: an arrival is a client that asks the server for its address, from discover to acknowledgement."""

    KIND: ClassVar[str] = "dhcp"

    lease_s: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Script(Workload):
    """TCP segments, UDP datagrams and frames exactly as they are written: no protocol stack has a say in them."""

    KIND: ClassVar[str] = "script"

    #: Unlike that of others: a script is played once.
    count: int = 1
    port: int = 80
    client_port: int = 0
    #: Initial sequence number of the client; None: drawn.
    client_isn: int | None = None
    script: tuple[Step, ...] = ()


#: The classes by what the file calls them.
WORKLOADS: dict[str, type[Workload]] = {
    kind.KIND: kind
    for kind in (RequestResponse, Bulk, Voice, Video, DNS, Ping, ARP, Broadcast, Multicast, DHCP, Script)
}
