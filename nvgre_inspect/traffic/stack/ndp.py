"""Neighbour discovery (RFC 4861 section 7) of one machine: solicitations, advertisements, and unsolicited ones.

Limits: no routers, no duplicate address detection; addresses are those of the scenario.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from dissectors import offsets
from nvgre_inspect.traffic.stack import ip

if TYPE_CHECKING:
    from nvgre_inspect.traffic.stack.vm import Machine

SOLICITATION, ADVERTISEMENT = 135, 136
#: RFC 4861 section 7.1: what came over a router is not believed.
HOP_LIMIT = 255
ALL_NODES = bytes.fromhex("ff02" + 13 * "00" + "01")
_SOLICITED_NODE = bytes.fromhex("ff02" + 9 * "00" + "01ff")
_SOLICITED, _OVERRIDE = 0x40000000, 0x20000000
_SOURCE_OPTION, _TARGET_OPTION = b"\x01\x01", b"\x02\x01"
#: Type, code, checksum and flags; then the target.
_TARGET = 8
_LEN = _TARGET + 16


def solicited_node(address: bytes) -> bytes:
    """The group of all who could have `address` (RFC 4291 section 2.7.1)."""
    return _SOLICITED_NODE + address[-3:]


class NDP:
    """What a machine with an IPv6 address says and hears."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def ask(self, address: bytes) -> None:
        """Who has `address`?"""
        self._send(SOLICITATION, solicited_node(address), 0, address, _SOURCE_OPTION)

    def announce(self) -> None:
        """The machine's own address and MAC, to all."""
        if self._machine.ip6 is not None:
            self._send(ADVERTISEMENT, ALL_NODES, _OVERRIDE, self._machine.ip6, _TARGET_OPTION)

    def receive(self, datagram: ip.Datagram) -> None:
        """A solicitation or an advertisement came; its checksum is right."""
        body, machine = datagram.body, self._machine
        if len(body) < _LEN or datagram.packet[7] != HOP_LIMIT:
            return
        target = body[_TARGET:_LEN]
        mac = _link_address(body)
        if body[0] == SOLICITATION:
            if target == machine.ip6 and any(datagram.src) and mac is not None:
                machine.neighbours.learn(datagram.src, mac)
                self._send(ADVERTISEMENT, datagram.src, _SOLICITED | _OVERRIDE, target, _TARGET_OPTION)
        elif mac is not None and target != machine.ip6:
            machine.neighbours.learn(target, mac, only_update=not body[4] & 0x40)

    def _send(self, kind: int, to: bytes, flags: int, target: bytes, option: bytes) -> None:
        machine = self._machine
        route = machine.route(to, offsets.IPPROTO_ICMPV6, ttl=HOP_LIMIT)
        body = struct.pack(">BBHI", kind, 0, 0, flags) + target + option + machine.mac
        machine.send(route, machine.icmp.with_checksum(route, body))


def _link_address(body: bytes) -> bytes | None:
    """The link-layer address in a message; None: there is none."""
    place = _LEN
    while place + 8 <= len(body) and body[place + 1]:
        if body[place] in (_SOURCE_OPTION[0], _TARGET_OPTION[0]):
            return body[place + 2 : place + 8]
        place += 8 * body[place + 1]
    return None
