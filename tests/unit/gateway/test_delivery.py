"""The frames of one tenant in a FIFO, while they come. The reference decapsulator says which they are."""

from __future__ import annotations

import os
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation import Decapsulator
from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.gateway import delivery, pcap_pipe
from nvgre_inspect.gateway.delivery import Delivery, open_delivery
from nvgre_inspect.model.options import DecodeOptions

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
SAMPLES = Path(__file__).parents[3] / "samples"


def decoded(name: str):
    """Batches of a sample and their records."""
    decoder = KernelDecoder(DecodeOptions())
    with open_capture(SAMPLES / name) as reader:
        for batch in reader.batches():
            yield batch, decoder.decode(batch)


def expected(name: str, vsid: int) -> list[bytes]:
    """The tenant's frames, one by one, of a sample without fragments."""
    decapsulator = Decapsulator()
    with open_capture(SAMPLES / name) as reader:
        found = [
            decapsulator.decapsulate(batch.frame(i), int(batch.wirelen[i]))
            for batch in reader.batches()
            for i in range(len(batch))
        ]
    return [result.frame for result in found if result.origin is not None and result.origin.vsid == vsid]


class Reader:
    """Somebody who reads a FIFO to its end."""

    def __init__(self, path: Path):
        self._path = path
        self._data = b""
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with self._path.open("rb") as stream:
            self._opened.set()
            self._data = stream.read()

    def frames(self) -> list[tuple[int, bytes]]:
        """Times and frames."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return parse_pcap(self._data)


def parse_pcap(data: bytes) -> list[tuple[int, bytes]]:
    magic, major, minor, _, _, _, linktype = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor, linktype) == (0xA1B23C4D, 2, 4, 1)
    at, frames = 24, []
    while at < len(data):
        seconds, fraction, caplen, _ = struct.unpack_from("<IIII", data, at)
        frames.append((seconds * 10**9 + fraction, data[at + 16 : at + 16 + caplen]))
        at += 16 + caplen
    assert at == len(data)
    return frames


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "tenant.fifo"
    os.mkfifo(path)
    return path


def until_read(made: Delivery) -> None:
    """Until the FIFO's reader has been found."""
    for _ in range(20_000):
        made.tick()
        if made._target._stream is not None:
            return
        threading.Event().wait(0.001)
    pytest.fail("nobody reads")


@pytest.mark.parametrize("vsid", [5001, 5002])
def test_a_tenant_in_the_clear(fifo, vsid):
    made = open_delivery(str(fifo), vsid, encap="nvgre")
    reader = Reader(fifo)
    until_read(made)
    times = []
    for batch, records in decoded("overlapping-tenants.pcap"):
        made.write(batch, records)
        times += batch.ts_ns[records["vsid"] == vsid].tolist()
    made.close()
    frames = reader.frames()
    assert [frame for _, frame in frames] == expected("overlapping-tenants.pcap", vsid)
    assert [ns for ns, _ in frames] == times
    assert made.delivered == len(frames) > 0
    assert made.notes == []


def test_of_two_encapsulations_with_the_same_identifier(fifo):
    made = open_delivery(str(fifo), 5001, encap="vxlan")
    reader = Reader(fifo)
    until_read(made)
    for batch, records in decoded("overlapping-tenants.pcap"):
        made.write(batch, records)
    made.close()
    assert reader.frames() == []


def test_outer_fragments_come_as_one(fifo):
    made = open_delivery(str(fifo), 5001)
    reader = Reader(fifo)
    until_read(made)
    for batch, records in decoded("fragments.pcap"):
        for row in range(len(batch)):  # fragments of a packet in batches of their own
            made.write(select(batch, np.array([row])), records[row : row + 1])
    made.close()
    lengths = [len(frame) for _, frame in reader.frames()]
    assert lengths
    assert made.delivered == len(lengths)
    assert max(lengths) > 1500


def test_nobody_reads_yet(fifo):
    made = open_delivery(str(fifo), 5001)
    for batch, records in decoded("overlapping-tenants.pcap"):
        made.write(batch, records)
    made.close()
    assert made.delivered == 0
    assert made.left_out["no-reader"] == len(expected("overlapping-tenants.pcap", 5001))
    assert made.notes == [
        f"delivery: 0 frames, left out: {made.left_out['no-reader']:,} nobody read the FIFO yet (no-reader)"
    ]


def test_a_reader_that_goes(fifo):
    """Capturing goes on, and says so once."""
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    made = open_delivery(str(fifo), 5001)
    os.close(descriptor)
    for _ in range(2):
        for batch, records in decoded("overlapping-tenants.pcap"):
            made.write(batch, records)
    assert made.ended
    assert not made.finished
    assert made.notes == [f"delivery ended: {fifo}: nobody reads any more"]
    made.tick()
    made.close()


def test_a_slow_reader_does_not_stop_the_capture(fifo, monkeypatch):
    monkeypatch.setattr(pcap_pipe, "MAX_WAITING", 100_000)
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    made = open_delivery(str(fifo), 5001)
    batches = list(decoded("overlapping-tenants.pcap"))
    while not made.left_out["slow-reader"]:
        for batch, records in batches:
            made.write(batch, records)
    data = bytearray()
    while made.left_out["slow-reader"] and (piece := _piece(descriptor)):
        data += piece
        made.tick()
    made.close()
    while piece := _piece(descriptor):
        data += piece
    os.close(descriptor)
    assert len(parse_pcap(bytes(data))) == made.delivered  # whole frames only


def _piece(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return b""


def test_what_is_cut_is_not_put_on_a_device():
    class Device:
        notes, got = (), []

        def write(self, frame):
            self.got.append(bytes(frame))
            return len(self.got) % 2 == 0

        def close(self):
            pass

    device = Device()
    made = Delivery(delivery._Device(device), 5001)
    for batch, records in decoded("snaplen.pcap"):
        made.write(batch, records)
    for batch, records in decoded("overlapping-tenants.pcap"):
        made.write(batch, records)
    assert made.left_out["cut"] > 0
    assert made.left_out["refused"] == (len(device.got) + 1) // 2
    assert made.delivered == len(device.got) // 2 > 0
    assert set(expected("overlapping-tenants.pcap", 5001)) <= set(device.got)


def test_places_that_nothing_can_be_delivered_to(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    for target, words in (
        (file, "is not a FIFO: mkfifo makes one"),
        (tmp_path / "no", "no such FIFO: mkfifo"),
        ("a-name-that-is-too-long", "too long for a network device"),
        ("tap%d", "no name of a network device"),
    ):
        with pytest.raises(CaptureError, match=words):
            open_delivery(str(target), 5001)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CaptureError, match="Linux only; name a FIFO"):
        open_delivery("tap0", 5001)
