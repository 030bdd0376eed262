"""TCP of one machine: who listens, which segment belongs to which connection, and RST for what belongs to none.

    machine.tcp.listen(80, accept)                   accept(connection) -> Application, or None to refuse
    machine.tcp.connect(address, 80, application)

Congestion control and loss recovery are in `tcp_sender`, acknowledgements and windows in `tcp_receiver`, the handshake
and the end in `tcp_connection`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dissectors import offsets
from nvgre_inspect.traffic.packet import Segment
from nvgre_inspect.traffic.stack import ip, tcp_wire
from nvgre_inspect.traffic.stack.tcp_connection import Application, Connection
from nvgre_inspect.traffic.stack.tcp_wire import ACK, FIN, RST, SYN

if TYPE_CHECKING:
    from nvgre_inspect.traffic.stack.vm import Machine

#: Who takes a new connection; None: it is refused.
Accept = Callable[[Connection], Application | None]
_Key = tuple[int, bytes, int]


class TCP:
    """The connections of a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.simulator = machine.simulator
        self.options = machine.tcp_options
        self.random = machine.random
        #: Sends a segment: (route, segment, what is known of it, ECN).
        self.output = machine.send
        #: By local port, peer's address and port.
        self._connections: dict[_Key, Connection] = {}
        #: By port, in the order in which they are asked.
        self._listening: dict[int, list[Accept]] = {}
        #: Ports of which this stack leaves all segments to others.
        self._muted: set[int] = set()

    def listen(self, port: int, accept: Accept) -> None:
        """Connections to `port` are given to `accept`, unless somebody who listened before takes them."""
        self._listening.setdefault(port, []).append(accept)

    def mute(self, port: int) -> None:
        """Never answer segments to `port`: somebody else speaks for it."""
        self._muted.add(port)

    def connect(self, address: bytes, port: int, application: Application, dscp: int = 0, local: int = 0) -> Connection:
        """Open a connection to `address` (4 or 16 bytes) from the port `local`, 0: from any."""
        local = local or self._machine.free_port()
        number = self._machine.conversations.begin(self._machine.source(address), local, address, port)
        connection = Connection(
            self, self._route(address, dscp), (local, port), application, number=number, client=True
        )
        self._connections[local, address, port] = connection
        connection.open()
        return connection

    def forget(self, connection: Connection) -> None:
        """It is over."""
        self._connections.pop((connection.ports[0], *connection.peer), None)

    def mss(self, route: ip.Route, *, of_path: bool = True) -> int:
        """The longest segment: of what is known of the path, or (what a SYN says) of the machine's own link."""
        mtu = self._machine.mtu_to(route.dst) if of_path else self._machine.mtu
        return mtu - route.header_len - tcp_wire.HEADER_LEN

    def receive(self, datagram: ip.Datagram) -> None:
        """A packet with protocol TCP came."""
        segment = tcp_wire.parse(datagram.body)
        if segment is None:
            return
        connection = self._connections.get((segment.dst_port, datagram.src, segment.src_port))
        if connection is not None:
            connection.receive(segment, datagram)
        elif datagram.sound:
            self._unknown(segment, datagram)

    def too_big(self, quoted: bytes, dst: bytes, mtu: int) -> None:
        """A router says that the quoted segment (the start of one) to `dst` is too long."""
        local, remote = quoted[0] << 8 | quoted[1], quoted[2] << 8 | quoted[3]
        connection = self._connections.get((local, dst, remote))
        if connection is not None:
            connection.too_big(mtu)

    def _unknown(self, segment: tcp_wire.Segment, datagram: ip.Datagram) -> None:
        """RFC 9293 section 3.10.7.1: a new connection, or nothing that we know of."""
        number, by_client = self._machine.conversations.find(
            datagram.src, segment.src_port, datagram.dst, segment.dst_port
        )
        if segment.flags & (SYN | ACK | RST) == SYN and self._accepted(segment, datagram, number):
            return
        if not segment.flags & RST and segment.dst_port not in self._muted:
            self._refuse(segment, datagram, number, not by_client)

    def _accepted(self, segment: tcp_wire.Segment, datagram: ip.Datagram, number: int) -> bool:
        """Whether somebody takes a new connection."""
        listening = self._listening.get(segment.dst_port)
        if listening is None:
            return False
        ports = (segment.dst_port, segment.src_port)
        route = self._route(datagram.src, datagram.tos >> 2)
        connection = Connection(self, route, ports, Application(), number=number, client=False)
        for accept in listening:
            application = accept(connection)
            if application is not None:
                connection.application = application
                self._connections[segment.dst_port, datagram.src, segment.src_port] = connection
                connection.opened_by(segment)
                return True
        return False

    def _refuse(self, segment: tcp_wire.Segment, datagram: ip.Datagram, number: int, from_client: bool) -> None:
        route = self._route(datagram.src, 0)
        if segment.flags & ACK:
            seq, ack, flags = segment.ack, 0, RST
        else:
            length = len(segment.data) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
            seq, ack, flags = 0, segment.seq + length, RST | ACK
        ports = (segment.dst_port, segment.src_port)
        body = tcp_wire.emit(route.pseudo, ports, seq, ack, flags, 0)
        self.output(route, body, Segment(number, from_client, seq, 0))

    def _route(self, address: bytes, dscp: int) -> ip.Route:
        return self._machine.route(address, offsets.IPPROTO_TCP, dscp=dscp)
