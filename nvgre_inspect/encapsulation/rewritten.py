"""Rewritten: what became of a batch of frames. Every rewriter (decapsulation, encapsulation, translation) yields it.

Every frame that goes in comes out, as it is in `batch` (copies of one frame have the same number), or is in `skipped`
with a reason, or was put together with others into one (`joined`); some may come out of a later call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch


class OutputInterface(NamedTuple):
    """Where frames that came out belong to: an interface of the file that is written."""

    linktype: int
    name: str
    description: str
    #: Row of the input's interface, -1: several.
    source: int


@dataclass(slots=True)
class Rewritten:
    """What a rewriter made of the frames it was given."""

    #: Frames that came out, in order of `number`; `interface` is the row in the rewriter's `outputs`. Its bytes may be
    #: there only until the next call.
    batch: PacketBatch
    #: int64, the number of the input frame of each.
    number: npt.NDArray[np.int64]
    #: int64, FlowID or source port that was taken off, -1: none.
    entropy: npt.NDArray[np.int64]
    #: int64, numbers of the frames that did not come out, and why (reasons.SKIPPED).
    skipped: npt.NDArray[np.int64]
    reason: Sequence[str]
    #: The skipped frames as they came, where they are not all in the batch that was given in this call.
    left: PacketBatch | None = None
    #: Frames that were put together into others, which are in `batch` or `skipped`: parts less wholes.
    joined: int = 0
    #: Answers to frames that did not fit (ICMP packet too big), at the interfaces of the input where they came from,
    #: and the numbers of these frames.
    replies: PacketBatch | None = None
    reply_number: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


class Rewriter(Protocol):
    """Takes batches in order; keeps what has to be remembered between them."""

    #: Grows while batches come.
    outputs: list[OutputInterface]
    #: Reasons.NOTED: what is worth saying although nothing was lost.
    noted: Counter[str]

    def rewrite(self, batch: PacketBatch, records: npt.NDArray[np.void], numbers: npt.NDArray[np.int64]) -> Rewritten:
        """`records` (RECORD) and `numbers` (in the input, from 1) have one entry per frame."""
        ...

    def finish(self) -> Rewritten | None:
        """What was waiting for frames that did not come."""
        ...
