"""Two virtual machines and a wire between them, for tests of the stacks: what passes is kept, and may be lost.

pair = MachinePair(lose=lambda sent: sent.info is not None and sent.info.length == 0)
pair.a.tcp.connect(ADDRESS_B, 80, application)
pair.run(1 * SECOND)
pair.sent
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

import dpkt

from nvgre_inspect.traffic.packet import Segment
from nvgre_inspect.traffic.scenario import VM, TCPOptions, Tenant
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stack.conversations import Conversations
from nvgre_inspect.traffic.stack.tcp_connection import Application, Connection
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.vnic import VNic

US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000
MTU = 1458
ADDRESSES = {"a": ("10.0.0.1", "fd00::1"), "b": ("10.0.0.2", "fd00::2")}
A4, A6 = (ip_address(text).packed for text in ADDRESSES["a"])
B4, B6 = (ip_address(text).packed for text in ADDRESSES["b"])
MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


class Sent(NamedTuple):
    """A frame that a machine put on the wire."""

    ns: int
    sender: str
    frame: bytes
    info: Segment | None
    lost: bool

    @property
    def ip(self) -> dpkt.ip.IP | dpkt.ip6.IP6:
        return dpkt.ethernet.Ethernet(self.frame).data

    @property
    def tcp(self) -> dpkt.tcp.TCP:
        return self.ip.data


class MachinePair:
    """Machines `a` and `b`; `lose` is asked for every frame, in the order in which they are sent.

    Unless `acquainted` is false they know each other's MAC addresses.
    """

    def __init__(
        self,
        options: TCPOptions | None = None,
        *,
        delay_ns: int = 500 * US,
        bandwidth_bps: int = 100_000_000,
        lose: Callable[[Sent], bool] = lambda sent: False,
        change: Callable[[Sent], bytes] = lambda sent: sent.frame,
        acquainted: bool = True,
    ) -> None:
        self.simulator = Simulator()
        self.sent: list[Sent] = []
        self._delay_ns, self._bandwidth_bps = delay_ns, bandwidth_bps
        self.lose = lose
        self.change = change
        self._free_ns = {"a": 0, "b": 0}
        tenant = Tenant(vsid=5001, tcp=options or TCPOptions())
        conversations = Conversations()
        self.a, self.b = (self._machine(tenant, name, conversations) for name in "ab")
        if acquainted:
            for address in (B4, B6):
                self.a.neighbours.learn(address, MAC_B)
            for address in (A4, A6):
                self.b.neighbours.learn(address, MAC_A)

    def _machine(self, tenant: Tenant, name: str, conversations: Conversations) -> Machine:
        mac = MAC_A if name == "a" else MAC_B
        ips = tuple(ip_address(text) for text in ADDRESSES[name])
        vnic = VNic(tenant, VM(name=name, host=name, mac=mac, ips=ips, prefixes=(24, 64)))
        vnic.port = self
        return Machine(vnic, self.simulator, random.Random(name), conversations, MTU)

    def transmit(self, vnic: VNic, frame: bytes, info: Segment | None) -> None:
        """`vnic.Port`."""
        name, now = vnic.spec.name, self.simulator.now_ns
        sent = Sent(now, name, frame, info, False)
        lost = self.lose(sent)
        self.sent.append(sent._replace(lost=lost))
        if lost:
            return
        start = max(now, self._free_ns[name])
        self._free_ns[name] = start + len(frame) * 8 * SECOND // self._bandwidth_bps
        peer = self.b if name == "a" else self.a
        self.simulator.at(self._free_ns[name] + self._delay_ns, peer.receive, self.change(sent))

    def run(self, until_ns: int) -> None:
        self.simulator.run(until_ns)

    def segments(self, sender: str) -> list[Sent]:
        """TCP segments of a machine's."""
        return [sent for sent in self.sent if sent.sender == sender and sent.info is not None]

    def data(self, sender: str) -> list[Sent]:
        """Those with payload."""
        return [sent for sent in self.segments(sender) if sent.info is not None and sent.info.length]

    def transfer(self, size: int, *, until_ns: int = 600 * SECOND) -> tuple[Source, Sink]:
        """`a` sends `size` bytes to `b` and closes, and `b` does the same then."""
        source, sink = Source(size), Sink()
        self.b.tcp.listen(80, lambda connection: sink)
        self.a.tcp.connect(B4, 80, source)
        self.run(until_ns)
        return source, sink


@dataclass
class Peer(Application):
    """Notes what happens."""

    got: int = 0
    events: list[str] = field(default_factory=list)
    connection: Connection | None = None

    def connected(self, connection: Connection) -> None:
        self.connection = connection
        self.events.append("connected")

    def received(self, connection: Connection, size: int) -> None:
        self.got += size

    def finished(self, connection: Connection) -> None:
        self.events.append("finished")

    def ended(self, connection: Connection, failed: bool) -> None:
        self.events.append("failed" if failed else "ended")


@dataclass
class Source(Peer):
    """Sends so many bytes and closes."""

    size: int = 0

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def connected(self, connection: Connection) -> None:
        super().connected(connection)
        connection.write(self.size)
        connection.close()


class Sink(Peer):
    """Closes when the peer does."""

    def finished(self, connection: Connection) -> None:
        super().finished(connection)
        connection.close()
