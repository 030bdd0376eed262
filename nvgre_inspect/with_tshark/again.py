"""Frames of a session that was counted, read again by their numbers."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.selected import Selected

if TYPE_CHECKING:
    from nvgre_inspect.flows.packet_pages import PacketPages  # which imports pandas

#: Frames that are read at a time.
_FRAMES = 4096


def frames_again(pages: PacketPages, numbers: npt.NDArray[np.int64]) -> Generator[Selected, None, None]:
    """These frames (numbers that were counted, rising), decoded. CaptureError where they cannot be read again."""
    for start in range(0, len(numbers), _FRAMES):
        some = numbers[start : start + _FRAMES]
        yield Selected(*pages.decoded(some), some, np.ones(len(some), dtype=bool))
