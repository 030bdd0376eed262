"""The compiled and the plain walk find the same, however the file is cut into chunks and whatever it holds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.capture import CaptureError, CaptureReader, open_capture
from nvgre_inspect.capture.clock import EARLIEST, LATEST, Clock
from tests.unit.capture.capture_builders import (
    MICRO,
    MODIFIED,
    NANO,
    Contents,
    block,
    drain,
    epb,
    every_block,
    frame,
    idb,
    pb,
    pcap,
    read,
    shb,
    spb,
)

ROOT = Path(__file__).resolve().parents[3]


def outcome(path: Path, **options) -> tuple[Contents, object]:
    found, reader = read(path, **options)
    found.batches = 0
    return found, (reader.damage, [repr(info) for info in reader.interfaces])


def assert_same_however_read(path: Path, chunks: list[int]) -> None:
    reference = outcome(path, compiled=False)
    for chunk in chunks:
        for compiled in (False, True):
            assert outcome(path, compiled=compiled, chunk=chunk) == reference, (chunk, compiled)


def test_records_straddle_chunks_at_every_offset(write):
    """Chunks of every size from one byte up: every record meets the end of a chunk at every one of its bytes."""
    for data in (
        pcap([frame(i, i * 5) for i in range(9)], ">", NANO),
        pcap([frame(i, i) for i in range(5)], magic=MODIFIED),
        every_block("<"),
    ):
        assert_same_however_read(write(data), [*range(1, 120), len(data) - 1, len(data), len(data) + 1])


frames = st.lists(st.binary(max_size=80), max_size=20)
chunk_sizes = st.lists(st.integers(1, 700), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(frames, st.sampled_from("<>"), st.sampled_from([MICRO, NANO, MODIFIED]), chunk_sizes)
def test_any_pcap(tmp_path_factory, frames, order, magic, chunks):
    path = tmp_path_factory.mktemp("walk") / "capture"
    path.write_bytes(pcap(frames, order, magic))
    assert outcome(path)[0].data == frames
    assert_same_however_read(path, chunks)


@st.composite
def pcapng_files(draw) -> bytes:
    """Any order of blocks, right and wrong ones."""
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        order = draw(st.sampled_from("<>"))
        parts += [shb(order), *[idb(order, snaplen=draw(st.integers(0, 40))) for _ in range(draw(st.integers(0, 3)))]]
        for _ in range(draw(st.integers(0, 12))):
            data = draw(st.binary(max_size=50))
            kind = draw(st.sampled_from(["epb"] * 4 + ["spb", "pb", "idb", "unknown", "any"]))
            units = draw(st.integers(0, (1 << 64) - 1))
            interface = draw(st.integers(0, 3))
            if kind == "epb":
                parts.append(epb(order, data, units, interface=interface, wire=draw(st.integers(0, 99))))
            elif kind == "spb":
                parts.append(spb(order, data))
            elif kind == "pb":
                parts.append(pb(order, data, units, interface=interface, drops=interface))
            elif kind == "idb":
                parts.append(idb(order, linktype=draw(st.integers(0, 65535))))
            elif kind == "unknown":
                parts.append(block(order, 99, data + bytes(-len(data) % 4)))
            else:
                parts.append(data)
    return b"".join(parts)


@settings(max_examples=120, deadline=None)
@given(pcapng_files(), chunk_sizes)
def test_any_pcapng(tmp_path_factory, data, chunks):
    path = tmp_path_factory.mktemp("walk") / "capture"
    path.write_bytes(data)
    assert_same_however_read(path, chunks)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([pcap([frame(i, 20) for i in range(6)]), every_block("<"), every_block(">")]),
    st.lists(st.tuples(st.integers(4, 2000), st.integers(0, 255)), min_size=1, max_size=6),
    chunk_sizes,
)
def test_corrupted_bytes_never_raise(tmp_path_factory, good, changes, chunks):
    data = bytearray(good)
    for position, value in changes:
        data[position % len(data)] = value
    path = tmp_path_factory.mktemp("walk") / "capture"
    path.write_bytes(data)
    try:
        with open_capture(path):
            pass
    except CaptureError:
        return  # its first bytes are those of no capture any more
    assert_same_however_read(path, chunks)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 255),
    st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-10, 10),
    st.lists(st.integers(0, (1 << 64) - 1) | st.integers(0, 1 << 32), max_size=5),
)
def test_clock_arrays_equal_exact_integers(resolution, offset, units):
    import numpy as np

    clock = Clock(resolution, offset)
    per_second = 2 ** (resolution & 127) if resolution & 128 else 10 ** (resolution & 127)
    exact = [value * 10**9 // per_second + offset * 10**9 for value in units]
    ns, clamped = clock.many(np.array(units, np.uint64))
    assert ns.tolist() == [min(max(value, EARLIEST), LATEST) for value in exact]
    assert clamped == sum(not EARLIEST <= value <= LATEST for value in exact)
    assert ns.dtype == np.int64


def test_kept_batches_stay_as_they_are(write):
    data = [frame(i, 50) for i in range(2000)]
    path = write(pcap(data))
    with open_capture(path) as reader:
        kept = list(reader.batches(chunk=4096))
        assert [batch.frame(i) for batch in kept for i in range(len(batch))] == data
        assert len({id(batch.buffer.base) for batch in kept}) > 10


# --- the walk is chosen by size ------------------------------------------------------------------------------------


def test_small_files_do_not_load_numba(write):
    program = """
import sys
from nvgre_inspect.capture import open_capture
with open_capture(sys.argv[1]) as reader:
    print(sum(map(len, reader.batches())), "numba" in sys.modules, "pandas" in sys.modules)
"""
    path = write(pcap([b"ab"] * 30_000))
    done = subprocess.run([sys.executable, "-c", program, path], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("30000 False False\n", "")


def test_the_walk_changes_over_within_a_file(write, monkeypatch):
    monkeypatch.setattr("nvgre_inspect.capture.reader._COMPILED_AFTER", 20_000)
    monkeypatch.setattr("nvgre_inspect.kernels.compiled.is_warm", lambda *modules: False)
    monkeypatch.delenv("NVGRE_INSPECT_NO_JIT", raising=False)
    used = []
    decide = CaptureReader._use_compiled

    def recording(self: CaptureReader) -> bool:
        used.append(decide(self))
        return used[-1]

    monkeypatch.setattr(CaptureReader, "_use_compiled", recording)
    data = pcap([frame(i % 250, 3) for i in range(60_000)])
    with open_capture(write(data)) as reader:
        found = drain(reader.batches())
    assert found.data == [frame(i % 250, 3) for i in range(60_000)]
    assert (used[0], used[-1]) == (False, True)


# --- real and hostile captures -------------------------------------------------------------------------------------


def test_both_walks_agree_on_every_capture(shared_captures):
    for path in shared_captures:
        assert outcome(path, compiled=True) == outcome(path, compiled=False), path.name


DIGEST = """
import hashlib, sys
from nvgre_inspect.capture import open_capture
for path in sys.argv[1:]:
    digest = hashlib.sha256()
    with open_capture(path, compiled=True) as reader:
        for batch in reader.batches(chunk=3000):
            for column in (batch.ts_ns, batch.wirelen, batch.linktype, batch.interface, batch.position):
                digest.update(column.tobytes())
            for i in range(len(batch)):
                digest.update(batch.frame(i))
    print(digest.hexdigest(), reader.damage)
assert "numba" not in sys.modules
"""


def test_kernels_uncompiled_do_the_same(write):
    """As plain Python over uint8 arrays, where a byte that is not widened overflows."""
    paths = [
        write(pcap([frame(i, 200) for i in range(40)], ">", NANO), "a"),
        write(pcap([frame(i, 20) for i in range(40)])[:-3], "b"),
        write(every_block("<") + every_block(">"), "c"),
    ]
    expected = []
    for path in paths:
        digest = hashlib.sha256()
        with open_capture(path, compiled=False) as reader:
            for batch in reader.batches(chunk=3000):
                for column in (batch.ts_ns, batch.wirelen, batch.linktype, batch.interface, batch.position):
                    digest.update(column.tobytes())
                for i in range(len(batch)):
                    digest.update(batch.frame(i))
        expected.append(f"{digest.hexdigest()} {reader.damage}")
    done = subprocess.run(
        [sys.executable, "-c", DIGEST, *paths],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NVGRE_INSPECT_NO_JIT": "1"},
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == expected


def test_captures_cut_and_flipped(shared_captures, tmp_path):
    """Every twentieth capture, cut at a spread of lengths and with bytes flipped: nothing raises on content."""
    import random

    rng = random.Random(11)
    path = tmp_path / "capture"
    for source in shared_captures[::20]:
        whole = source.read_bytes()
        variants = [whole[:length] for length in range(24, min(200, len(whole)), 13)]
        for _ in range(8):
            flipped = bytearray(whole)
            for _ in range(3):
                flipped[rng.randrange(4, len(flipped))] ^= 1 << rng.randrange(8)
            variants.append(bytes(flipped))
        for data in variants:
            path.write_bytes(data)
            try:
                python = outcome(path, compiled=False)
            except CaptureError:
                continue  # a pcapng whose byte-order magic was hit
            assert outcome(path, compiled=True) == python, source.name


#: Hostile records whose length on the wire is below the captured one: raised here, counted as they are by capinfos.
WIRE_BELOW_CAPTURED = {
    "aoe-oobr-1.pcap",
    "icmp-icmp_print-oobr-2.pcap",
    "pim_header_asan-2.pcap",
    "rsvp-rsvp_obj_print-oobr.pcap",
    "slip-compressed_sl_print-oobr.pcap",
    "slip-sliplink_print-oobr.pcap",
}


def nanoseconds(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    return int(seconds + fraction.ljust(9, "0"))


@pytest.mark.interop
def test_frame_counts_and_times_equal_those_of_capinfos(shared_captures):
    """A sample; `-c` counts frames, `-d` sums their lengths on the wire, `-a`/`-e` are the first and last time."""
    import shutil

    if shutil.which("capinfos") is None:
        pytest.skip("needs capinfos (Debian package wireshark-common or tshark)")
    sample = [path for i, path in enumerate(shared_captures) if i % 16 == 0 or path.parent.name == "zeek"]
    # -S: times in seconds; -Q: commas; -r: no header; a file with a link type unknown to it is left out.
    done = subprocess.run(
        ["capinfos", "-T", "-r", "-m", "-Q", "-S", "-c", "-d", "-a", "-e", *sample], capture_output=True, text=True
    )
    compared = 0
    for line in done.stdout.splitlines():
        name, count, total, first, last = (cell.strip('"') for cell in line.rsplit(",", 4))
        with open_capture(name) as reader:
            frames = sum(map(len, reader.batches()))
            infos = [info for info in reader.interfaces if info.packets]
        assert frames == int(count), name
        if Path(name).name not in WIRE_BELOW_CAPTURED:
            assert sum(info.bytes for info in infos) == int(total), name
        if infos and first != "n/a":
            assert min(info.first_ns for info in infos) == nanoseconds(first), name
            assert max(info.last_ns for info in infos) == nanoseconds(last), name
        compared += 1
    assert compared > len(sample) * 0.8
