"""ICMP (RFC 792) and ICMPv6 (RFC 4443) of one machine: echo, what is unreachable here, and packets that were too big.

Errors are not sent about groups, broadcasts and errors (RFC 1122 section 3.2.2, RFC 4443 section 2.4).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from dissectors import offsets
from nvgre_inspect.traffic.stack import checksum, ip, ndp, payload

if TYPE_CHECKING:
    from nvgre_inspect.traffic.stack.vm import Machine

_ECHO = {4: (offsets.ICMP_ECHO, offsets.ICMP_ECHO_REPLY), 16: (offsets.ICMPV6_ECHO, offsets.ICMPV6_ECHO_REPLY)}
#: Type and code of "port unreachable" and "too big", and bytes that an error may have.
_PORT_UNREACHABLE = {4: (offsets.ICMP_UNREACHABLE, 3), 16: (offsets.ICMPV6_UNREACHABLE, 4)}
_TOO_BIG = {4: (offsets.ICMP_UNREACHABLE, 4), 16: (offsets.ICMPV6_TOO_BIG, 0)}
_LONGEST = {4: 576, 16: 1280}
_LEAST_MTU = {4: 576, 16: 1280}
_ERROR_LEN = 8
#: Called with the address of who answers, identifier and sequence number.
Answered = Callable[[bytes, int, int], object]


class ICMP:
    """Both versions."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        #: Who wants to know of echo replies, by identifier.
        self.answered: dict[int, Answered] = {}

    def with_checksum(self, route: ip.Route, body: bytes, total: int | None = None) -> bytes:
        """`body` with the checksum in its place, which is zero so far; `total`: its sum, where that is known."""
        total = checksum.partial(body) if total is None else total
        if len(route.dst) == 16:
            total += route.pseudo + len(body)
        return body[:2] + struct.pack(">H", checksum.field(total)) + body[4:]

    def echo(self, route: ip.Route, identifier: int, sequence: int, size: int) -> None:
        """Send an echo request with `size` bytes of data."""
        start = struct.pack(">BBHHH", _ECHO[len(route.dst)][0], 0, 0, identifier, sequence)
        total = checksum.partial(start) + payload.piece_sum(0, size)
        self._machine.send(route, self.with_checksum(route, start + payload.piece(0, size), total))

    def receive(self, datagram: ip.Datagram) -> None:
        """A packet with protocol ICMP or ICMPv6 came."""
        body, family = datagram.body, len(datagram.src)
        if len(body) < offsets.ICMP_LEN:
            return
        if not (datagram.sound if family == 16 else checksum.partial(body) == 0):
            return
        kind, reply = body[0], _ECHO[family][1]
        if kind == _ECHO[family][0]:
            self._reply(datagram, reply)
        elif kind == reply:
            identifier, sequence = struct.unpack_from(">HH", body, 4)
            answered = self.answered.get(identifier)
            if answered is not None:
                answered(datagram.src, identifier, sequence)
        elif (kind, body[1]) == _TOO_BIG[family]:
            self._too_big(body, family)
        elif family == 16 and kind in (ndp.SOLICITATION, ndp.ADVERTISEMENT):
            self._machine.ndp.receive(datagram)

    def _reply(self, datagram: ip.Datagram, kind: int) -> None:
        protocol = datagram.protocol
        route = self._machine.route(datagram.src, protocol, dscp=datagram.tos >> 2, df=False)
        body = bytes((kind, 0, 0, 0)) + datagram.body[4:]
        self._machine.send(route, self.with_checksum(route, body))

    def port_unreachable(self, datagram: ip.Datagram) -> None:
        """Nobody listens where `datagram` was to go."""
        machine, family = self._machine, len(datagram.src)
        if machine.is_group(datagram.dst):
            return
        kind, code = _PORT_UNREACHABLE[family]
        protocol = offsets.IPPROTO_ICMP if family == 4 else offsets.IPPROTO_ICMPV6
        route = machine.route(datagram.src, protocol, df=False)
        quoted = datagram.packet[: _LONGEST[family] - route.header_len - _ERROR_LEN]
        machine.send(route, self.with_checksum(route, struct.pack(">BBHI", kind, code, 0, 0) + quoted))

    def _too_big(self, body: bytes, family: int) -> None:
        """RFC 1191 section 3, RFC 8201 section 4."""
        quoted = body[_ERROR_LEN:]
        if family == 4:
            mtu = body[6] << 8 | body[7]
            header, dst, protocol = 20, quoted[16:20], quoted[9:10]
        else:
            mtu = int.from_bytes(body[4:8], "big")
            header, dst, protocol = 40, quoted[24:40], quoted[6:7]
        if len(quoted) < header + 4 or mtu < min(_LEAST_MTU[family], self._machine.mtu_to(dst)):
            return
        if mtu >= self._machine.mtu_to(dst):
            return
        self._machine.learn_mtu(dst, mtu)
        if protocol == bytes((offsets.IPPROTO_TCP,)):
            self._machine.tcp.too_big(quoted[header:], dst, mtu)
