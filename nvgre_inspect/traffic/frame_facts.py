"""Facts: what an Ethernet frame says of the conversation to which it belongs: for the truth, apart from any decoder.

Limits: what machines of a simulation send, and routers of its underlay: Ethernet II with VLAN tags, IPv4 with options,
IPv6 with a hop-by-hop header, fragments of IPv4 only, nothing cut, no tunnel inside.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from dissectors import offsets

_WITH_PORTS = (offsets.IPPROTO_TCP, offsets.IPPROTO_UDP)
#: A frame without tags and IP options: MAC addresses; EtherType, version and header length; TOS, total length,
#: identification, fragment, protocol; addresses and ports.
_PLAIN = struct.Struct(">12s3sBHHHxB2x12s")
_PLAIN_KIND = b"\x08\x00\x45"
_PLAIN_TRANSPORT = offsets.ETH_LEN + offsets.IP4_MIN_LEN
_FRAGMENT = offsets.IP4_MF | offsets.IP4_OFFSET_MASK
#: A TCP header behind the ports.
_TCP = struct.Struct(">4xIIBBH")
#: Ends of conversations that are not made again.
_REMEMBERED = 1 << 16
_ECHO = {offsets.IPPROTO_ICMP: (0, 8), offsets.IPPROTO_ICMPV6: (128, 129)}
_OPTION_END, _OPTION_NOP = 0, 1


class TCPFacts(NamedTuple):
    """A TCP segment."""

    seq: int
    ack: int
    flags: int
    #: As it stands in the header, before scaling.
    window: int
    #: Bytes of payload.
    payload: int
    #: What options of a SYN say; -1: nothing.
    mss: int = -1
    window_scale: int = -1


class Part(NamedTuple):
    """A fragment of an IPv4 packet."""

    #: Identification.
    id: int
    #: Bytes of the packet's payload before it, and in it.
    offset: int
    length: int
    more: bool


class Ends(NamedTuple):
    """Who sends to whom: what all frames of one direction of a conversation have in common."""

    src_mac: bytes
    dst_mac: bytes
    #: VLAN ids, outermost first.
    vlans: tuple[int, ...]
    ethertype: int
    #: IP version; 0: it is no IP.
    family: int = 0
    #: IP protocol; -1: it is no IP.
    protocol: int = -1
    #: 4 or 16 bytes; empty: it is no IP.
    src_ip: bytes = b""
    dst_ip: bytes = b""
    #: TCP and UDP; of ICMP echo the identifier as `src_port`; -1: none, or not in this fragment.
    src_port: int = -1
    dst_port: int = -1

    @property
    def source(self) -> tuple[bytes, int]:
        """Who sends: address and port, or MAC address where it is no IP; ports of ICMP belong to nobody."""
        if not self.family:
            return self.src_mac, -1
        return self.src_ip, self.src_port if self.protocol in _WITH_PORTS else -1

    @property
    def turned(self) -> Ends:
        """Those of an answer."""
        return self._replace(
            src_mac=self.dst_mac, dst_mac=self.src_mac, src_ip=self.dst_ip, dst_ip=self.src_ip,
            src_port=self.dst_port, dst_port=self.src_port,
        )  # fmt: skip

    @property
    def both(self) -> frozenset[tuple[bytes, int]]:
        """Who talks, in either direction."""
        return frozenset((self.source, self.turned.source))


class Facts(NamedTuple):
    """A frame."""

    ends: Ends
    #: -1: it is no IP.
    dscp: int = -1
    #: Identification of IPv4; 0: it has none, or is not the first fragment.
    ip_id: int = 0
    tcp: TCPFacts | None = None
    part: Part | None = None


def facts_of(frame: bytes) -> Facts:
    """What a whole frame says."""
    if len(frame) >= _PLAIN.size:
        macs, kind, tos, length, ip_id, fragment, protocol, ends = _PLAIN.unpack_from(frame)
        if kind == _PLAIN_KIND and protocol in _WITH_PORTS and not fragment & _FRAGMENT:
            end = offsets.ETH_LEN + length
            tcp = _tcp(frame, _PLAIN_TRANSPORT, end) if protocol == offsets.IPPROTO_TCP else None
            return Facts(_plain_ends(macs, protocol, ends), tos >> 2, ip_id, tcp)
    return _any_facts(frame)


@lru_cache(maxsize=_REMEMBERED)
def _plain_ends(macs: bytes, protocol: int, ends: bytes) -> Ends:
    ports = (_word(ends, 8), _word(ends, 10))
    return Ends(macs[6:], macs[:6], (), offsets.ETHERTYPE_IPV4, 4, protocol, ends[:4], ends[4:8], *ports)


def _any_facts(frame: bytes) -> Facts:
    """The same for all frames, at three times the cost."""
    vlans: list[int] = []
    at = offsets.ETH_TYPE
    while (ethertype := _word(frame, at)) in offsets.VLAN_ETHERTYPES:
        vlans.append(_word(frame, at + 2) & offsets.VLAN_ID_MASK)
        at += offsets.VLAN_LEN
    base = (frame[6:12], frame[:6], tuple(vlans), ethertype)
    at += 2
    if ethertype == offsets.ETHERTYPE_IPV4:
        return _ipv4(frame, at, base)
    if ethertype == offsets.ETHERTYPE_IPV6:
        return _ipv6(frame, at, base)
    return Facts(Ends(*base))


_Base = tuple[bytes, bytes, tuple[int, ...], int]


def _ipv4(frame: bytes, at: int, base: _Base) -> Facts:
    protocol = frame[at + offsets.IP4_PROTOCOL]
    end = at + _word(frame, at + offsets.IP4_TOTAL_LEN)
    payload = at + (frame[at] & 0xF) * 4
    addresses = frame[at + 12 : at + 16], frame[at + 16 : at + 20]
    dscp, ip_id = frame[at + offsets.IP4_TOS] >> 2, _word(frame, at + offsets.IP4_ID)
    fragment = _word(frame, at + offsets.IP4_FRAGMENT)
    offset, more = (fragment & offsets.IP4_OFFSET_MASK) * 8, bool(fragment & offsets.IP4_MF)
    part = Part(ip_id, offset, end - payload, more) if offset or more else None
    if offset:
        return Facts(Ends(*base, 4, protocol, *addresses), dscp, part=part)
    ports, tcp = _transport(frame, payload, end, protocol)
    return Facts(Ends(*base, 4, protocol, *addresses, *ports), dscp, ip_id, tcp, part)


def _ipv6(frame: bytes, at: int, base: _Base) -> Facts:
    protocol = frame[at + offsets.IP6_NEXT]
    payload = at + offsets.IP6_LEN
    end = payload + _word(frame, at + offsets.IP6_PAYLOAD_LEN)
    if protocol == offsets.IPPROTO_HOPOPTS:
        protocol = frame[payload]
        payload += (frame[payload + 1] + 1) * 8
    ports, tcp = _transport(frame, payload, end, protocol)
    addresses = frame[at + 8 : at + 24], frame[at + 24 : at + 40]
    return Facts(Ends(*base, 6, protocol, *addresses, *ports), _word(frame, at) >> 6 & 0x3F, tcp=tcp)


def _transport(frame: bytes, at: int, end: int, protocol: int) -> tuple[tuple[int, int], TCPFacts | None]:
    """The ports, and what TCP says."""
    if protocol in _WITH_PORTS:
        ports = (_word(frame, at), _word(frame, at + 2))
        return ports, _tcp(frame, at, end) if protocol == offsets.IPPROTO_TCP else None
    if protocol in _ECHO and frame[at] in _ECHO[protocol]:
        return (_word(frame, at + 4), -1), None
    return (-1, -1), None


def _tcp(frame: bytes, at: int, end: int) -> TCPFacts:
    seq, ack, length, flags, window = _TCP.unpack_from(frame, at)
    header = (length >> 4) * 4
    payload = end - at - header
    if flags & offsets.TCP_SYN:
        return TCPFacts(seq, ack, flags, window, payload, *_options(frame[at + offsets.TCP_MIN_LEN : at + header]))
    return TCPFacts(seq, ack, flags, window, payload)


def _options(data: bytes) -> tuple[int, int]:
    """MSS and window scale; -1: not there."""
    mss, scale, at = -1, -1, 0
    while at < len(data) and data[at] != _OPTION_END:
        if data[at] == _OPTION_NOP:
            at += 1
            continue
        if data[at] == offsets.TCP_OPT_MSS:
            mss = _word(data, at + 2)
        elif data[at] == offsets.TCP_OPT_WSCALE:
            scale = data[at + 2]
        at += data[at + 1]
    return mss, scale


def _word(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]
