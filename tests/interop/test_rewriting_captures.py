"""The compiled encapsulator and translator equal the reference on every capture at hand.

One kind in turn for each capture: all kinds are met by all sorts of frames, in a minute instead of ten.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import capture_files
import pytest

from nvgre_inspect.model.options import DecodeOptions
from tests.interop.test_engines import first_frames
from tests.unit.encapsulation.compiled_agreement import (
    ENCAPSULATIONS,
    encapsulated_alike,
    interfaces,
    policy_for,
    translated_alike,
)

_FRAMES = 300
#: Small numbers are popular in captures, and reserved in NVGRE.
_IDS = {number: 5001 + number for number in range(5000)}


@pytest.mark.parametrize("part", capture_files.PARTS)
def test_captures(part: str) -> None:
    out = [compare(path) for path in capture_files.files_of(part)]
    assert sum(wrapped + translated for wrapped, translated in out) > 0


def compare(path: Path) -> tuple[int, int]:
    """Frames of a capture that came out of both encapsulators, and of both translators."""
    batches = [first_frames(batch, _FRAMES) for batch in capture_files.read(path) or []][:1]
    if not batches or not len(batches[0]):
        return 0, 0
    turn = zlib.crc32(path.name.encode())
    encapsulation = ENCAPSULATIONS[turn % len(ENCAPSULATIONS)]
    infos = interfaces(int(batches[0].interface.max()) + 1)
    policy = policy_for(batches[0], encapsulation, six=bool(turn & 1))
    wrapped = encapsulated_alike(batches, infos, policy)
    return wrapped, translated_alike(batches, infos, encapsulation, _IDS, DecodeOptions())
