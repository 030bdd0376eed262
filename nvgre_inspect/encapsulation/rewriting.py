"""Rewriting: all frames of a source through a rewriter into a destination, and where each of them went.

    with open_session("in.pcapng") as session, open_destination("out.pcapng", "pcapng") as out:
        totals = rewrite(session.frames("vsid == 5001"), lambda: Decapsulation(…), out, session.interfaces)

Nothing is lost silently: every frame of the source is rewritten, kept as it is, skipped with a reason, or was put
together with others (`Totals.is_balanced`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.destinations import Destination
from nvgre_inspect.encapsulation.reasons import UNREADABLE
from nvgre_inspect.encapsulation.rewritten import OutputInterface, Rewriter, Rewritten
from nvgre_inspect.model.batch import PacketBatch, concatenated
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.model.source import InterfaceInfo

Ints = npt.NDArray[np.int64]
#: Frame numbers that are kept for each reason.
LISTED = 50
_NOT_SELECTED = "not-selected"
_OTHER_LINKTYPE = "other-linktype"


@dataclass(slots=True)
class Totals:
    """Where the frames of a run went."""

    #: Frames that came in, and of these: rewritten, and put together into others.
    frames: int = 0
    rewritten: int = 0
    joined: int = 0
    #: Frames that were kept as they are, and that are not in the output, by reason (reasons.SKIPPED).
    kept: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    #: Numbers of the first of them, at most LISTED a reason.
    numbers: dict[str, list[int]] = field(default_factory=dict)
    #: Frames in the output, with those that were kept and further copies of one frame.
    written: int = 0
    replies: int = 0
    #: What else is worth saying (reasons.NOTED).
    noted: Counter[str] = field(default_factory=Counter)

    @property
    def is_balanced(self) -> bool:
        """Whether every frame is accounted for."""
        return self.frames == self.rewritten + self.joined + self.kept.total() + self.skipped.total()

    @property
    def unreadable(self) -> int:
        """Frames that are not in the output because their bytes could not be read."""
        return sum(self.skipped[reason] for reason in UNREADABLE)

    def leave(self, numbers: Ints, reasons: Sequence[str], counter: Counter[str]) -> None:
        """Count frames into `counter`, which is `kept` or `skipped`, and note the numbers of the first."""
        found = Counter(reasons)
        counter.update(found)
        for reason in found:
            listed = self.numbers.setdefault(reason, [])
            if len(listed) < LISTED:
                of_it = sorted(n for n, why in zip(numbers.tolist(), reasons, strict=True) if why == reason)
                listed += of_it[: LISTED - len(listed)]


def rewrite(
    source: Iterable[Selected],
    make_rewriter: Callable[[], Rewriter],
    destination: Destination,
    interfaces: Sequence[InterfaceInfo],
    *,
    keep_others: bool = False,
    replies: Destination | None = None,
) -> Totals:
    """Rewrite the frames of `source` that were asked for, and keep or leave out the others.

    The rewriter is made when the first frames came. `interfaces` are those of the source, a list that may grow.
    `keep_others` writes what is not rewritten as it is; `replies` takes answers to frames that did not fit.
    CaptureError where something cannot be written.
    """
    run: _Run | None = None
    for part in source:
        run = run or _Run(make_rewriter(), destination, interfaces, keep_others, replies)
        run.add(part)
    return Totals() if run is None else run.finish()


class _Run:
    """What `rewrite` does with one batch after the other."""

    def __init__(
        self,
        rewriter: Rewriter,
        destination: Destination,
        interfaces: Sequence[InterfaceInfo],
        keep_others: bool,
        replies: Destination | None,
    ) -> None:
        self._rewriter = rewriter
        self._destination = destination
        self._replies = replies
        self._interfaces = interfaces
        self._outputs = _Outputs(rewriter, interfaces) if keep_others else None
        self._totals = Totals()

    def add(self, part: Selected) -> None:
        """The next frames."""
        batch, records, numbers, mask = part
        self._totals.frames += len(batch)
        unselected = np.flatnonzero(~mask)
        others = select(batch, unselected)
        others_numbers = numbers[unselected]
        if len(unselected):
            rows = np.flatnonzero(mask)
            batch, records, numbers = select(batch, rows), records[rows], numbers[rows]
        result = self._rewriter.rewrite(batch, records, numbers)
        left = result.left
        if left is None:
            left = select(batch, np.searchsorted(numbers, result.skipped))
        self._put(
            result,
            concatenated([left, others]),
            np.concatenate([result.skipped, others_numbers]),
            [*result.reason, *[_NOT_SELECTED] * len(others)],
        )

    def finish(self) -> Totals:
        """After the last frames."""
        rest = self._rewriter.finish()
        if rest is not None:
            assert rest.left is not None  # frames that have waited are in no batch of this call
            self._put(rest, rest.left, rest.skipped, rest.reason)
        self._totals.noted = self._rewriter.noted
        return self._totals

    def _put(self, result: Rewritten, left: PacketBatch, left_numbers: Ints, reasons: Sequence[str]) -> None:
        totals = self._totals
        totals.joined += result.joined
        batch, numbers, entropy = result.batch, result.number, result.entropy
        fits = self._destination.accepts(batch.linktype)
        if not fits.all():
            batch, numbers, entropy = self._without_unfit(batch, numbers, entropy, fits)
        totals.rewritten += _different(numbers)
        outputs: Sequence[OutputInterface] = self._rewriter.outputs
        if self._outputs is None:
            totals.leave(left_numbers, reasons, totals.skipped)
        else:
            kept = self._kept(left, left_numbers, reasons)
            batch = concatenated([self._outputs.of_rewritten(batch), self._outputs.of_kept(select(left, kept))])
            numbers = np.concatenate([numbers, left_numbers[kept]])
            entropy = np.concatenate([entropy, np.full(len(kept), -1, dtype=np.int64)])
            order = np.argsort(numbers, kind="stable")
            batch, entropy, outputs = select(batch, order), entropy[order], self._outputs.table
        if len(batch):
            totals.written += len(batch)
            self._destination.write(batch, outputs, entropy)
        if result.replies is not None and self._replies is not None:
            totals.replies += len(result.replies)
            none = np.full(len(result.replies), -1, dtype=np.int64)
            self._replies.write(result.replies, self._reply_outputs(), none)

    def _reply_outputs(self) -> Sequence[OutputInterface]:
        """Answers go back where frames came from."""
        return [
            OutputInterface(info.linktype, info.name, info.description, row)
            for row, info in enumerate(self._interfaces)
        ]

    def _without_unfit(
        self, batch: PacketBatch, numbers: Ints, entropy: Ints, fits: npt.NDArray[np.bool_]
    ) -> tuple[PacketBatch, Ints, Ints]:
        lost = np.unique(numbers[~fits])
        self._totals.leave(lost, [_OTHER_LINKTYPE] * len(lost), self._totals.skipped)
        rows = np.flatnonzero(fits)
        return select(batch, rows), numbers[rows], entropy[rows]

    def _kept(self, left: PacketBatch, numbers: Ints, reasons: Sequence[str]) -> Ints:
        """Which of the frames that were not rewritten are kept as they are; counts these and the others."""
        fits = self._destination.accepts(left.linktype)
        kept, lost = np.flatnonzero(fits), np.flatnonzero(~fits)
        self._totals.leave(numbers[kept], [reasons[i] for i in kept.tolist()], self._totals.kept)
        self._totals.leave(numbers[lost], [_OTHER_LINKTYPE] * len(lost), self._totals.skipped)
        return kept


class _Outputs:
    """One table of interfaces for rewritten frames and those that are kept as they are."""

    def __init__(self, rewriter: Rewriter, interfaces: Sequence[InterfaceInfo]) -> None:
        self.table: list[OutputInterface] = []
        self._rewriter = rewriter
        self._interfaces = interfaces
        #: Row in `table` of each of the rewriter's outputs, and of each interface of the input.
        self._rewritten: list[int] = []
        self._kept: list[int] = []

    def of_rewritten(self, batch: PacketBatch) -> PacketBatch:
        """The frames with rows of `table`."""
        for output in self._rewriter.outputs[len(self._rewritten) :]:
            self._rewritten.append(self._add(output))
        return batch.at_interfaces(np.array(self._rewritten, dtype=np.int32)[batch.interface])

    def of_kept(self, batch: PacketBatch) -> PacketBatch:
        """Likewise."""
        if not len(batch):
            return batch
        for row in range(len(self._kept), int(batch.interface.max()) + 1):
            info = self._interfaces[row]
            self._kept.append(self._add(OutputInterface(info.linktype, info.name, info.description, row)))
        return batch.at_interfaces(np.array(self._kept, dtype=np.int32)[batch.interface])

    def _add(self, output: OutputInterface) -> int:
        self.table.append(output)
        return len(self.table) - 1


def _different(numbers: Ints) -> int:
    """How many frames these numbers, which do not fall, are of."""
    return int((numbers[1:] != numbers[:-1]).sum()) + (len(numbers) > 0)
