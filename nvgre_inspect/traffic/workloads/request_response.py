"""Requests and responses over TCP: an arrival is a connection, on which requests are answered one after the other."""

from __future__ import annotations

from nvgre_inspect.traffic.stack.tcp_connection import Application, Connection
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import RequestResponse
from nvgre_inspect.traffic.workloads.base import Running


class RunningRequestResponse(Running[RequestResponse]):
    """Clients and servers."""

    def prepare(self) -> None:
        """Servers listen."""
        #: What a server finds of a connection: the client's exchange, by the client's address and port.
        self._exchanges: dict[tuple[bytes, int], _Exchange] = {}
        for server in self.servers:
            server.tcp.listen(self.spec.port, self._accept)

    def arrive(self, client: Machine, server: Machine) -> None:
        """A client connects."""
        exchange = _Exchange(self)
        local = self.next_port(self.spec.client_port)
        connection = client.tcp.connect(self.address(server), self.spec.port, _Client(exchange), self.spec.dscp, local)
        self._exchanges[self.address(client), connection.ports[0]] = exchange

    def _accept(self, connection: Connection) -> Application | None:
        exchange = self._exchanges.pop(connection.peer, None)
        return None if exchange is None else _Server(exchange)


class _Exchange:
    """What client and server of a connection are going to say, drawn when it is opened."""

    def __init__(self, running: RunningRequestResponse) -> None:
        self.running = running
        spec = running.spec
        count = max(running.draw(spec.requests), 1)
        self.requests = [max(running.draw(spec.request_size), 1) for _ in range(count)]
        self.responses = [max(running.draw(spec.response_size), 1) for _ in range(count)]
        self.service_ns = [running.draw(spec.service) for _ in range(count)]
        self.think_ns = [running.draw(spec.think) for _ in range(count)]


class _Side(Application):
    """What both sides do: count messages."""

    def __init__(self, exchange: _Exchange, expected: list[int]) -> None:
        self.exchange = exchange
        self._expected = expected
        self._came = 0
        self.done = 0

    def received(self, connection: Connection, size: int) -> None:
        self._came += size
        while self.done < len(self._expected) and self._came >= self._expected[self.done]:
            self._came -= self._expected[self.done]
            self.done += 1
            self.message(connection, self.done - 1)

    def message(self, connection: Connection, index: int) -> None:
        """A message is complete."""

    def finished(self, connection: Connection) -> None:
        connection.close()

    def later(self, delay_ns: int, connection: Connection, size: int) -> None:
        """Send a message in a while."""
        self.exchange.running.simulator.after(delay_ns, connection.write, size)


class _Client(_Side):
    def __init__(self, exchange: _Exchange) -> None:
        super().__init__(exchange, exchange.responses)

    def connected(self, connection: Connection) -> None:
        connection.write(self.exchange.requests[0])

    def message(self, connection: Connection, index: int) -> None:
        if index + 1 < len(self.exchange.requests):
            self.later(self.exchange.think_ns[index], connection, self.exchange.requests[index + 1])
        elif self.exchange.running.spec.close == "client":
            connection.close()
        elif self.exchange.running.spec.close == "reset":
            connection.abort()


class _Server(_Side):
    def __init__(self, exchange: _Exchange) -> None:
        super().__init__(exchange, exchange.requests)

    def message(self, connection: Connection, index: int) -> None:
        simulator = self.exchange.running.simulator
        last = index + 1 == len(self.exchange.requests)
        simulator.after(self.exchange.service_ns[index], self._answer, connection, index, last)

    def _answer(self, connection: Connection, index: int, last: bool) -> None:
        connection.write(self.exchange.responses[index])
        if last and self.exchange.running.spec.close == "server":
            connection.close()
