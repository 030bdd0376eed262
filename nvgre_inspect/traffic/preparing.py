"""Preparing: frames of a capture to the frames that a replay sends.

    captured frames -> tenants' own frames (what is encapsulated is taken out) -> encapsulated by the policy

or as they are. Nothing is lost silently: `Prepared.skipped` says how many frames were left out and why.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.rewritten import OutputInterface, Rewriter, Rewritten
from nvgre_inspect.model.batch import PacketBatch, concatenated
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.traffic.sending import longer_than

Ints = npt.NDArray[np.int64]
#: Longest frame that is filled up: IPv6's largest packet, and room for tags. Beyond that lengths are not believed.
_LONGEST = 65_535 + 40 + offsets.ETH_LEN + 2 * offsets.VLAN_LEN
#: Frames that are filled up are handed on by so many bytes: a small capture may claim to be large.
_PADDED_BYTES = 16 << 20
_PLAIN = "no-encapsulation"
#: Makes a decapsulator; an encapsulator for frames of these interfaces, a list that grows. Called when the first frames
#: came: only then it is known whether the compiled ones are worth loading.
MakeDecapsulator = Callable[[], Rewriter]
MakeEncapsulator = Callable[[Sequence[InterfaceInfo]], Rewriter]


class Preparation:
    """Takes the frames that were asked for, in order, and counts."""

    def __init__(
        self,
        *,
        interfaces: Sequence[InterfaceInfo] = (),
        decapsulator: MakeDecapsulator | None = None,
        encapsulator: MakeEncapsulator | None = None,
        mtu: int = 0,
        pad: bool = False,
    ) -> None:
        """`interfaces` are those of the input, a list that grows. Without `decapsulator` and `encapsulator` frames are
        sent as they are. `mtu` is that of the interface, 0: no limit; `pad`: fill up what was cut.
        """
        self._interfaces = interfaces
        self._make = decapsulator, encapsulator
        self._decapsulator: Rewriter | None = None
        self._encapsulator: Rewriter | None = None
        self._tenants: _TenantInterfaces | None = None
        self._mtu = mtu
        self._pad = pad
        #: Frames of the input that were asked for.
        self.frames = 0
        #: Frames that are not sent, by reason (`reasons.SKIPPED`, `sending.SKIPPED`).
        self.skipped: Counter[str] = Counter()

    @property
    def noted(self) -> Counter[str]:
        """What the encapsulator thought worth saying (`reasons.NOTED`)."""
        return Counter() if self._encapsulator is None else self._encapsulator.noted

    def batches(self, source: Iterable[Selected]) -> Iterator[PacketBatch]:
        """The frames to send; none of the batches is empty. May be called once."""
        begun = False
        for part in source:
            if not begun:
                self._begin()
                begun = True
            batch, records, numbers, mask = part
            if not mask.all():
                rows = np.flatnonzero(mask)
                batch, numbers = select(batch, rows), numbers[rows]
                records = records[rows] if len(records) else records
            self.frames += len(batch)
            if self._decapsulator is not None:
                batch, numbers = self._plain(self._decapsulator.rewrite(batch, records, numbers), batch, numbers)
            yield from self._finished(batch, numbers)
        rest = self._decapsulator.finish() if self._decapsulator is not None else None
        if rest is not None and rest.left is not None:
            batch, numbers = self._plain(rest, rest.left, rest.skipped)
            yield from self._finished(batch, numbers)

    def _begin(self) -> None:
        make_decapsulator, make_encapsulator = self._make
        if make_decapsulator is not None:
            self._decapsulator = make_decapsulator()
            self._tenants = _TenantInterfaces(self._interfaces, self._decapsulator)
        if make_encapsulator is not None:
            self._encapsulator = make_encapsulator(self._interfaces if self._tenants is None else self._tenants.table)

    def _plain(self, result: Rewritten, batch: PacketBatch, numbers: Ints) -> tuple[PacketBatch, Ints]:
        """The tenants' frames, with those that were in no tunnel."""
        assert self._tenants is not None
        reasons = np.array(result.reason, dtype=object)
        self.skipped.update(reason for reason in result.reason if reason != _PLAIN)
        self._tenants.follow()
        taken = result.batch.at_interfaces(self._tenants.of_taken(result.batch.interface))
        plain = np.flatnonzero(reasons == _PLAIN)
        if not len(plain):
            return taken, result.number
        left = result.left
        if left is None:
            left = select(batch, np.searchsorted(numbers, result.skipped))
        others = select(left, plain)
        others = others.at_interfaces(self._tenants.of_input(others.interface))
        together = np.concatenate([result.number, result.skipped[plain]])
        order = np.argsort(together, kind="stable")
        return select(concatenated([taken, others]), order), together[order]

    def _finished(self, batch: PacketBatch, numbers: Ints) -> Iterator[PacketBatch]:
        if self._encapsulator is not None and len(batch):
            result = self._encapsulator.rewrite(batch, np.zeros(0, np.void), numbers)
            self.skipped.update(result.reason)
            batch = _own(result.batch)
        batch = self._sendable(batch)
        for part in _padded(batch) if self._pad else (batch,):
            if len(part):
                yield part

    def _sendable(self, batch: PacketBatch) -> PacketBatch:
        """Without what an interface does not take."""
        batch = self._without(batch, batch.linktype != offsets.DLT_ETHERNET, "not-ethernet")
        batch = self._without(batch, batch.caplen < offsets.ETH_LEN, "too-short")
        cut = batch.wirelen > (np.maximum(batch.caplen, _LONGEST) if self._pad else batch.caplen)
        batch = self._without(batch, cut, "cut")
        return self._without(batch, longer_than(self._mtu, batch), "over-mtu") if self._mtu else batch

    def _without(self, batch: PacketBatch, unfit: npt.NDArray[np.bool_], reason: str) -> PacketBatch:
        if not unfit.any():
            return batch
        self.skipped[reason] += int(unfit.sum())
        return select(batch, ~unfit)


class _TenantInterfaces:
    """One table of interfaces for tenants' frames and those that were in no tunnel, as the encapsulator reads it."""

    def __init__(self, interfaces: Sequence[InterfaceInfo], decapsulator: Rewriter) -> None:
        self.table: list[InterfaceInfo] = []
        self._interfaces = interfaces
        self._decapsulator = decapsulator
        #: Row in `table` of each of the decapsulator's outputs, and of each interface of the input.
        self._taken: list[int] = []
        self._input: list[int] = []

    def follow(self) -> None:
        """What has come since."""
        for output in self._decapsulator.outputs[len(self._taken) :]:
            self._taken.append(self._add(output))
        for row in range(len(self._input), len(self._interfaces)):
            info = self._interfaces[row]
            self._input.append(self._add(OutputInterface(info.linktype, info.name, info.description, row)))

    def of_taken(self, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Rows of `table` for outputs of the decapsulator."""
        return np.array([*self._taken, 0], np.int32)[rows]

    def of_input(self, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Likewise for interfaces of the input."""
        return np.array([*self._input, 0], np.int32)[rows]

    def _add(self, output: OutputInterface) -> int:
        self.table.append(InterfaceInfo("", len(self.table), output.name, output.linktype, 0, output.description))
        return len(self.table) - 1


def _own(batch: PacketBatch) -> PacketBatch:
    """The frames in memory of their own: that of an encapsulator is good until its next batch."""
    used = int((batch.offset + batch.caplen).max(initial=0))
    return dataclasses.replace(batch, buffer=batch.buffer[:used].copy())


def _padded(batch: PacketBatch) -> Iterator[PacketBatch]:
    """The frames at their full lengths, what was cut filled up with zeros."""
    if not (batch.wirelen > batch.caplen).any():
        yield batch
        return
    part = np.cumsum(batch.wirelen) // _PADDED_BYTES
    for rows in np.split(np.arange(len(batch)), np.flatnonzero(np.diff(part)) + 1):
        some = select(batch, rows)
        offset = np.cumsum(some.wirelen) - some.wirelen
        buffer = np.zeros(int(some.wirelen.sum()), np.uint8)
        for start, at, length in zip(some.offset.tolist(), offset.tolist(), some.caplen.tolist(), strict=True):
            buffer[at : at + length] = some.buffer[start : start + length]
        yield dataclasses.replace(some, buffer=buffer, offset=offset, caplen=some.wirelen)
