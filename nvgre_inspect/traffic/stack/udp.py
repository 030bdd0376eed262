"""UDP (RFC 768) of one machine: sockets, and "port unreachable" where there is none."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from dissectors import offsets
from nvgre_inspect.traffic.stack import checksum, ip, payload

if TYPE_CHECKING:
    from nvgre_inspect.traffic.stack.vm import Machine

HEADER_LEN = 8
_HEADER = struct.Struct(">HHHH")
#: Called with the address and port of the sender, and the data.
Received = Callable[[bytes, int, bytes], object]


class Socket:
    """A port of a machine's."""

    def __init__(self, machine: Machine, port: int, dscp: int) -> None:
        self._machine = machine
        self.port = port
        self._dscp = dscp
        self._routes: dict[bytes, ip.Route] = {}

    def send(self, address: bytes, port: int, head: bytes, more: int = 0, offset: int = 0) -> None:
        """A datagram with `head` (an even number of bytes, if more follows) and `more` bytes of the stream of payload.

        What is longer than the MTU is fragmented (IPv4), as there is no path MTU discovery here.
        """
        route = self._routes.get(address)
        if route is None:
            route = self._machine.route(address, offsets.IPPROTO_UDP, dscp=self._dscp, df=False)
            self._routes[address] = route
        self.emit(route, port, head, more, offset)

    def emit(self, route: ip.Route, port: int, head: bytes, more: int = 0, offset: int = 0) -> None:
        """The same by a route that the caller has."""
        length = HEADER_LEN + len(head) + more
        total = route.pseudo + 2 * length + self.port + port
        if head:
            total += checksum.partial(head)
        if more:
            total += payload.piece_sum(offset, more)
        header = _HEADER.pack(self.port, port, length, checksum.udp_field(total))
        self._machine.send(route, b"".join((header, head, payload.piece(offset, more))))

    def close(self) -> None:
        """Give the port back."""
        self._machine.udp.close(self)


class UDP:
    """The sockets of a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._receivers: dict[int, Received] = {}

    def open(self, received: Received, port: int = 0, dscp: int = 0) -> Socket:
        """A socket at `port` (0: one of its own)."""
        port = port or self._machine.free_port()
        self._receivers[port] = received
        return Socket(self._machine, port, dscp)

    def free(self, port: int, step: int) -> int:
        """The first port from `port` on, in steps, that nobody uses."""
        while port in self._receivers:
            port += step
        return port

    def close(self, socket: Socket) -> None:
        """Nobody listens at its port any more."""
        self._receivers.pop(socket.port, None)

    def receive(self, datagram: ip.Datagram) -> None:
        """A packet with protocol UDP came."""
        body = datagram.body
        if len(body) < HEADER_LEN:
            return
        src_port, dst_port, length, check = _HEADER.unpack_from(body)
        if not HEADER_LEN <= length <= len(body) or (check and not datagram.sound):
            return
        received = self._receivers.get(dst_port)
        if received is None:
            self._machine.icmp.port_unreachable(datagram)
            return
        received(datagram.src, src_port, body[HEADER_LEN:length])
