"""Frames that faults and others have changed: machines ignore what is not sound, and nothing raises."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.traffic.randomness import Streams
from nvgre_inspect.traffic.stack import checksum
from nvgre_inspect.traffic.workload_specs import ARP, DHCP, DNS, Bulk, Multicast, Ping, Workload, constant
from nvgre_inspect.traffic.workloads.base import Site
from nvgre_inspect.traffic.workloads.start import RUNNING
from tests.builders.machine_pair import SECOND, MachinePair


def busy(duration_ns: int) -> MachinePair:
    """Machines that do a bit of everything."""
    pair = MachinePair(lose=lambda sent: len(pair.sent) % 40 == 39, acquainted=False)
    site = Site(pair.simulator, Streams(1), 5001, {"a": pair.a, "b": pair.b})
    often = constant(SECOND // 10)
    specs: list[Workload] = [
        Bulk(name="bulk", size=constant(100_000), every=often),
        Bulk(name="bulk6", port=5202, size=constant(30_000), every=often, family=6),
        Ping(name="ping", every=often, size=3000),
        Ping(name="ping6", every=often, family=6, size=3000),
        ARP(name="nd", every=often, family=6),
        DNS(name="dns", every=often),
        DHCP(name="dhcp", every=often),
        Multicast(name="group", every=often, family=6, group="ff05::1"),
    ]
    for spec in specs:
        RUNNING[type(spec)](spec, site).start()
    pair.run(duration_ns)
    return pair


@cache
def frames() -> list[bytes]:
    return sorted({sent.frame for sent in busy(SECOND).sent}, key=lambda frame: (len(frame), frame))


def repaired(frame: bytearray) -> bytes:
    """With the checksum of an IPv4 header right again, so that what is behind it is looked at."""
    if frame[12:14] == b"\x08\x00" and len(frame) >= 34:
        frame[24:26] = b"\0\0"
        frame[24:26] = checksum.field(checksum.partial(bytes(frame[14:34]))).to_bytes(2, "big")
    return bytes(frame)


CHANGES = st.lists(st.tuples(st.integers(12, 120), st.integers(0, 255)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.999), CHANGES, st.integers(14, 2000)), min_size=1, max_size=20))
def test_changed_frames(changes: list[tuple[float, list[tuple[int, int]], int]]) -> None:
    pair = busy(SECOND // 20)
    for which, places, length in changes:
        frame = bytearray(frames()[int(which * len(frames()))][:length])
        for place, value in places:
            if place < len(frame):
                frame[place] = value
        for machine in (pair.a, pair.b):
            machine.receive(repaired(frame))
    before = len(pair.sent)
    pair.run(SECOND)
    # Life goes on.
    assert len(pair.sent) > before


def test_every_length() -> None:
    pair = busy(SECOND // 20)
    for frame in frames()[:: max(len(frames()) // 30, 1)]:
        for length in range(min(len(frame), 140)):
            pair.a.receive(frame[:length])
            pair.b.receive(frame[:length])
    before = len(pair.sent)
    pair.run(SECOND)
    assert len(pair.sent) > before
