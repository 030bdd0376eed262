"""Bulk transfers over TCP: an arrival is a connection on which one side sends as fast as it may, and then closes.

A receiver that reads at a rate takes what came every ten milliseconds; if that is less than comes, windows close.
"""

from __future__ import annotations

from nvgre_inspect.traffic.stack.tcp_connection import Application, Connection
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Bulk
from nvgre_inspect.traffic.workloads.base import Running

_READ_NS = 10_000_000
_SECOND_BITS = 8_000_000_000


class RunningBulk(Running[Bulk]):
    """Transfers."""

    def prepare(self) -> None:
        """Servers listen."""
        self._sizes: dict[tuple[bytes, int], int] = {}
        for server in self.servers:
            server.tcp.listen(self.spec.port, self._accept)

    def arrive(self, client: Machine, server: Machine) -> None:
        """A client connects."""
        size = max(self.draw(self.spec.size), 1)
        upload = self.spec.direction == "upload"
        application: Application = _Source(size) if upload else _Sink(self)
        local = self.next_port(self.spec.client_port)
        connection = client.tcp.connect(self.address(server), self.spec.port, application, self.spec.dscp, local)
        self._sizes[self.address(client), connection.ports[0]] = size

    def _accept(self, connection: Connection) -> Application | None:
        size = self._sizes.pop(connection.peer, None)
        if size is None:
            return None
        return _Sink(self) if self.spec.direction == "upload" else _Source(size)


class _Source(Application):
    """Sends everything and closes."""

    def __init__(self, size: int) -> None:
        self._size = size

    def connected(self, connection: Connection) -> None:
        connection.write(self._size)
        connection.close()


class _Sink(Application):
    """Takes what comes."""

    def __init__(self, running: RunningBulk) -> None:
        self._running = running
        self._step = running.spec.read_rate_bps * _READ_NS // _SECOND_BITS
        self._unread = 0
        self._reading = False

    def connected(self, connection: Connection) -> None:
        connection.keeps_unread = self._step > 0

    def received(self, connection: Connection, size: int) -> None:
        if not connection.keeps_unread:
            return
        self._unread += size
        if not self._reading:
            self._reading = True
            self._running.simulator.after(_READ_NS, self._read, connection)

    def finished(self, connection: Connection) -> None:
        connection.close()

    def _read(self, connection: Connection) -> None:
        taken = min(self._unread, self._step)
        self._unread -= taken
        self._reading = self._unread > 0
        if self._reading:
            self._running.simulator.after(_READ_NS, self._read, connection)
        connection.read(taken)
