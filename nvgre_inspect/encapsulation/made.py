"""Frames that were made here, as a batch: each takes time, interface and link type of a frame that was there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.reader import select
from nvgre_inspect.model.batch import PacketBatch, packed


def made(
    batch: PacketBatch, places: Sequence[int], frames: Sequence[bytes], missing: Sequence[int] = ()
) -> PacketBatch:
    """`frames`, each in the stead of the one at its place in `batch`, and on the wire so many bytes longer."""
    buffer, offset, caplen = packed(frames)
    wirelen: npt.NDArray[np.int64] = caplen + (np.array(missing, np.int64) if len(missing) else 0)
    replaced = select(batch, np.array(places, np.int64))
    return replace(replaced, buffer=buffer, offset=offset, caplen=caplen, wirelen=wirelen)
