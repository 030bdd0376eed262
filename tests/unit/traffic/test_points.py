"""Observation points and their captures: what they see where, their clocks and gaps, and the files that are written."""

from __future__ import annotations

import dataclasses
import io
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from dissectors.ethernet import Ethernet
from dissectors.ipv4 import IPv4
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.session import open_session
from nvgre_inspect.traffic.captures import FilePerPoint, OneFile, place_of
from nvgre_inspect.traffic.fabric import LEAF_MAC
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.points import Observer
from nvgre_inspect.traffic.scenario import PathSpec, Point, Scenario
from tests.builders import networks, overlay
from tests.builders.networks import IDEAL, VSID, Listening

NS = 1_000_000_000
FRAME = overlay.udp_frame()
BACK = overlay.mac(overlay.MAC_A) + overlay.mac(overlay.MAC_B) + FRAME[12:]
HOST_A, HOST_B = (overlay.mac(mac) for mac in overlay.NVE_MACS[:2])
UPLINK = Point(name="up", uplink="a")
BEHIND = Point(name="behind", uplink="b")
MIDDLE = Point(name="mid", path="s1")
INSIDE = Point(name="in", vnic=(VSID, "B"))
ALL = (UPLINK, BEHIND, MIDDLE, INSIDE)


class Memory:
    """A sink, and a watcher of what is written to it."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, bytes]] = []
        self.finished: list[tuple[int, int, int, int]] = []
        self.told: list[tuple[str, int, int, int]] = []

    def write(self, point: int, ts_ns: int, frame: bytes) -> int:
        self.frames.append((point, ts_ns, frame))
        return len(self.frames)

    def finish(self, point: int, ts_ns: int, received: int, dropped: int) -> None:
        self.finished.append((point, ts_ns, received, dropped))

    def seen(self, point: Point, number: int, ts_ns: int, packet: Packet, frame: bytes) -> None:
        assert self.frames[number - 1][1:] == (ts_ns, frame)
        self.told.append((point.name, number, packet.serial, ts_ns))

    def at(self, point: int) -> list[bytes]:
        return [frame for index, _, frame in self.frames if index == point]


class Watching(Listening):
    """A network with points at work."""

    def __init__(self, *points: Point, hops: int = 1, **changes: Any) -> None:
        paths = (PathSpec(name="s1", link=IDEAL, hops=hops),)
        super().__init__(networks.scenario(points=points, paths=paths, **changes))
        self.memory = Memory()
        self.observers = [Observer(self.network, i, point, self.memory, self.memory) for i, point in enumerate(points)]

    def finish(self) -> None:
        for observer in self.observers:
            observer.finish()


def test_every_point_sees_both_directions():
    watching = Watching(*ALL)
    watching.send(FRAME)
    watching.send(BACK, sender="B")
    for point in range(3):
        assert [Decapsulator().decapsulate(frame).frame for frame in watching.memory.at(point)] == [FRAME, BACK]
    assert watching.memory.at(3) == [FRAME, BACK]


def test_routers_change_mac_addresses_and_ttl():
    watching = Watching(*ALL)
    watching.send(FRAME)
    (sent,), (arrived,), (between,) = (watching.memory.at(point) for point in range(3))
    spine = watching.network.fabric.paths["s1"].mac
    ends = [(Ethernet(frame).dst, Ethernet(frame).src) for frame in (sent, between, arrived)]
    assert ends == [(LEAF_MAC, HOST_A), (spine, LEAF_MAC), (HOST_B, LEAF_MAC)]
    assert [IPv4(frame[14:]).ttl for frame in (sent, between, arrived)] == [64, 63, 63]
    assert all(IPv4(frame[14:]).checksum_ok for frame in (sent, between, arrived))


def test_switches_change_nothing():
    watching = Watching(*ALL, hops=0)
    watching.send(FRAME)
    (sent,), (arrived,), (between,) = (watching.memory.at(point) for point in range(3))
    assert sent == arrived == between
    assert (Ethernet(sent).dst, Ethernet(sent).src) == (HOST_B, HOST_A)


def test_a_group_keeps_its_mac_address_everywhere():
    tenant = dataclasses.replace(networks.scenario().tenants[0], bum=ip_address("239.1.1.1"))
    watching = Watching(*ALL, tenants=(tenant,))
    watching.send(overlay.arp_frame())
    assert {Ethernet(frame).dst.hex(":") for index, _, frame in watching.memory.frames if index < 3} == {
        "01:00:5e:01:01:01"
    }
    assert Ethernet(watching.memory.at(1)[0]).src == LEAF_MAC


def test_times_are_those_of_the_scenario_and_the_points_clock():
    watching = Watching(UPLINK, BEHIND)
    watching.observers[1].clock = lambda ns: ns - 250
    watching.run(1000)
    watching.send(FRAME)
    start = watching.network.scenario.start_ns
    assert [(point, ts_ns - start) for point, ts_ns, _ in watching.memory.frames] == [(0, 1000), (1, 750)]
    watching.finish()
    assert [ns - start for _, ns, _, _ in watching.memory.finished] == [1000 + NS, 750 + NS]


def test_what_a_capture_misses_was_there_all_the_same():
    watching = Watching(UPLINK, BEHIND)
    lost = iter([True, False])
    watching.network.stages.add(
        "capture", lambda packet, where, now: [] if where == "up" and next(lost) else [(0, packet)]
    )
    watching.send(FRAME)
    watching.send(FRAME)
    watching.finish()
    assert watching.frames_of("B") == [FRAME, FRAME]
    assert [(received, dropped) for _, _, received, dropped in watching.memory.finished] == [(2, 1), (2, 0)]


def test_what_a_mirror_copies_is_recorded_when_it_comes():
    watching = Watching(UPLINK)
    watching.network.stages.add("capture", lambda packet, where, now: [(0, packet), (500, packet)])
    watching.send(FRAME)
    watching.network.simulator.at(watching.network.simulator.now_ns, lambda: None)
    watching.finish()
    start = watching.network.scenario.start_ns
    assert [ts_ns - start for _, ts_ns, _ in watching.memory.frames] == [0, 500]
    assert len(set(watching.memory.at(0))) == 1
    assert watching.memory.finished == [(0, start + NS, 2, 0)]
    assert watching.frames_of("B") == [FRAME]


def test_the_truth_is_told_of_every_frame_with_its_number():
    watching = Watching(UPLINK, INSIDE)
    watching.send(FRAME)
    watching.send(BACK, sender="B")
    assert [(name, number, serial) for name, number, serial, _ in watching.memory.told] == [
        ("up", 1, 1),
        ("in", 2, 1),
        ("in", 3, 2),
        ("up", 4, 2),
    ]


# Captures

SCENARIO = networks.scenario(points=(UPLINK, INSIDE))
ONE_POINT = networks.scenario(points=(UPLINK,))


def write(sink: OneFile | FilePerPoint) -> list[int]:
    with sink:
        numbers = [sink.write(i % 2, NS + i, overlay.udp_frame(i)) for i in range(4)]
        for point in range(2):
            sink.finish(point, NS + 9, received=4, dropped=2)
    return numbers


def test_one_file_has_an_interface_for_each_point(tmp_path):
    path = tmp_path / "out.pcapng"
    assert write(OneFile(path, SCENARIO)) == [1, 2, 3, 4]
    with open_session([path]) as session:
        captures = session.read().captures
        assert list(captures["name"]) == ["up", "in"]
        assert list(captures["packets"]) == [2, 2]
        assert list(captures["dropped_kernel"]) == [2, 2]
        assert [frame.data for frame in map(session.frame, range(1, 5))] == [overlay.udp_frame(i) for i in range(4)]


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_a_file_for_each_point_is_called_by_its_name(tmp_path, form):
    folder = tmp_path / "new" / "out"
    assert write(FilePerPoint(folder, SCENARIO, form=form)) == [1, 1, 2, 2]
    assert sorted(path.name for path in folder.iterdir()) == [f"in.{form}", f"up.{form}"]
    with open_session([folder / f"in.{form}"]) as session:
        assert session.read().captures["packets"].sum() == 2
        assert session.frame(2).data == overlay.udp_frame(3)


def test_a_pcap_holds_one_point(tmp_path):
    with pytest.raises(ValueError, match="pcap cannot tell 2 points apart"):
        OneFile(tmp_path / "out.pcap", SCENARIO, form="pcap")
    path = tmp_path / "out.pcap"
    with OneFile(path, ONE_POINT, form="pcap") as sink:
        assert sink.write(0, NS, FRAME) == 1
        sink.finish(0, NS, received=1, dropped=0)
    with open_session([path]) as session:
        assert session.read().captures["packets"].sum() == 1


def test_a_stream_is_written_to_as_it_is():
    stream = io.BytesIO()
    with OneFile(stream, ONE_POINT) as sink:
        sink.write(0, NS, FRAME)
    assert FRAME in stream.getvalue()


@pytest.mark.parametrize("kind", [OneFile, FilePerPoint])
def test_nothing_is_left_of_what_fails(tmp_path, kind):
    def fail() -> None:
        with kind(tmp_path / "out.pcapng", SCENARIO) as sink:
            sink.write(0, NS, FRAME)
            raise RuntimeError("the simulation failed")

    with pytest.raises(RuntimeError, match="the simulation failed"):
        fail()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_files_that_are_there_stay_as_they_are(tmp_path):
    (tmp_path / "in.pcapng").write_text("mine")
    with pytest.raises(CaptureError, match=r"in\.pcapng exists"):
        FilePerPoint(tmp_path, SCENARIO)
    assert [path.name for path in tmp_path.iterdir()] == ["in.pcapng"]
    with FilePerPoint(tmp_path, SCENARIO, force=True) as sink:
        sink.write(0, NS, FRAME)
    assert (tmp_path / "in.pcapng").read_bytes() != b"mine"


def test_places_in_words():
    assert [place_of(point) for point in ALL] == ["uplink of a", "uplink of b", "path s1", "vNIC of B in 5001"]


def test_a_scenario_is_not_changed_by_being_watched():
    before: Scenario = networks.scenario(points=ALL, paths=(PathSpec(name="s1", link=IDEAL),))
    Watching(*ALL).send(FRAME)
    assert before == networks.scenario(points=ALL, paths=(PathSpec(name="s1", link=IDEAL),))


def test_paths_of_captures_may_be_texts(tmp_path):
    target = str(tmp_path / "out.pcapng")
    with OneFile(target, ONE_POINT) as sink:
        sink.write(0, NS, FRAME)
    assert Path(target).stat().st_size > 0
