"""DHCP (RFC 2131): an arrival is a client that asks for its address: discover, offer, request, acknowledgement.

Every machine named as server offers (the first of the tenant, if none is); the client takes the first offer. The
address is that which the scenario gives the client, and it uses it from the start, for everything but this.

Limits: no renewals and no releases; a client asks again after four seconds, twice as long each time, four times.
"""

from __future__ import annotations

from functools import partial

from dissectors import offsets
from nvgre_inspect.traffic.stack.udp import Socket
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import DHCP
from nvgre_inspect.traffic.workloads import dhcp_message
from nvgre_inspect.traffic.workloads.base import Running
from nvgre_inspect.traffic.workloads.dhcp_message import CLIENT_PORT, SERVER_PORT, Message

_EVERYBODY = b"\xff" * 4
_ATTEMPTS = 4
#: RFC 2131 section 4.1.
_FIRST_WAIT_NS = 4_000_000_000


class RunningDHCP(Running[DHCP]):
    """Clients and servers."""

    def prepare(self) -> None:
        """Servers listen."""
        if not self.spec.servers:
            self.servers = self.servers[:1]
        self._addresses = {machine.mac: machine.ip4 for machine in self.site.machines.values()}
        for server in self.servers:
            holder: list[Socket] = []
            holder.append(server.udp.open(partial(self._asked, server, holder), SERVER_PORT, self.spec.dscp))
        self._waiting: dict[str, _Client] = {}

    def arrive(self, client: Machine, server: Machine) -> None:
        """A client asks, if it is not asking already."""
        if client.name not in self._waiting:
            self._waiting[client.name] = _Client(self, client)
            self._waiting[client.name].discover(_ATTEMPTS, _FIRST_WAIT_NS)

    def done(self, client: Machine) -> None:
        """A client has its address, or has given up."""
        del self._waiting[client.name]

    def _asked(self, server: Machine, holder: list[Socket], address: bytes, port: int, data: bytes) -> None:
        message, own = dhcp_message.parse(data), server.ip4
        if message is None or own is None:
            return
        yours = self._addresses.get(message.mac)
        if yours is None or message.server not in (b"", own):
            return
        answer = {dhcp_message.DISCOVER: dhcp_message.OFFER, dhcp_message.REQUEST: dhcp_message.ACK}.get(message.kind)
        if answer is None:
            return
        reply = Message(answer, message.transaction, message.mac, yours, own)
        body = dhcp_message.emit(reply, mask=server.mask, lease_s=self.spec.lease_s)
        holder[0].send(_EVERYBODY, CLIENT_PORT, body)


class _Client:
    """A machine that asks."""

    def __init__(self, running: RunningDHCP, machine: Machine) -> None:
        self._running = running
        self._machine = machine
        self._transaction = running.stream.getrandbits(32)
        self._socket = machine.udp.open(self._came, CLIENT_PORT)
        self._route = machine.route(_EVERYBODY, offsets.IPPROTO_UDP, dscp=running.spec.dscp, df=False, src=bytes(4))
        self._offered = self._over = False

    def discover(self, left: int, wait_ns: int) -> None:
        """Ask who has an address."""
        if self._over:
            return
        if not left:
            self._end()
            return
        self._offered = False
        self._send(Message(dhcp_message.DISCOVER, self._transaction, self._machine.mac))
        self._running.simulator.after(wait_ns, self.discover, left - 1, 2 * wait_ns)

    def _came(self, address: bytes, port: int, data: bytes) -> None:
        message = dhcp_message.parse(data)
        if message is None or (message.transaction, message.mac) != (self._transaction, self._machine.mac):
            return
        if message.kind == dhcp_message.OFFER and not self._offered:
            self._offered = True
            self._send(message._replace(kind=dhcp_message.REQUEST, yours=bytes(4), requested=message.yours))
        elif message.kind == dhcp_message.ACK:
            self._end()

    def _send(self, message: Message) -> None:
        self._socket.emit(self._route, SERVER_PORT, dhcp_message.emit(message))

    def _end(self) -> None:
        self._over = True
        self._socket.close()
        self._running.done(self._machine)
