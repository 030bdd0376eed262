"""Batches that are made of single frames."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from nvgre_inspect.model.batch import NO_FRAMES, PacketBatch, batch_of, concatenated, packed
from nvgre_inspect.model.source import Frame

FRAMES = [
    Frame(b"\x01\x02\x03", 1_700_000_000_000_000_001, 60, 1, 3, ""),
    Frame(b"", -(1 << 62), 1 << 32, 276, 0, "no byte of it was captured"),
    Frame(b"\xff" * 9, (1 << 62) - 1, 9, 101, 70_000, ""),
]
POSITIONS = [7 << 48 | 24, 0, (1 << 48) - 1]


def types_of(batch: PacketBatch) -> dict[str, str]:
    return {field.name: getattr(batch, field.name).dtype.name for field in fields(batch)}


def test_a_batch_has_all_that_its_frames_have() -> None:
    batch = batch_of(FRAMES, POSITIONS)
    assert [batch.frame(i) for i in range(len(batch))] == [frame.data for frame in FRAMES]
    assert batch.caplen.tolist() == [3, 0, 9]
    for name in ("wirelen", "ts_ns", "linktype", "interface"):
        assert getattr(batch, name).tolist() == [getattr(frame, name) for frame in FRAMES], name
    assert batch.position.tolist() == POSITIONS


def test_types_are_those_of_the_docstring() -> None:
    expected = dict.fromkeys(("offset", "caplen", "wirelen", "ts_ns", "position"), "int64")
    expected |= {"buffer": "uint8", "linktype": "uint16", "interface": "int32"}
    assert types_of(batch_of(FRAMES, np.array(POSITIONS))) == types_of(NO_FRAMES) == expected


def test_no_frames_are_a_batch_too() -> None:
    assert len(NO_FRAMES) == 0
    assert len(NO_FRAMES.buffer) == 1
    batch = batch_of(FRAMES, POSITIONS)
    joined = concatenated([NO_FRAMES, batch, NO_FRAMES])
    assert [joined.frame(i) for i in range(len(joined))] == [frame.data for frame in FRAMES]


def test_kernels_need_no_copy_of_what_is_packed() -> None:
    for frames in ([], [b""], [b"", b"one", b"", b"another"]):
        buffer, offset, caplen = packed(frames)
        assert all(array.flags.carray for array in (buffer, offset, caplen))
        assert [buffer[at : at + length].tobytes() for at, length in zip(offset, caplen, strict=True)] == frames
