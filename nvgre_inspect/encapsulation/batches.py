"""Encapsulation and translation of batches: frame by frame through the reference, or compiled, which is chosen here.

Both give the same frames, byte for byte. The reference needs some 50 to 100 µs a frame, and no numba.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.encapsulator import Encapsulator
from nvgre_inspect.encapsulation.interfaces import RecordedInterfaces, follow
from nvgre_inspect.encapsulation.made import made
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.policy import Encapsulation, Policy
from nvgre_inspect.encapsulation.reassembly import Decode, Joined, Reassembly
from nvgre_inspect.encapsulation.rewritten import OutputInterface, Rewriter, Rewritten
from nvgre_inspect.encapsulation.translator import Translator
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.source import InterfaceInfo

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]


def encapsulation(
    policy: Policy,
    interfaces: Sequence[InterfaceInfo],
    *,
    compiled: bool,
    vsid: int | None = None,
    by_policy: bool = False,
    origin: Origin | None = None,
) -> Rewriter:
    """What puts frames into tunnels; see `Encapsulator`. `origin` is the tunnel of all frames."""
    if compiled:
        from nvgre_inspect.encapsulation.compiled_encapsulator import CompiledEncapsulator

        return CompiledEncapsulator(policy, interfaces, vsid=vsid, by_policy=by_policy, origin=origin)
    return ReferenceEncapsulation(policy, interfaces, vsid=vsid, by_policy=by_policy, origin=origin)


def translation(
    encapsulation: Encapsulation,
    interfaces: Sequence[InterfaceInfo],
    decode: Decode,
    *,
    compiled: bool,
    ids: Mapping[int, int],
    options: DecodeOptions,
) -> Rewriter:
    """What puts frames into another encapsulation; see `Translator`. Fragments of outer packets are put together.

    `options` are those of the records that will come, and of `decode`.
    """
    translator: Rewriter
    if compiled:
        from nvgre_inspect.encapsulation.compiled_translator import CompiledTranslator

        translator = CompiledTranslator(encapsulation, interfaces, ids=ids, options=options)
    else:
        translator = ReferenceTranslation(encapsulation, interfaces, ids=ids, options=options)
    return Reassembling(translator, decode)


class _Made(NamedTuple):
    """A frame that was made of the one in that row, and is so many bytes longer on the wire than what there is."""

    row: int
    data: bytes
    missing: int


class ReferenceEncapsulation:
    """`Encapsulator` for batches. A `Rewriter`."""

    def __init__(
        self,
        policy: Policy,
        interfaces: Sequence[InterfaceInfo],
        *,
        vsid: int | None = None,
        by_policy: bool = False,
        origin: Origin | None = None,
    ) -> None:
        """`interfaces` are those of the input, a list that grows; `origin`: the tunnel of all frames."""
        self._encapsulator = Encapsulator(policy, vsid=vsid, by_policy=by_policy)
        self._recorded = RecordedInterfaces(interfaces, origin)
        self.outputs = self._recorded.outputs
        self.noted: Counter[str] = Counter()

    def rewrite(self, batch: PacketBatch, records: Records, numbers: Ints) -> Rewritten:
        """See `Rewriter`; the records are not needed."""
        self._recorded.follow()
        origins = self._recorded.origins
        frames: list[_Made] = []
        replies: list[_Made] = []
        reasons: dict[int, str] = {}
        for row, (data, wirelen, linktype, interface) in enumerate(_frames(batch)):
            result = self._encapsulator.encapsulate(data, wirelen, origin=origins[interface], linktype=linktype)
            frames += [_Made(row, frame, result.missing) for frame in result.frames]
            replies += [_Made(row, reply, 0) for reply in result.replies]
            self.noted.update(result.notes)
            if result.reason is not None:
                reasons[row] = result.reason
        rewritten = _rewritten(batch, numbers, frames, reasons)
        rewritten.batch.linktype[:] = offsets.DLT_ETHERNET
        if replies:
            rewritten.replies = made(batch, [reply.row for reply in replies], [reply.data for reply in replies])
            rewritten.reply_number = numbers[[reply.row for reply in replies]]
        return rewritten

    def finish(self) -> Rewritten | None:
        """Nothing waits here."""
        return None


class ReferenceTranslation:
    """`Translator` for batches. A `Rewriter`."""

    def __init__(
        self,
        encapsulation: Encapsulation,
        interfaces: Sequence[InterfaceInfo],
        *,
        ids: Mapping[int, int],
        options: DecodeOptions,
    ) -> None:
        """`interfaces` are those of the input, a list that grows."""
        self._translator = Translator(
            encapsulation.kind,
            ids=ids,
            port=encapsulation.port,
            key=encapsulation.key,
            checksum=encapsulation.checksum,
            sequence=encapsulation.sequence,
            options=options,
        )
        self._interfaces = interfaces
        self.outputs: list[OutputInterface] = []
        self.noted: Counter[str] = Counter()

    def rewrite(self, batch: PacketBatch, records: Records, numbers: Ints) -> Rewritten:
        """See `Rewriter`; the records are not needed."""
        follow(self.outputs, self._interfaces)
        frames: list[_Made] = []
        reasons: dict[int, str] = {}
        for row, (data, wirelen, linktype, _) in enumerate(_frames(batch)):
            result = self._translator.translate(data, wirelen, linktype)
            self.noted.update(result.notes)
            if result.reason is None:
                frames.append(_Made(row, result.frame, result.wirelen - len(result.frame)))
            else:
                reasons[row] = result.reason
        return _rewritten(batch, numbers, frames, reasons)

    def finish(self) -> Rewritten | None:
        """Nothing waits here."""
        return None


class Reassembling:
    """Fragments of outer packets put together, before another `Rewriter` gets the frames."""

    def __init__(self, rewriter: Rewriter, decode: Decode) -> None:
        """`decode` makes records of packets that were put together, as those of the batches were made."""
        self._rewriter = rewriter
        self._reassembly = Reassembly(decode)
        self.outputs = rewriter.outputs
        self.noted = rewriter.noted

    def rewrite(self, batch: PacketBatch, records: Records, numbers: Ints) -> Rewritten:
        """See `Rewriter`."""
        return self._rewrite(self._reassembly.join(batch, records, numbers))

    def finish(self) -> Rewritten | None:
        """See `Rewriter`."""
        rest = self._reassembly.finish()
        return None if rest is None else self._rewrite(rest)

    def _rewrite(self, whole: Joined) -> Rewritten:
        batch, records, numbers, incomplete, joined = whole
        if incomplete is None:
            return self._rewriter.rewrite(batch, records, numbers)
        # Fragments that are still there are given up, or carry no tunnel.
        fragment = (records["frag_a_ip"] >= 0) & (records["frag_a_layers"] == 0)
        rows, others = np.flatnonzero(~fragment), np.flatnonzero(fragment)
        result = self._rewriter.rewrite(select(batch, rows), records[rows], numbers[rows])
        skipped = np.concatenate([rows[np.searchsorted(numbers[rows], result.skipped)], others])
        reason = [
            *result.reason,
            *("incomplete" if is_incomplete else "no-encapsulation" for is_incomplete in incomplete[others].tolist()),
        ]
        result.skipped, result.reason = numbers[skipped], reason
        result.left = select(batch, skipped)
        result.joined = joined
        return result


def _frames(batch: PacketBatch) -> Iterable[tuple[bytes, int, int, int]]:
    """Captured bytes, length on the wire, link type and interface of each frame."""
    columns = (batch.offset, batch.caplen, batch.wirelen, batch.linktype, batch.interface)
    view = batch.buffer.data
    for start, caplen, wirelen, linktype, interface in zip(*(column.tolist() for column in columns), strict=True):
        yield bytes(view[start : start + caplen]), wirelen, linktype, interface


def _rewritten(batch: PacketBatch, numbers: Ints, frames: Sequence[_Made], reasons: Mapping[int, str]) -> Rewritten:
    rows = [frame.row for frame in frames]
    left = list(reasons)
    return Rewritten(
        batch=made(batch, rows, [frame.data for frame in frames], [frame.missing for frame in frames]),
        number=numbers[rows],
        entropy=np.full(len(rows), -1, dtype=np.int64),
        skipped=numbers[left],
        reason=list(reasons.values()),
        left=select(batch, np.array(left, dtype=np.int64)),
    )
