"""ICMP errors of the underlay about tunnel packets: made by routers and hosts, and read by the hosts that sent them.

RFC 792 and RFC 1191 (IPv4), RFC 4443 (IPv6). As much of the packet is quoted as fits into 576 bytes (RFC 1812 section
4.3.2.3) or 1,280 (RFC 4443 section 2.4).
"""

from __future__ import annotations

import ipaddress
import struct

from dissectors import offsets
from dissectors.icmp import ICMP, ICMPv6
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from nvgre_inspect.encapsulation.policy import Address

FRAGMENTATION_NEEDED = 4
PROTOCOL_UNREACHABLE = 2
PORT_UNREACHABLE = 3
_PARAMETER_PROBLEM = 4
_UNRECOGNIZED_NEXT_HEADER = 1
_TTL = 64
_ICMP_LEN = 576
_ICMPV6_LEN = 1280


def too_big(quoted: bytes, sender: Address, mtu: int) -> bytes:
    """The IP packet that says: packets of at most `mtu` bytes fit. `quoted` is the IP packet that did not."""
    if sender.version == 4:
        return _icmp(quoted, sender, offsets.ICMP_UNREACHABLE, FRAGMENTATION_NEEDED, struct.pack(">HH", 0, mtu))
    return _icmpv6(quoted, sender, offsets.ICMPV6_TOO_BIG, 0, struct.pack(">I", mtu))


def refused(quoted: bytes, sender: Address) -> bytes:
    """The IP packet that says: nobody here takes this protocol, or listens on that UDP port."""
    if sender.version == 4:
        code = PORT_UNREACHABLE if quoted[offsets.IP4_PROTOCOL] == offsets.IPPROTO_UDP else PROTOCOL_UNREACHABLE
        return _icmp(quoted, sender, offsets.ICMP_UNREACHABLE, code, bytes(4))
    if quoted[offsets.IP6_NEXT] == offsets.IPPROTO_UDP:
        return _icmpv6(quoted, sender, offsets.ICMPV6_UNREACHABLE, 4, bytes(4))
    pointer = struct.pack(">I", offsets.IP6_NEXT)
    return _icmpv6(quoted, sender, _PARAMETER_PROBLEM, _UNRECOGNIZED_NEXT_HEADER, pointer)


def path_mtu(packet: bytes) -> tuple[Address, int] | None:
    """Where packets went that were too big, and the MTU that an ICMP error named; None: it is no such error."""
    if packet[0] >> 4 == 4:
        error = ICMP(packet[offsets.IP4_MIN_LEN :])
        if (error.type, error.code) != (offsets.ICMP_UNREACHABLE, FRAGMENTATION_NEEDED):
            return None
        quote = bytes(error.data)
        return ipaddress.ip_address(quote[16:20]), error.mtu
    errorv6 = ICMPv6(packet[offsets.IP6_LEN :])
    if errorv6.type != offsets.ICMPV6_TOO_BIG:
        return None
    quote = bytes(errorv6.data)
    return ipaddress.ip_address(quote[24:40]), errorv6.mtu


def _icmp(quoted: bytes, sender: Address, kind: int, code: int, rest: bytes) -> bytes:
    room = _ICMP_LEN - offsets.IP4_MIN_LEN - offsets.ICMP_LEN
    error = ICMP(type=kind, code=code, rest=rest, data=quoted[:room])
    error.compute()
    result = IPv4(
        src=sender.packed, dst=quoted[12:16], protocol=offsets.IPPROTO_ICMP, ttl=_TTL, df=1, data=bytes(error)
    )
    result.compute()
    return bytes(result)


def _icmpv6(quoted: bytes, sender: Address, kind: int, code: int, rest: bytes) -> bytes:
    room = _ICMPV6_LEN - offsets.IP6_LEN - offsets.ICMP_LEN
    error = ICMPv6(type=kind, code=code, rest=rest, data=quoted[:room])
    result = IPv6(src=sender.packed, dst=quoted[8:24], next_header=offsets.IPPROTO_ICMPV6, hop_limit=_TTL)
    error.compute(result.pseudo_header(offsets.IPPROTO_ICMPV6, len(error)))
    result.data = bytes(error)
    result.compute()
    return bytes(result)
