"""Links and stages: time, order, queues, and what hooks make of packets."""

from __future__ import annotations

from nvgre_inspect.traffic.link import Link
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.randomness import streams
from nvgre_inspect.traffic.scenario import LinkSpec
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stages import Stages

US = 1_000


def packet(serial: int) -> Packet:
    return Packet(bytes(60), 5001, serial, 0)


class Receiver:
    def __init__(self, **spec: int) -> None:
        self.simulator = Simulator()
        self.arrived: list[tuple[int, int]] = []
        self.link = Link(self.simulator, LinkSpec(**spec), streams(1).named("link"), self._arrive)

    def _arrive(self, packet: Packet) -> None:
        self.arrived.append((self.simulator.now_ns, packet.serial))

    def run(self) -> list[tuple[int, int]]:
        self.simulator.run(10**9)
        return self.arrived


def test_a_packet_takes_its_transmission_and_the_delay():
    receiver = Receiver(bandwidth_bps=10**9, delay_ns=5 * US)
    receiver.link.send(packet(1), 1000)
    assert receiver.run() == [(8 * US + 5 * US, 1)]


def test_packets_are_sent_one_after_the_other():
    receiver = Receiver(bandwidth_bps=10**9, delay_ns=0)
    for serial in (1, 2, 3):
        receiver.link.send(packet(serial), 125)
    assert receiver.run() == [(1 * US, 1), (2 * US, 2), (3 * US, 3)]


def test_times_are_rounded_up_to_whole_nanoseconds():
    receiver = Receiver(bandwidth_bps=3_000_000_000, delay_ns=0)
    receiver.link.send(packet(1), 100)
    assert receiver.run() == [(267, 1)]


def test_without_a_bandwidth_there_is_no_queue():
    receiver = Receiver(bandwidth_bps=0, delay_ns=7, queue=1)
    for serial in range(100):
        receiver.link.send(packet(serial), 1500)
    assert receiver.run() == [(7, serial) for serial in range(100)]
    assert receiver.link.dropped == 0


def test_what_does_not_fit_into_the_queue_is_lost():
    receiver = Receiver(bandwidth_bps=8_000_000, delay_ns=0, queue=2000)
    for serial in range(1, 6):
        receiver.link.send(packet(serial), 1000)
    # The first is being sent, 2,000 bytes wait behind it.
    assert [serial for _, serial in receiver.run()] == [1, 2, 3]
    assert receiver.link.dropped == 2


def test_a_queue_of_zero_bytes_has_no_limit():
    receiver = Receiver(bandwidth_bps=8_000_000, delay_ns=0, queue=0)
    for serial in range(500):
        receiver.link.send(packet(serial), 1500)
    assert len(receiver.run()) == 500


def test_jitter_delays_and_keeps_the_order():
    receiver = Receiver(bandwidth_bps=0, delay_ns=US, jitter_ns=1000 * US)
    for serial in range(200):
        receiver.simulator.at(serial * US, receiver.link.send, packet(serial), 100)
    arrived = receiver.run()
    assert [serial for _, serial in arrived] == list(range(200))
    late = [ns - serial * US for ns, serial in arrived]
    assert min(late) >= US
    assert max(late) <= 1001 * US
    assert len(set(late)) > 10


def test_a_point_sees_a_packet_when_its_transmission_begins():
    receiver = Receiver(bandwidth_bps=10**9, delay_ns=50 * US)
    seen: list[tuple[int, int]] = []
    receiver.link.tap = lambda packet: seen.append((receiver.simulator.now_ns, packet.serial))
    for serial in (1, 2):
        receiver.link.send(packet(serial), 1250)
    receiver.run()
    assert seen == [(0, 1), (10 * US, 2)]


def test_hooks_act_in_their_order_on_what_is_left():
    simulator = Simulator()
    stages = Stages(simulator)
    came: list[tuple[int, int]] = []
    stages.add("path", lambda given, where, now: [(10, given), (20, packet(given.serial + 100))])
    stages.add("path", lambda given, where, now: [] if given.serial == 2 else [(1, given)])
    for serial in (1, 2):
        stages.through("path", packet(serial), "s1", lambda given: came.append((simulator.now_ns, given.serial)))
    simulator.run(100)
    assert came == [(11, 1), (21, 101), (21, 102)]


def test_hooks_hear_where_and_when():
    simulator = Simulator()
    stages = Stages(simulator)
    heard: list[tuple[str, int]] = []

    def hook(given: Packet, where: str, now_ns: int) -> list[tuple[int, Packet]]:
        heard.append((where, now_ns))
        return [(0, given)]

    stages.add("decapsulation", hook)
    simulator.run(30)
    stages.through("decapsulation", packet(1), "b", lambda given: None)
    stages.through("path", packet(1), "s1", lambda given: None)
    assert heard == [("b", 30)]


def test_without_hooks_a_packet_goes_on_at_once():
    simulator = Simulator()
    came: list[Packet] = []
    given = packet(1)
    Stages(simulator).through("vnic", given, "web", came.append)
    assert came == [given]


def test_a_copy_of_a_packet_is_another_one():
    first = packet(1)
    second = first.copy()
    second.ttl -= 1
    second.marked("f")
    assert (first.ttl, first.marks) == (64, frozenset())
    assert (second.inner, second.serial, second.marks) == (first.inner, 1, {"f"})
