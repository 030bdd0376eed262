"""DNS: an arrival is a query; the client asks again if no answer comes in time."""

from __future__ import annotations

from functools import partial

from nvgre_inspect.traffic.randomness import below
from nvgre_inspect.traffic.stack.udp import Socket
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import DNS
from nvgre_inspect.traffic.workloads import dns_message
from nvgre_inspect.traffic.workloads.base import Running

#: Prefixes of what is answered: those for documentation (RFC 5737, RFC 3849).
_ANSWERS = {4: bytes((192, 0, 2, 0)), 6: bytes.fromhex("20010db8") + bytes(12)}
#: Different names.
_NAMES = 1000


class RunningDNS(Running[DNS]):
    """Clients and servers."""

    def prepare(self) -> None:
        """Servers listen."""
        for server in self.servers:
            holder: list[Socket] = []
            holder.append(server.udp.open(partial(self._asked, holder), self.spec.port, self.spec.dscp))

    def arrive(self, client: Machine, server: Machine) -> None:
        """A query."""
        number = below(self.stream, _NAMES)
        message = dns_message.query(self.stream.getrandbits(16), f"{number}.{self.spec.domain}", self.spec.family)
        _Query(self, client, self.address(server), message).ask(self.spec.retries)

    def _asked(self, holder: list[Socket], address: bytes, port: int, data: bytes) -> None:
        if not dns_message.is_query(data):
            return
        prefix = _ANSWERS[self.spec.family]
        found = prefix[:-1] + bytes((1 + below(self.stream, 254),))
        delay = self.draw(self.spec.service)
        self.simulator.after(delay, holder[0].send, address, port, dns_message.answer(data, found))


class _Query:
    """A client that waits for an answer."""

    def __init__(self, running: RunningDNS, client: Machine, server: bytes, message: bytes) -> None:
        self._running = running
        self._server = server
        self._message = message
        self._answered = False
        port = running.next_port(running.spec.client_port)
        self._socket = client.udp.open(self._came, port, running.spec.dscp)

    def ask(self, left: int) -> None:
        """Send the query; again in a while, so many times."""
        if self._answered:
            return
        if left < 0:
            self._socket.close()
            return
        spec = self._running.spec
        self._socket.send(self._server, spec.port, self._message)
        self._running.simulator.after(spec.timeout_ns, self.ask, left - 1)

    def _came(self, address: bytes, port: int, data: bytes) -> None:
        if data[: dns_message.IDENTIFIER_LEN] == self._message[: dns_message.IDENTIFIER_LEN]:
            self._answered = True
            self._socket.close()
