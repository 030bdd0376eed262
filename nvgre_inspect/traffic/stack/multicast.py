"""Groups of one machine: membership reports by IGMPv2 (RFC 2236) and MLDv1 (RFC 2710).

Limits: reports are sent when a group is joined and once more a while later (RFC 2236 section 3); there is no querier.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from dissectors import offsets
from nvgre_inspect.traffic.stack import checksum

if TYPE_CHECKING:
    from nvgre_inspect.traffic.stack.vm import Machine

_IGMP_REPORT, _MLD_REPORT = 0x16, 131
#: RFC 2236 section 8.10: the unsolicited report interval.
_AGAIN_NS = 10_000_000_000
_TTL = 1
#: Router alert (RFC 2711) in a hop-by-hop header, which reports must have (RFC 2710 section 3).
_HOP_BY_HOP = bytes((offsets.IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0))


def group_mac(address: bytes) -> bytes:
    """The MAC of a group (RFC 1112 section 6.4, RFC 2464 section 7)."""
    if len(address) == 4:
        return b"\x01\x00\x5e" + bytes((address[1] & 0x7F,)) + address[2:]
    return b"\x33\x33" + address[-4:]


class Multicast:
    """The groups that a machine has joined."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def join(self, group: bytes) -> None:
        """Take packets for `group` (4 or 16 bytes), and say so."""
        self._machine.accept(group_mac(group), group)
        self._report(group)
        self._machine.simulator.after(_AGAIN_NS, self._report, group)

    def _report(self, group: bytes) -> None:
        machine = self._machine
        if len(group) == 4:
            route = machine.route(group, offsets.IPPROTO_IGMP, ttl=_TTL)
            body = struct.pack(">BBH", _IGMP_REPORT, 0, 0) + group
            machine.send(route, body[:2] + struct.pack(">H", checksum.field(checksum.partial(body))) + body[4:])
            return
        # The checksum is that of the ICMPv6 message, whatever stands in front of it.
        message = struct.pack(">BBHHH", _MLD_REPORT, 0, 0, 0, 0) + group
        inner = machine.route(group, offsets.IPPROTO_ICMPV6)
        message = machine.icmp.with_checksum(inner, message)
        machine.send(machine.route(group, offsets.IPPROTO_HOPOPTS, ttl=_TTL), _HOP_BY_HOP + message)
