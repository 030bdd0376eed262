"""PacketPages: rows of the table `packets` for the frames that somebody looks at, out of millions.

Of a frame only its position in the capture and its flow are kept (12 bytes), so a row is made by reading the frame
and decoding it again: `page` does so for the few frames of a screen, `read_through` and `matching` for all of them.
Which frames belong to flows is answered without reading any (`numbers_of`).

Limits: a frame's row is as it was counted; its flow's columns in filters are those of the Snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dissectors.registry import Registry
from dissectors.stack import Stack, dissect
from nvgre_inspect.capture.reader import select
from nvgre_inspect.flows.on_tunnel import carried_by
from nvgre_inspect.flows.packets import packet_table
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.rows import Rows
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.model.source import Frame, InterfaceInfo

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.flows.filter import Filter

Numbers = npt.NDArray[np.int64]
#: Frames that are read again by position at a time, where many are asked for.
_BATCH = 4096
#: Reading all frames in order is faster than reading one in this many by its position (0.6 against 5 µs).
_SPARSE = 8


class Source(Protocol):
    """Captures that can be read again (`capture.Captures`)."""

    def read_frame(self, position: int) -> Frame:
        """The frame at this position."""
        ...

    def read_batch(self, positions: npt.NDArray[np.int64]) -> PacketBatch:
        """The frames at these positions."""
        ...

    def again(self, count: int, positions: npt.NDArray[np.int64]) -> Iterator[PacketBatch]:
        """The first `count` frames; `positions` are those of all.

        Where old frames are let go (State.frames_gone): of the first `count` positions, which rise, those that are
        still there.
        """
        ...


class Decoder(Protocol):
    """What makes RECORDs; not safe to share between threads."""

    def decode(self, batch: PacketBatch) -> npt.NDArray[np.void]:
        """RECORD[len(batch)]."""
        ...


class Found(NamedTuple):
    """What a search has found since it last told."""

    #: int64, numbers of the frames that pass, rising.
    numbers: Numbers
    #: Frames looked at so far, of so many.
    done: int
    total: int


class _Pass(NamedTuple):
    """Frames read again, and what is known of each."""

    batch: PacketBatch
    records: npt.NDArray[np.void]
    #: int64, row of State.flows, -1: none.
    frame_flow: npt.NDArray[np.int64]
    #: int64, from 1.
    numbers: Numbers
    #: bool, whether it was counted and is among those that were asked for.
    wanted: npt.NDArray[np.bool_]


class PacketPages:
    """The frames that a Snapshot has counted. All methods may be called from any thread."""

    def __init__(
        self, snapshot: Snapshot, source: Source, decoder: Callable[[], Decoder], registry: Registry | None = None
    ) -> None:
        """`decoder` makes a decoder of its own for each pass; `registry` has users' dissectors."""
        self._snapshot = snapshot
        self._state = snapshot.state
        self._source = source
        self._make_decoder = decoder
        self._registry = registry or Registry(snapshot.options.tables)
        self._decoder: Decoder | None = None
        self._decoding = threading.Lock()

    def __len__(self) -> int:
        """Frames counted, without those that only live capture lets go."""
        return len(self._state.frame_flow)

    @property
    def interfaces(self) -> Sequence[InterfaceInfo]:
        """The rows of the table `captures`."""
        return self._snapshot.interfaces

    @property
    def last(self) -> int:
        """Number of the last frame that was counted; 0: none was."""
        numbers = self._state.frame_number
        if numbers is None:
            return len(self)
        return int(numbers[-1]) if len(numbers) else 0

    def numbers(self) -> Numbers:
        """The numbers of all frames, rising."""
        numbers = self._state.frame_number
        return np.arange(1, len(self) + 1, dtype=np.int64) if numbers is None else numbers

    def numbers_of(self, flows: npt.NDArray[np.integer]) -> Numbers:
        """The numbers of the frames of these flows (rows of State.flows), rising."""
        chosen = np.zeros(len(self._state.flows) + 1, dtype=bool)  # the last entry is for -1: no flow
        chosen[flows] = True
        rows = np.flatnonzero(chosen[self._state.frame_flow])
        numbers = self._state.frame_number
        return rows + 1 if numbers is None else numbers[rows]

    def flow_of(self, number: int) -> int | None:
        """The row of State.flows of that frame; None if it has none, or was not counted."""
        row = int(self._rows(np.array([number], dtype=np.int64))[0])
        flow = int(self._state.frame_flow[row]) if row >= 0 else -1
        return flow if flow >= 0 else None

    def tunnel_of(self, number: int) -> int | None:
        """The row of State.tunnels on which that frame was; None: none, or not counted. CaptureError as `page`."""
        flow = self.flow_of(number)
        if flow is None:
            return None
        placed = self._state.placements[self._state.placements["flow"] == flow]["tunnel"]
        tunnels = np.unique(placed[placed >= 0]).tolist()
        if len(tunnels) > 1:
            _, records = self.decoded(np.array([number], dtype=np.int64))
            tunnels = [tunnel for tunnel in tunnels if carried_by(self._state, tunnel + 1, records)[0]]
        return tunnels[0] if tunnels else None

    def page(self, numbers: Numbers) -> pd.DataFrame:
        """The rows of these frames, in their order; numbers that were not counted are left out.

        About 0.2 ms a frame and 5 ms besides. CaptureError where frames cannot be read again.
        """
        rows = self._rows(numbers)
        numbers, rows = numbers[rows >= 0], rows[rows >= 0]
        batch, records = self._decoded(rows)
        frame_flow = self._state.frame_flow[rows].astype(np.int64)
        one = _Pass(batch, records, frame_flow, numbers, np.ones(len(rows), dtype=bool))
        return self._table(one, None).frame()

    def decoded(self, numbers: Numbers) -> tuple[PacketBatch, npt.NDArray[np.void]]:
        """These frames and their RECORDs. KeyError for a number that was not counted; CaptureError as `page`."""
        rows = self._rows(numbers)
        if (rows < 0).any():
            raise KeyError(int(numbers[rows < 0][0]))
        return self._decoded(rows)

    def frame(self, number: int) -> Frame:
        """One frame with its comment. KeyError for a number that was not counted; CaptureError as `page`."""
        row = int(self._rows(np.array([number], dtype=np.int64))[0])
        if row < 0:
            raise KeyError(number)
        return self._source.read_frame(int(self._state.frame_position[row]))

    def dissect(self, number: int) -> Stack:
        """One frame, taken apart for people. Raises as `frame`."""
        return self.stack(self.frame(number))

    def stack(self, frame: Frame) -> Stack:
        """A frame of this capture, taken apart for people."""
        gre_key: Any = self._snapshot.options.gre_key  # DecodeOptions checks that it is one of GRE_KEYS
        return dissect(frame.data, frame.wirelen, frame.linktype, gre_key, self._registry)

    def read_through(self, chosen: Filter | None = None) -> Iterator[Rows]:
        """The rows of all frames that pass `chosen`, in chunks; reads the capture through."""
        start_ns = self._start_ns(chosen)
        for one in self._in_order():
            mask = one.wanted & self._mask(one, chosen, start_ns)
            if mask.any():
                yield self._table(one, mask)

    def selected(self, chosen: Filter | None = None) -> Iterator[Selected]:
        """All frames that were counted, decoded, and which of them pass `chosen`; reads the capture through."""
        start_ns = self._start_ns(chosen)
        for one in self._in_order():
            mask = self._mask(one, chosen, start_ns)
            if one.wanted.all():
                yield Selected(one.batch, one.records, one.numbers, mask)
            else:
                rows = np.flatnonzero(one.wanted)
                yield Selected(select(one.batch, rows), one.records[rows], one.numbers[rows], mask[rows])

    def matching(
        self,
        chosen: Filter | None,
        among: Numbers | None = None,
        test: Callable[[npt.NDArray[np.void]], npt.NDArray[np.bool_]] | None = None,
    ) -> Iterator[Found]:
        """The frames that pass `chosen` as they are found; tells after every few thousand, found or not.

        `among`: only these (numbers that were counted, rising). `test` is asked of their RECORDs as well. CaptureError
        where frames cannot be read again.
        """
        if among is not None and len(among) == 0:
            return
        start_ns = self._start_ns(chosen)
        sparse = among is not None and len(among) * _SPARSE < len(self)
        done, total = 0, len(self) if among is None else len(among)
        for one in self._by_position(among) if among is not None and sparse else self._in_order(among):
            mask = one.wanted & self._mask(one, chosen, start_ns)
            if test is not None:
                mask &= test(one.records)
            done += int(one.wanted.sum())
            yield Found(one.numbers[mask], done, total)

    def _decoded(self, rows: npt.NDArray[np.int64]) -> tuple[PacketBatch, npt.NDArray[np.void]]:
        batch = self._source.read_batch(self._state.frame_position[rows])
        with self._decoding:
            if self._decoder is None:
                self._decoder = self._make_decoder()
            return batch, self._decoder.decode(batch)

    def _rows(self, numbers: Numbers) -> npt.NDArray[np.int64]:
        """Rows of the State's arrays per frame; -1: not counted."""
        known = self._state.frame_number
        if known is None:
            return np.where((numbers >= 1) & (numbers <= len(self)), numbers - 1, -1)
        rows = np.searchsorted(known, numbers)
        rows[rows == len(known)] = -1
        if len(known) == 0:
            return rows
        return np.where(known[rows] == numbers, rows, -1)

    def _in_order(self, among: Numbers | None = None) -> Iterator[_Pass]:
        """The capture read through from the start, as far as frames are wanted."""
        decoder = self._make_decoder()
        state = self._state
        asked = None
        if among is not None:
            asked = np.zeros(len(self), dtype=bool)
            asked[self._rows(among)] = True
        for batch, numbers, rows in self._again(among):
            wanted = rows >= 0 if asked is None else (rows >= 0) & asked[rows]
            if wanted.any():
                frame_flow = np.where(wanted, state.frame_flow[rows], -1).astype(np.int64)
                yield _Pass(batch, decoder.decode(batch), frame_flow, numbers, wanted)

    def _again(self, among: Numbers | None) -> Iterator[tuple[PacketBatch, Numbers, npt.NDArray[np.int64]]]:
        """Frames from the first on, up to the last that is asked for: their numbers, and rows of the State's arrays."""
        state = self._state
        if state.frames_gone is None:
            first = 1
            for batch in self._source.again(self.last if among is None else int(among[-1]), state.frame_position):
                numbers = np.arange(first, first + len(batch), dtype=np.int64)
                first += len(batch)
                yield batch, numbers, self._rows(numbers)
            return
        count = len(self) if among is None else int(self._rows(among[-1:])[0]) + 1
        for batch in self._source.again(count, state.frame_position):
            rows = np.searchsorted(state.frame_position, batch.position)
            yield batch, self.numbers()[rows], rows

    def _by_position(self, numbers: Numbers) -> Iterator[_Pass]:
        decoder = self._make_decoder()
        for start in range(0, len(numbers), _BATCH):
            some = numbers[start : start + _BATCH]
            rows = self._rows(some)
            batch = self._source.read_batch(self._state.frame_position[rows])
            frame_flow = self._state.frame_flow[rows].astype(np.int64)
            yield _Pass(batch, decoder.decode(batch), frame_flow, some, np.ones(len(some), dtype=bool))

    def _start_ns(self, chosen: Filter | None) -> int:
        """Time of the capture's first frame, counted or not (live: that is there): what relative times count from."""
        if chosen is None:
            return 0
        count = min(1, self.last) if self._state.frames_gone is None else len(self)
        first = next(self._source.again(count, self._state.frame_position), None)
        return int(first.ts_ns[0]) if first is not None and len(first) else 0

    def _mask(self, one: _Pass, chosen: Filter | None, start_ns: int) -> npt.NDArray[np.bool_]:
        if chosen is None:
            return np.ones(len(one.batch), dtype=bool)
        return chosen.packet_mask(
            one.batch,
            one.records,
            one.numbers,
            start_ns,
            self._snapshot.flows if chosen.needs_flows else None,
            one.frame_flow if chosen.needs_flows else None,
            self._snapshot.options,
            self._registry,
        )

    def _table(self, one: _Pass, select: npt.NDArray[np.bool_] | None) -> Rows:
        return packet_table(
            one.batch,
            one.records,
            one.frame_flow,
            one.numbers,
            flow_number=self._state.flow_number,
            select=select,
            options=self._snapshot.options,
            registry=self._registry,
        )
