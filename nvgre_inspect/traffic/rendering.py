"""Rendering: packets as the bytes that a point records, byte for byte those of `encapsulation.Encapsulator`.

Most of an outer frame is the same for all packets of a flow, and is kept; lengths, TOS, TTL, identification and the
IPv4 checksum (RFC 1071, summed up beforehand) are put in. Where a checksum covers the tenant's frame, or a fault adds
fields to the GRE header, the headers are built anew (`outer.wrap`).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dissectors import checksum, offsets
from dissectors.base import Header
from dissectors.gre import GRETAP
from dissectors.ipv4 import IPv4
from dissectors.nvgre import NVGRE
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.encapsulation.routing import Leg
from nvgre_inspect.traffic.packet import Fragment, Packet

_IP4 = struct.Struct(">BBHHHBBH")
_IP6 = struct.Struct(">IHBB")
_UDP_LENGTHS = struct.Struct(">HH")
_DF = 0x4000
_MF = 0x2000
#: Bytes of a MAC address pair, and of an optional field of GRE.
_MACS = 12
_GRE_FIELD = 4
_PORTS = 4


class _Template(NamedTuple):
    """What frames of one leg, identifier and entropy value share."""

    #: Keeps the leg alive, by whose identity templates are found.
    leg: Leg
    link: bytes
    protocol: int
    addresses: bytes
    #: Sum of the 16-bit words of the IPv4 header that do not change.
    partial: int
    #: UDP ports; empty: no UDP.
    ports: bytes
    #: The tunnel's header behind IP or UDP.
    shim: bytes


class Renderer:
    """Renders the packets of one simulation, whose hosts all encapsulate the same way."""

    def __init__(self, encapsulation: Encapsulation) -> None:
        self._options = encapsulation
        self._in_udp = encapsulation.kind in outer.PORTS
        self._templates: dict[tuple[int, int | None, int], _Template] = {}
        #: Bytes of outer headers by the identity of the leg, which is kept.
        self._overheads: dict[int, tuple[Leg, int]] = {}
        #: Bytes before the outer IP header.
        self.link_len = offsets.ETH_LEN + (0 if encapsulation.vlan is None else offsets.VLAN_LEN)
        #: Kinds of which a checksum covers the tenant's frame.
        self._covered = encapsulation.checksum or encapsulation.sequence

    def ip_length(self, packet: Packet) -> int:
        """Bytes of the outer IP packet."""
        leg = packet.leg
        known = self._overheads.get(id(leg))
        # Asked for each packet at each hop: what most of them are comes first.
        if known is not None and packet.fragment is None and not (packet.gre_flags or packet.plain):
            return known[1] + len(packet.inner)
        if packet.plain:
            return len(packet.plain)
        if packet.fragment is not None:
            return offsets.IP4_MIN_LEN + packet.fragment.length
        assert leg is not None
        if known is None:
            known = self._overheads[id(leg)] = (leg, outer.overhead(self._options, leg.dst.version))
        length = known[1] + len(packet.inner)
        return length + _added(packet.gre_flags, self._options) if packet.gre_flags else length

    def frame_length(self, packet: Packet) -> int:
        """Bytes of the outer frame."""
        return self.link_len + self.ip_length(packet)

    def frame(self, packet: Packet, macs: bytes = b"") -> bytes:
        """The outer frame; `macs`: with these destination and source MAC addresses, those of a later hop."""
        assert packet.leg is not None
        link = self._template(packet).link if not packet.plain else outer.link_header(self._options, packet.leg)
        return (macs + link[_MACS:] if macs else link) + self.ip_packet(packet)

    def ip_packet(self, packet: Packet) -> bytes:
        """The outer IP packet, or the fragment of it."""
        if packet.plain:
            return _with_ttl(packet.plain, packet.ttl)
        whole = self._whole(packet)
        return whole if packet.fragment is None else _part(whole, packet.fragment)

    def _whole(self, packet: Packet) -> bytes:
        leg = packet.leg
        assert leg is not None
        family = leg.dst.version
        if packet.gre_flags or self._covered or (self._in_udp and family == 6):
            return self._built(packet, leg)
        template = self._template(packet)
        length = self.ip_length(packet) if packet.fragment is None else self._unfragmented_length(packet)
        if family == 6:
            head = _IP6.pack(6 << 28 | packet.tos << 20, length - offsets.IP6_LEN, template.protocol, packet.ttl)
        else:
            flags = _DF if packet.df else 0
            total = template.partial + packet.tos + length + packet.ident + flags + (packet.ttl << 8)
            total = (total & 0xFFFF) + (total >> 16)
            total = (total & 0xFFFF) + (total >> 16)
            head = _IP4.pack(
                0x45, packet.tos, length, packet.ident, flags, packet.ttl, template.protocol, ~total & 0xFFFF
            )
        if not template.ports:
            return b"".join((head, template.addresses, template.shim, packet.inner))
        udp_length = offsets.UDP_LEN + len(template.shim) + len(packet.inner)
        lengths = _UDP_LENGTHS.pack(udp_length, 0)
        return b"".join((head, template.addresses, template.ports, lengths, template.shim, packet.inner))

    def _unfragmented_length(self, packet: Packet) -> int:
        whole = packet.copy()
        whole.fragment = None
        return self.ip_length(whole)

    def _template(self, packet: Packet) -> _Template:
        assert packet.leg is not None
        key = (id(packet.leg), packet.vsid, packet.entropy)
        found = self._templates.get(key)
        if found is None:
            found = self._templates[key] = self._make(packet.leg, packet.vsid, packet.entropy)
        return found

    def _make(self, leg: Leg, vsid: int | None, entropy: int) -> _Template:
        link = outer.link_header(self._options, leg)
        protocol = outer.ip_protocol(self._options.kind, 4)
        addresses = leg.src.pa.packed + leg.dst.packed
        headers = b"".join(map(bytes, outer.tunnel(self._options, vsid, entropy=entropy)))
        ports = headers[:_PORTS] if self._in_udp else b""
        shim = headers[offsets.UDP_LEN :] if self._in_udp else headers
        partial = checksum.ones_complement_sum(addresses) + 0x4500 + protocol
        return _Template(leg, link, protocol, addresses, partial, ports, shim)

    def _built(self, packet: Packet, leg: Leg) -> bytes:
        """The packet by the classes of its headers: slower, and for every kind."""
        options = self._options
        ip = outer.ip_header(options, leg)
        outer.set_protocol(ip, outer.ip_protocol(options.kind, 4))
        ip.dscp, ip.ecn = packet.tos >> 2, packet.tos & 3
        if isinstance(ip, IPv4):
            ip.id, ip.ttl, ip.df = packet.ident, packet.ttl, int(packet.df)
        else:
            ip.hop_limit = packet.ttl
        headers = outer.tunnel(options, packet.vsid, entropy=packet.entropy, sequence=packet.sequence)
        if packet.gre_flags:
            headers = [_with_fields(headers[0], packet), *headers[1:]]
        return outer.wrap(ip, headers, packet.inner, 0, udp_checksum=options.checksum).packet


def _added(flags: int, options: Encapsulation) -> int:
    """Bytes that flags add to a GRE header."""
    own = (offsets.GRE_C if options.checksum else 0) | (offsets.GRE_S if options.sequence else 0)
    return _GRE_FIELD * (flags & ~own & (offsets.GRE_C | offsets.GRE_S)).bit_count()


def _with_fields(header: Header, packet: Packet) -> Header:
    """The GRE header with the flags that a fault sets, and their fields."""
    if not isinstance(header, NVGRE | GRETAP):
        raise TypeError(f"{type(header).__name__} has no flags of GRE")
    flags = header.flags | packet.gre_flags
    if flags & offsets.GRE_C and header.checksum is None:
        header.checksum = 0
    if flags & offsets.GRE_S and header.sequence is None:
        header.sequence = packet.sequence & 0xFFFFFFFF
    header.flags = flags
    return header


def _part(whole: bytes, fragment: Fragment) -> bytes:
    """A fragment of an IPv4 packet without options (RFC 791 section 3.2)."""
    header = bytearray(whole[: offsets.IP4_MIN_LEN])
    struct.pack_into(">H", header, 2, offsets.IP4_MIN_LEN + fragment.length)
    struct.pack_into(">H", header, 6, fragment.offset // 8 | (_MF if fragment.more else 0))
    start = offsets.IP4_MIN_LEN + fragment.offset
    return _checksummed(header) + whole[start : start + fragment.length]


def _with_ttl(ip_packet: bytes, ttl: int) -> bytes:
    """The packet with another TTL or hop limit."""
    if ip_packet[0] >> 4 == 6:
        return ip_packet[:7] + bytes((ttl,)) + ip_packet[8:]
    header = bytearray(ip_packet[: offsets.IP4_MIN_LEN])
    header[8] = ttl
    return _checksummed(header) + ip_packet[offsets.IP4_MIN_LEN :]


def _checksummed(header: bytearray) -> bytes:
    header[10:12] = bytes(2)
    header[10:12] = checksum.internet_checksum(bytes(header)).to_bytes(2, "big")
    return bytes(header)
