"""What a walk over one frame knows, and the few moves that every step makes: take a header, enter a layer,
stop.

Terms are those of docs/decoding.md. `Walk` (`dissectors.walk`) puts the steps of `walk_tunnels` and
`walk_transport` together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from dissectors import anomalies, encaps
from dissectors.base import Header
from dissectors.dispatch import DispatchTables
from dissectors.gre import GreKey
from dissectors.icmp import Quote
from dissectors.ipv4 import Fragment

MAX_HEADERS = 64
MAX_LAYERS = 16

H = TypeVar("H", bound=Header)
#: What comes next (a method of the walk) and where; None: the walk ends.
Step = tuple[Callable[[int], Any], int] | None


class Placed(NamedTuple):
    """A header and the offset in the frame where it starts."""

    start: int
    header: Header


@dataclass(slots=True)
class Encapsulation:
    """One layer of the stack."""

    kind: int
    #: VSID, VNI, key, SPI, label or session; None where the encapsulation has none.
    id: int | None
    #: Where its payload starts, and the `end` of the walk when it was entered.
    payload: int
    end: int
    #: NVGRE's FlowID, or the UDP source port where it stands directly in UDP; -1.
    flow_id: int
    #: IP headers outside it.
    n_ip: int

    @property
    def is_virtual(self) -> bool:
        """Whether it names a tenant by an id."""
        return self.id is not None and (self.kind in encaps.VIRTUAL or self.kind >= encaps.USER)


@dataclass(slots=True)
class IPHeader:
    """What later rules need of an IP header."""

    start: int
    family: int
    src: bytes
    dst: bytes
    tos: int
    ttl: int
    #: IPv6, else -1.
    flow_label: int
    #: The last next-header value that was read.
    protocol: int
    #: Where its packet ends by its own length; -1 where it does not say.
    claim: int
    #: What follows it and its extension headers; -1 in a later fragment or where the chain breaks.
    payload: int = -1
    #: Whether there is a segment routing header, valid or not.
    has_srh: bool = False


@dataclass(slots=True)
class FragmentPlace:
    """A fragmented IP header: `ip` counts from 0, `layers` are those outside it, `length` is of its
    payload in bytes.
    """

    ip: int
    layers: int
    length: int
    fragment: Fragment


@dataclass(slots=True)
class Innermost:
    """The innermost packet, as far as it was read; -1 stands for none, as in the record."""

    src_mac: int = -1
    dst_mac: int = -1
    vlans: tuple[int, ...] = ()
    ethertype: int = -1
    ip: IPHeader | None = None
    protocol: int = -1
    ip_id: int = -1
    src_port: int = -1
    dst_port: int = -1
    l4_off: int = -1
    payload_len: int = -1
    tcp_ok: int = 0
    tcp_flags: int = 0
    tcp_seq: int = -1
    tcp_ack: int = -1
    tcp_window: int = -1
    tcp_mss: int = -1
    tcp_wscale: int = -1
    icmp_type: int = -1
    icmp_code: int = -1


@dataclass(frozen=True, slots=True)
class Leaves:
    """Classes of what ends a walk, by which numbers they are announced: for the packet tree only."""

    ethertype: Mapping[int, type[Header]] = field(default_factory=dict)
    ip: Mapping[int, type[Header]] = field(default_factory=dict)
    tcp: Mapping[int, type[Header]] = field(default_factory=dict)
    udp: Mapping[int, type[Header]] = field(default_factory=dict)
    #: GRE protocol types that are no EtherTypes.
    gre: Mapping[int, type[Header]] = field(default_factory=dict)
    #: Users' classes by layer kind.
    user: Mapping[int, type[Header]] = field(default_factory=dict)


class WalkCore:
    """The state of a walk; `limit` is always `min(cap_end, end)`."""

    def __init__(
        self,
        frame: bytes,
        wire_len: int,
        gre_key: GreKey,
        tables: DispatchTables,
        leaves: Leaves | None,
    ) -> None:
        self.frame = frame
        self.end = wire_len
        self.cap_end = self.limit = min(len(frame), wire_len)
        self.gre_key = gre_key
        self.tables = tables
        self.leaves = leaves
        self.anomalies = 0
        #: Anomalies that steps added, with the number of headers known then: the last of them is where they are.
        self.noted: list[tuple[int, int]] = []
        self.headers: list[Placed] = []
        self.layers: list[Encapsulation] = []
        self.ips: list[IPHeader] = []
        #: Offset and source MAC of each Ethernet header.
        self.ethernets: list[tuple[int, int]] = []
        #: Source address of Linux cooked capture, -1.
        self.cooked_mac = -1
        #: Offset, sender's MAC and sender's IPv4 address of an ARP packet.
        self.arp_sender: tuple[int, int, bytes] | None = None
        self.fragments: list[FragmentPlace] = []
        self.innermost = Innermost()
        #: The tunnel packet that an ICMP error quotes, and its layer kind.
        self.quote: tuple[int, Quote] | None = None
        #: Kind (1 MPLS labels, 2 SRv6 segments), number of items and offset of the first.
        self.path = (0, 0, 0)
        #: First entropy label, and the number of layers outside its stack.
        self.entropy: tuple[int, int] | None = None
        #: Inside the first fragment of an IP packet: claims may exceed what is there.
        self.open_end = False
        #: A layer was entered since the last Ethernet header.
        self.fresh_layer = False
        self.next_protocol = -1
        self.mpls_kind = encaps.MPLS

    def run(self, step: Step) -> None:
        """Takes one step after the other."""
        count = 0
        while step is not None:
            if count == MAX_HEADERS:
                self.note(anomalies.NESTING_TOO_DEEP)
                return
            count += 1
            method, off = step
            before = self.anomalies
            step = method(off)
            if self.anomalies != before:
                self.noted.append((len(self.headers), self.anomalies & ~before))

    def note(self, code: int) -> None:
        """Records an anomaly."""
        self.anomalies |= 1 << code

    def there(self, off: int, length: int) -> bool:
        """Whether `length` bytes at `off` are there; records why not."""
        if off + length <= self.limit:
            return True
        beyond = off + length > self.end
        self.note(anomalies.HEADER_TRUNCATED if beyond else anomalies.HEADER_CUT_BY_SNAPLEN)
        return False

    def take(self, cls: type[H], off: int) -> H | None:
        """The header at `off`, None where its fixed part is not there."""
        limit = self.limit
        if off + cls.__hdr_len__ > limit:
            self.there(off, cls.__hdr_len__)
            return None
        header = cls(self.frame[off:limit])
        self.headers.append(Placed(off, header))
        return header

    def take_whole(self, cls: type[H], off: int) -> H | None:
        """As `take`, but None too where the variable part is not all there."""
        header = self.take(cls, off)
        return header if header is not None and self.there(off, header.header_len) else None

    def enter(self, kind: int, ident: int | None, payload: int, flow_id: int = -1) -> bool:
        """Enters a layer whose payload starts at `payload`; False where that nests too deep."""
        if len(self.layers) == MAX_LAYERS:
            self.note(anomalies.NESTING_TOO_DEEP)
            return False
        self.layers.append(Encapsulation(kind, ident, payload, self.end, flow_id, len(self.ips)))
        self.fresh_layer = True
        return True

    def shrink(self, end: int) -> None:
        """Moves the packet's end."""
        self.end = end
        self.limit = min(self.cap_end, end)

    def show(self, cls: type[Header] | None, off: int) -> None:
        """Adds a leaf for the packet tree, as far as its fixed part is there; no rule depends on it."""
        if cls is not None and off + cls.__hdr_len__ <= self.limit:
            self.headers.append(Placed(off, cls(self.frame[off : self.limit])))
