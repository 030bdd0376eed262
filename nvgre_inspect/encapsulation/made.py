"""Frames that were made here, as a batch: each takes time, interface and link type of a frame that was there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch


def made(
    batch: PacketBatch, places: Sequence[int], frames: Sequence[bytes], missing: Sequence[int] = ()
) -> PacketBatch:
    """`frames`, each in the stead of the one at its place in `batch`, and on the wire so many bytes longer."""
    at = np.array(places, np.int64)
    lengths = np.array([len(frame) for frame in frames], np.int64)
    wirelen: npt.NDArray[np.int64] = lengths + (np.array(missing, np.int64) if len(missing) else 0)
    return PacketBatch(
        buffer=np.frombuffer(b"".join(frames) or b"\0", np.uint8),
        offset=np.cumsum(lengths) - lengths,
        caplen=lengths,
        wirelen=wirelen,
        ts_ns=batch.ts_ns[at],
        linktype=batch.linktype[at],
        interface=batch.interface[at],
        position=batch.position[at],
    )
