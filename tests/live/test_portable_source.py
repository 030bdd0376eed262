"""Frames through libpcap, as where there are no rings of Linux; on a veth pair, where both can be had."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dissectors import offsets
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live.bpf import BpfError
from nvgre_inspect.capture.live.options import LiveOptions
from nvgre_inspect.capture.live.portable import PortableSource
from tests.builders.namespaces import Namespace, VethPair, make_pair

pytest.importorskip("cypcap", reason="cypcap, which carries libpcap, is not installed")
PATIENCE_SECONDS = 20


def frame(number: int, length: int = 60) -> bytes:
    head = bytes.fromhex("020000000002 020000000001 88b5") + number.to_bytes(4)
    return head + bytes(number % 251 for _ in range(length - len(head)))


@contextmanager
def opened(namespace: Namespace, *interfaces: str, **options: object) -> Iterator[PortableSource]:
    with namespace.entered():
        source = PortableSource(LiveOptions(interfaces, buffer_bytes=4 << 20, **options))
    try:
        yield source
    finally:
        source.close()


def received(source: PortableSource, count: int) -> list[tuple[bytes, int, int, int, int]]:
    """Bytes, time, length, interface and position of frames until there are so many."""
    found = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    for batch in source.batches():
        for i in range(len(batch)):
            columns = (batch.ts_ns, batch.wirelen, batch.interface, batch.position)
            found.append((batch.frame(i), *(int(column[i]) for column in columns)))
        if len(found) >= count:
            source.stop()
        assert time.monotonic() < deadline, found
    return found


def test_every_byte_in_order(veth_pair: VethPair) -> None:
    frames = [frame(i, 60 + i) for i in range(1000)]
    with opened(veth_pair.namespace, "in0", snaplen=900) as source:
        before = time.time_ns()
        threading.Thread(target=veth_pair.send, args=(frames,)).start()
        found = received(source, len(frames))
        behind = time.time_ns()
        source.refresh()
    assert [data for data, *_ in found] == [data[:900] for data in frames]
    assert [length for _, _, length, *_ in found] == [len(data) for data in frames]
    times = [ts_ns for _, ts_ns, *_ in found]
    # Microseconds, exactly.
    assert times == sorted(times)
    assert before - 1000 <= times[0]
    assert times[-1] <= behind
    assert {ts_ns % 1000 for ts_ns in times} == {0}
    assert [position for *_, position in found] == list(range(1000))
    (info,) = source.interfaces
    assert (info.file, info.name, info.linktype, info.received) == ("live", "in0", offsets.DLT_ETHERNET, 1000)
    assert (info.dropped_kernel, info.dropped_interface) == (0, 0)


def test_several_interfaces_and_a_filter(namespace: Namespace) -> None:
    pairs = [make_pair(namespace, f"out{i}", f"in{i}") for i in range(2)]
    with opened(namespace, "in0", "in1", bpf="ether[17] & 1 = 1") as source:
        for number in range(20):
            pairs[number // 2 % 2].send([frame(number)])
        found = received(source, 10)
    assert [data for data, *_ in found] == [frame(number) for number in range(1, 20, 2)]
    assert [interface for *_, interface, _ in found] == [0, 1] * 5


def test_silence_ticks_and_stop_ends(veth_pair: VethPair) -> None:
    with opened(veth_pair.namespace, "in0") as source:
        batches = source.batches()
        assert [len(next(batches)) for _ in range(3)] == [0, 0, 0]
        source.stop()
        assert sum(map(len, batches)) == 0


def test_an_interface_that_is_removed_ends(veth_pair: VethPair) -> None:
    with opened(veth_pair.namespace, "in0") as source:
        batches = source.batches()
        next(batches)
        veth_pair.namespace.ip("link", "del", "in0")
        assert sum(map(len, batches)) == 0
        source.refresh()
    assert source.notes[0].startswith("in0 gives no more frames: ")


@pytest.mark.parametrize(
    ("interface", "options", "kind", "sentence"),
    [
        ("in1", {}, CaptureError, "no interface 'in1'; did you mean in0?"),
        ("lo", {}, CaptureError, "lo is down"),
        ("in0", {"bpf": "tcp prt 80"}, BpfError, "filter: syntax error\n  tcp prt 80\n      ^"),
    ],
)
def test_what_cannot_be_opened(
    veth_pair: VethPair, interface: str, options: dict[str, str], kind: type[CaptureError], sentence: str
) -> None:
    with pytest.raises(kind) as error, opened(veth_pair.namespace, interface, **options):
        pass
    assert sentence in str(error.value)
