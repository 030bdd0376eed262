"""A virtualised network to make captures of: hosts, VMs, and how frames travel between them.

`Overlay` collects inner frames with their times and carries them over the underlay when it is asked for
packets: it sorts by time first, so that the IPv4 identifications of each host count up as on a real wire.
`conversation` has what the VMs say to each other.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import build
from capture_file import Packet

US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Host:
    """A tunnel end: its provider address (PA), or an underlay multicast group and its MAC."""

    pa: str
    mac: str


@dataclass(frozen=True)
class Vm:
    """A tenant's machine: its customer address (CA), and the host that it runs on."""

    ip: str
    mac: str
    host: Host
    #: TTL of its packets: less for one beyond a gateway, who has the gateway's MAC and host.
    ttl: int = 64


#: (source, destination, VSID, inner frame, IPv4 identification) -> outer frame
Carrier = Callable[[Host, Host, int, bytes, int], bytes]


def over_nvgre(src: Host, dst: Host, vsid: int, frame: bytes, ident: int) -> bytes:
    mixed = entropy(frame)
    payload = build.nvgre(vsid, mixed & 0xFF, frame)
    packet = build.ip(src.pa, dst.pa, build.GRE, payload, ident=ident, flow_label=mixed & 0xFFFFF)
    return build.ethernet_ip(dst.mac, src.mac, packet)


def over_udp(src: Host, dst: Host, port: int, frame: bytes, payload: bytes, ident: int) -> bytes:
    """A tunnel on UDP: its source port tells the inner flows apart, its checksum is 0."""
    body = build.udp(src.pa, dst.pa, 0xC000 | entropy(frame) & 0x3FFF, port, payload, summed=False)
    return build.ethernet_ip(dst.mac, src.mac, build.ip(src.pa, dst.pa, build.UDP, body, ident=ident))


def over_vxlan(src: Host, dst: Host, vni: int, frame: bytes, ident: int) -> bytes:
    return over_udp(src, dst, 4789, frame, build.vxlan(vni, frame), ident)


def over_geneve(src: Host, dst: Host, vni: int, frame: bytes, ident: int) -> bytes:
    return over_udp(src, dst, 6081, frame, build.geneve(vni, frame), ident)


def entropy(frame: bytes) -> int:
    """A hash of the inner addresses and ports, the same for every packet of one direction of a flow."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        ports = frame[34:38] if frame[23] in (build.TCP, build.UDP) else b""
        return zlib.crc32(frame[23:24] + frame[26:34] + ports)
    if kind == b"\x86\xdd":
        ports = frame[54:58] if frame[20] in (build.TCP, build.UDP) else b""
        return zlib.crc32(frame[20:21] + frame[22:54] + ports)
    return zlib.crc32(frame[:14])


@dataclass
class Overlay:
    """Frames between VMs (and bare frames of the underlay) on a time line."""

    #: All times given to the methods below count from here, in nanoseconds.
    epoch_ns: int
    carrier: Carrier = over_nvgre
    events: list[tuple[int, Host, Host, int, bytes, str]] = field(default_factory=list)
    _bare: list[Packet] = field(default_factory=list)

    def send(self, at_ns: int, src: Host, dst: Host, vsid: int, frame: bytes, comment: str = "") -> None:
        """One inner frame from host to host (or to a multicast group)."""
        if src == dst:
            raise ValueError(f"{src.pa} delivers this within itself; the underlay would never see it")
        self.events.append((at_ns, src, dst, vsid, frame, comment))

    def deliver(self, at_ns: int, src: Vm, dst: Vm, vsid: int, packet: bytes, comment: str = "") -> None:
        """One IP packet from VM to VM."""
        self.send(at_ns, src.host, dst.host, vsid, inner_frame(src, dst, packet), comment)

    def bare(self, at_ns: int, frame: bytes, comment: str = "") -> None:
        """One frame of the underlay's own."""
        self._bare.append(Packet(self.epoch_ns + at_ns, frame, comment=comment))

    def packets(self) -> list[Packet]:
        """All frames in the order of time (frames of one instant in the order in which they were given)."""
        idents: Counter[str] = Counter()
        out = list(self._bare)
        for at_ns, src, dst, vsid, frame, comment in sorted(self.events, key=lambda event: event[0]):
            idents[src.pa] += 1
            ident = (zlib.crc32(src.pa.encode()) + idents[src.pa]) & 0xFFFF
            out.append(Packet(self.epoch_ns + at_ns, self.carrier(src, dst, vsid, frame, ident), comment=comment))
        return sorted(out, key=lambda packet: packet.ts_ns)


def inner_frame(src: Vm, dst: Vm, packet: bytes) -> bytes:
    return build.ethernet_ip(dst.mac, src.mac, packet)
