"""A network with faults, points everywhere, and frames that tests send: what passes where is kept.

net = Faulty(Loss(id="it", probability=1.0))
net.udp(10)
net.at("b"), net.got("B"), net.touched("it")
"""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any, NamedTuple

from dissectors import checksum
from nvgre_inspect.traffic.fault_specs import Fault
from nvgre_inspect.traffic.faults.install import install
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.points import Observer
from nvgre_inspect.traffic.scenario import Point, Scenario, Tenant
from nvgre_inspect.traffic.stack.vm import machines
from tests.builders import networks, overlay

RED, BLUE = networks.VSID, networks.VSID + 1
START_NS = Scenario(name="").start_ns
MS = 1_000_000
POINTS = (
    *(Point(name=host, uplink=host) for host in networks.HOSTS),
    Point(name="path", path="only"),
    *(Point(name=name, vnic=(RED, name)) for name in networks.MACHINES),
)


class Seen(NamedTuple):
    """A frame that a point recorded; `ns` is since the start, by the point's clock."""

    ns: int
    packet: Packet
    frame: bytes


class Faulty(networks.Listening):
    """Tenants RED and BLUE with machines A, B and C each, and the same addresses."""

    def __init__(self, *faults: Fault, **changes: Any) -> None:
        tenants = tuple(Tenant(vsid=vsid, vms=networks.machines()) for vsid in (RED, BLUE))
        points = changes.pop("points", POINTS)
        super().__init__(networks.scenario(faults=faults, points=points, tenants=tenants, **changes))
        self._seen: dict[str, list[Seen]] = {point.name: [] for point in points}
        self.points = {point.name: Observer(self.network, i, point, self, self) for i, point in enumerate(points)}
        made = machines(self.network)
        self.listen()  # machines would answer
        self._touched = install(self.network, made, self.points)

    # A sink and a watcher for points

    def write(self, point: int, ts_ns: int, frame: bytes) -> int:
        return 1 + sum(map(len, self._seen.values()))

    def finish(self, point: int, ts_ns: int, received: int, dropped: int) -> None:
        pass

    def seen(self, point: Point, number: int, ts_ns: int, packet: Packet, frame: bytes) -> None:
        self._seen[point.name].append(Seen(ts_ns - START_NS, packet.copy(), frame))

    # For tests

    def udp(self, count: int = 1, way: str = "AB", vsid: int = RED, every_ns: int = MS, **values: Any) -> None:
        """Packets from one machine to another, and half a second after the last."""
        frame = udp_frame(way, **values)
        for i in range(count):
            at = self.network.simulator.now_ns + i * every_ns
            self.network.simulator.at(at, self.network.vnics[vsid, way[0]].send, frame)
        self.run(count * every_ns + 500 * MS)

    def at(self, point: str) -> list[Seen]:
        """What passed a point."""
        return self._seen[point]

    def got(self, machine: str, vsid: int = RED) -> list[bytes]:
        """What a machine heard."""
        return self.frames_of(machine, vsid)

    def touched(self, fault: str) -> int:
        """How many packets a fault touched."""
        return len(self._touched.serials(fault))


def udp_frame(way: str = "AB", *, length: int = 100, tos: int = 0, family: int = 4, protocol: int = 17) -> bytes:
    """UDP from one machine to another, with right checksums; of another protocol: bytes."""
    numbers = [networks.MACHINES.index(name) for name in way]
    src, dst = (ip_address(f"10.1.0.{n + 1}" if family == 4 else f"2001:db8:1::{n + 1}").packed for n in numbers)
    body = struct.pack(">HHHH", 40000, 53, 8 + length, 0) + bytes(range(256))[:1] * length
    if protocol == 17:
        pseudo = checksum.ones_complement_sum(checksum.pseudo_header(src, dst, 17, len(body)))
        body = body[:6] + checksum.internet_checksum(body, pseudo).to_bytes(2, "big") + body[8:]
    macs = networks.MACS[numbers[1]] + networks.MACS[numbers[0]]
    if family == 6:
        return (
            macs + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28 | tos << 20, len(body), protocol, 64) + src + dst + body
        )
    header = struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(body), 1, 0x4000, 64, protocol, 0) + src + dst
    summed = header[:10] + checksum.internet_checksum(header).to_bytes(2, "big") + header[12:]
    return macs + b"\x08\x00" + summed + body


#: What is known of overlay's machines.
MACS = dict(zip(networks.MACHINES, networks.MACS, strict=True))
PAS = tuple(ip_address(pa) for pa in overlay.PAS[4])
