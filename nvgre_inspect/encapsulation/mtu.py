"""Frames that are longer than the underlay carries: what an encapsulating endpoint answers (docs/encapsulation.md).

RFC 7637 section 4.4: nothing is fragmented after encapsulation. The sender is told, as a router would: ICMP
"fragmentation needed" (RFC 1191) or ICMPv6 "packet too big" (RFC 4443 section 3.2), under the rules for when errors are
not sent (RFC 1122 section 3.2.2, RFC 4443 section 2.4). As tunnels of the Linux kernel do, the answer pretends to come
from whom the packet was for, since an endpoint has no address of its own in the tenant's network.

Limits: the rate of answers is not limited, as RFC 4443 section 2.4 (f) asks of those who answer on a wire.
"""

from __future__ import annotations

import ipaddress
import struct

from dissectors import ndp, offsets
from dissectors.icmp import ICMP, ICMPv6
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.inner_frame import InnerFrame
from nvgre_inspect.encapsulation.policy import Encapsulation

_FRAGMENTATION_NEEDED = 4
_TTL = 64
#: Longest answers (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c)); the latter is also IPv6's least MTU.
_ICMP_LEN = 576
_ICMPV6_LEN = 1280
#: The least MTU that an IPv4 link may have (RFC 791).
_LEAST_IPV4 = 68
_GROUP_BIT = 0x01
#: ICMPv6 types from here on are no errors (RFC 4443 section 2.1).
_INFORMATIONAL = 128


def room(encapsulation: Encapsulation, family: int, frame: InnerFrame, *, keyed: bool = True) -> int:
    """The longest IP packet, in bytes, that fits into the policy's MTU inside such a frame; may be negative.

    `family` is the IP version of the underlay; `keyed` as of `outer.overhead`.
    """
    left = encapsulation.mtu - outer.overhead(encapsulation, family, keyed=keyed)
    if encapsulation.kind in outer.CARRIES_IP:
        return left
    kept = frame.tags if encapsulation.inner_vlan == "keep" else 0
    return left - offsets.ETH_LEN - kept * offsets.VLAN_LEN


def answer(frame: InnerFrame, mtu: int) -> bytes | None:
    """The frame back to the sender of a too long one: packets of at most `mtu` bytes fit. None: none may be sent."""
    if frame.ip is None or not _may_answer(frame, frame.ip):
        return None
    addresses = frame.data[offsets.ETH_SRC : offsets.ETH_TYPE] + frame.data[: offsets.ETH_SRC]
    link = addresses + frame.data[offsets.ETH_TYPE : frame.payload] if frame.src_mac else b""
    packet = frame.data[frame.payload : frame.ip_end]
    if isinstance(frame.ip, IPv4):
        return link + bytes(_fragmentation_needed(frame.ip, packet, mtu))
    return link + bytes(_packet_too_big(frame.ip, packet, mtu))


def _fragmentation_needed(ip: IPv4, packet: bytes, mtu: int) -> IPv4:
    quote = packet[: _ICMP_LEN - offsets.IP4_MIN_LEN - offsets.ICMP_LEN]
    rest = struct.pack(">HH", 0, max(mtu, _LEAST_IPV4))
    icmp = ICMP(type=offsets.ICMP_UNREACHABLE, code=_FRAGMENTATION_NEEDED, rest=rest, data=quote)
    icmp.compute()
    result = IPv4(src=ip.dst, dst=ip.src, protocol=offsets.IPPROTO_ICMP, ttl=_TTL, df=1, data=bytes(icmp))
    result.compute()
    return result


def _packet_too_big(ip: IPv6, packet: bytes, mtu: int) -> IPv6:
    quote = packet[: _ICMPV6_LEN - offsets.IP6_LEN - offsets.ICMP_LEN]
    icmp = ICMPv6(type=offsets.ICMPV6_TOO_BIG, rest=struct.pack(">I", max(mtu, _ICMPV6_LEN)), data=quote)
    result = IPv6(src=ip.dst, dst=ip.src, next_header=offsets.IPPROTO_ICMPV6, hop_limit=_TTL)
    icmp.compute(result.pseudo_header(offsets.IPPROTO_ICMPV6, len(icmp)))
    result.data = bytes(icmp)
    result.compute()
    return result


def _may_answer(frame: InnerFrame, ip: IPv4 | IPv6) -> bool:
    if frame.missing > 0 or any(mac[0] & _GROUP_BIT for mac in (frame.dst_mac, frame.src_mac) if mac):
        return False
    if not (_single_host(ip.src) and _single_host(ip.dst)):
        return False
    fragments = (ip.fragment,) if isinstance(ip, IPv4) else ip.fragments
    if any(fragment and fragment.offset for fragment in fragments) or (isinstance(ip, IPv4) and not ip.df):
        return False
    return not _is_icmp_error(frame, ip)


def _single_host(raw: bytes) -> bool:
    address = ipaddress.ip_address(raw)
    reserved = address.version == 4 and address.is_reserved
    return not (address.is_multicast or address.is_unspecified or address.is_loopback or reserved)


def _is_icmp_error(frame: InnerFrame, ip: IPv4 | IPv6) -> bool:
    """Also where it is not there to see: in doubt nothing is answered."""
    start = frame.payload + ip.header_len
    kind = frame.data[start : min(start + 1, frame.ip_end)]
    if isinstance(ip, IPv4):
        return ip.protocol == offsets.IPPROTO_ICMP and (not kind or kind[0] in ICMP.ERRORS)
    if ip.protocol != offsets.IPPROTO_ICMPV6:
        return False
    return not kind or kind[0] < _INFORMATIONAL or kind[0] == ndp.REDIRECT
