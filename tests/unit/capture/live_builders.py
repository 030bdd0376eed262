"""Batches made by hand, for what takes batches of live sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvgre_inspect.model.batch import PacketBatch


def batch_of(
    frames: Sequence[bytes],
    *,
    first_ns: int = 1_700_000_000_000_000_000,
    wirelen: Sequence[int] | None = None,
    interface: Sequence[int] | None = None,
    linktype: Sequence[int] | None = None,
) -> PacketBatch:
    """Frames a nanosecond apart, with other bytes between them as in a ring."""
    gap = b"\xa5" * 7
    caplen = np.array([len(frame) for frame in frames], np.int64)
    offset = np.cumsum(caplen + len(gap)) - caplen
    count = len(frames)
    return PacketBatch(
        np.frombuffer(b"".join(gap + frame for frame in frames) + gap, np.uint8).copy(),
        offset,
        caplen,
        caplen.copy() if wirelen is None else np.array(wirelen, np.int64),
        first_ns + np.arange(count, dtype=np.int64),
        np.array([1] * count if linktype is None else linktype, np.uint16),
        np.array([0] * count if interface is None else interface, np.int32),
        np.zeros(count, np.int64),
    )


def frames_of(batch: PacketBatch) -> list[tuple[bytes, int, int, int, int]]:
    """Each frame as (bytes, time, length on the wire, link type, interface)."""
    columns = (batch.ts_ns.tolist(), batch.wirelen.tolist(), batch.linktype.tolist(), batch.interface.tolist())
    return [(batch.frame(i), *row) for i, row in enumerate(zip(*columns, strict=True))]
