"""Nothing in a capture raises, or keeps the engine busy: files and packets cut at every byte, and with bytes flipped.

Cut files go through the whole way of the data with the reference, which costs 0.2 ms each. Cut packets and flipped
files go through both engines, which must still agree on every field.
"""

from __future__ import annotations

import os
import random
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import capture_files
import numpy as np
import pytest

from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.engine.ledger import LedgerAccountant
from nvgre_inspect.engine.run import Engine
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.account import Accountant
from nvgre_inspect.reference.decode import decode
from tests.builders.states import assert_arrays_equal, assert_states_equal

_CUTS = 200
#: Seconds of processor time that one file may take: the machine may have other work.
_LIMIT_S = 2.0
#: Mutations of each file: how many, and bytes changed in each (of every so many).
_SEEDS = 3
_FLIPPED = 4
_EVERY = 400
#: Of larger files only the beginning is changed and read.
_BYTES = 60_000
#: Caps of tables, small enough that flipped captures overflow them.
_CAPS = AccountOptions(max_stacks=200, max_flows=1000, max_tunnels=200, fragment_sets=50, pending_fragments=50)


class Both:
    """Both engines on the same batches."""

    def __init__(self, options: AccountOptions) -> None:
        self._decode = DecodeOptions()
        self._kernel = KernelDecoder(self._decode)
        self._accountants = (Accountant(options), LedgerAccountant(options))

    def take(self, batch: PacketBatch) -> None:
        expected = np.empty(len(batch), dtype=RECORD)
        decode(batch, self._decode, expected)
        found = np.array(self._kernel.decode(batch), dtype=RECORD)
        for records in (found, expected):
            records["flow_hash"] = 0
        assert_arrays_equal("records", found, expected)
        for accountant, records in zip(self._accountants, (expected, found), strict=True):
            accountant.account(batch, records)

    def finish(self) -> int:
        """Compare the states; how many frames there were."""
        for accountant in self._accountants:
            accountant.finish()
        reference, kernels = (accountant.state() for accountant in self._accountants)
        assert_states_equal(kernels, reference)
        return int(reference.frames)


@pytest.mark.parametrize("part", capture_files.PARTS)
def test_files_cut_at_every_byte(part: str, tmp_path: Path) -> None:
    slowest = 0.0
    path = tmp_path / "cut"
    for original in capture_files.files_of(part):
        content = original.read_bytes()[:_CUTS]
        path.write_bytes(content)
        for length in reversed(range(len(content))):
            os.truncate(path, length)
            began = time.process_time()
            with noted(f"{capture_files.short_name(original)}, first {length} bytes"):
                analyse(path)
            slowest = max(slowest, time.process_time() - began)
    assert slowest < _LIMIT_S


@pytest.mark.parametrize("part", capture_files.PARTS)
def test_packets_cut_at_every_byte(part: str) -> None:
    """The first packet of each capture as a snapshot length would cut it, and as a sender would."""
    both = Both(_CAPS)
    for path in capture_files.files_of(part):
        for batch in capture_files.read(path) or []:
            if len(batch):
                both.take(cut_short(batch, on_the_wire=False))
                both.take(cut_short(batch, on_the_wire=True))
            break
    assert both.finish() > _CUTS


@pytest.mark.parametrize("part", capture_files.PARTS)
def test_flipped_bytes(part: str, tmp_path: Path) -> None:
    """Files with some bytes changed at random, anywhere: in the file's own structures, in headers, in payload."""
    both = Both(_CAPS)
    slowest = 0.0
    path = tmp_path / "flipped"
    for original in capture_files.files_of(part):
        content = original.read_bytes()[:_BYTES]
        for seed in range(_SEEDS):
            path.write_bytes(flip(content, zlib.crc32(original.name.encode()) + seed))
            began = time.process_time()
            with noted(f"{capture_files.short_name(original)}, seed {seed}"):
                for batch in batches_of(path):
                    both.take(batch)
            slowest = max(slowest, time.process_time() - began)
    assert both.finish() > 0
    assert slowest < _LIMIT_S


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile before anything is timed."""
    both = Both(_CAPS)
    for batch in capture_files.read(capture_files.SAMPLES / "fragments.pcap") or []:
        both.take(batch)
    assert both.finish() > 0


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Whatever is raised inside says where."""
    try:
        yield
    except BaseException as error:
        error.add_note(where)
        raise


def analyse(path: Path) -> None:
    """Capture, decode, account, as a session does. That a file is no capture at all is an answer too."""
    try:
        with open_capture(path, spool=False) as reader:
            engine = Engine(which="reference")
            for _ in engine.process(reader.batches()):
                pass
            engine.state()
    except CaptureError:
        pass


def batches_of(path: Path) -> Iterator[PacketBatch]:
    try:
        with open_capture(path, spool=False) as reader:
            yield from reader.batches()
    except CaptureError:
        pass


def cut_short(batch: PacketBatch, *, on_the_wire: bool) -> PacketBatch:
    """The first frame of a batch, once for each length up to `_CUTS` bytes."""
    caplen = np.arange(min(int(batch.caplen[0]), _CUTS) + 1, dtype=np.int64)
    rows = np.zeros(len(caplen), dtype=np.int64)
    return PacketBatch(
        batch.buffer,
        batch.offset[rows],
        caplen,
        caplen if on_the_wire else batch.wirelen[rows],
        batch.ts_ns[rows],
        batch.linktype[rows],
        batch.interface[rows],
        batch.position[rows],
    )


def flip(content: bytes, seed: int) -> bytes:
    """Some bytes changed, the more the longer the file; the magic number is left in two of three files."""
    chance = random.Random(seed)
    changed = bytearray(content)
    first = 4 if seed % 3 else 0
    for _ in range(_FLIPPED + len(content) // _EVERY):
        if len(changed) > first:
            changed[chance.randrange(first, len(changed))] = chance.choice((0, 0xFF, chance.randrange(256)))
    return bytes(changed)
