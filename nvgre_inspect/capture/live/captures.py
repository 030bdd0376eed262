"""LiveCaptures: a live source, and what is kept of it, as the input of a session.

    source ──> batches ──> decoded ──> overhear: delivery ──> chosen ──> keep: positions, recording ──> accounted

What does not pass `-Y` or `--vsid` is neither kept nor recorded. Who delivers a tenant's frames overhears all, since
later fragments of packets on the underlay do not say whose they are. A batch of a live source is valid only
until the next one is asked for: the ring's memory is the kernel's again then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.reader import count_frames, select
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import Frame, InterfaceInfo

if TYPE_CHECKING:
    from nvgre_inspect.capture.live.kept import KeptFrames
    from nvgre_inspect.capture.live.source import LiveSource

#: The counters of the capturing system are read anew this often.
_REFRESH_SECONDS = 0.25


class Sink(Protocol):
    """Where chosen frames go besides, while they come: a recording, a TAP interface."""

    notes: list[str]

    @property
    def finished(self) -> bool:
        """Whether it wants no more, so that capturing is to end."""
        ...

    def write(self, batch: PacketBatch, records: npt.NDArray[np.void]) -> None:
        """Take these frames. Fails on its own account: with a sentence in `notes`, never with an exception."""
        ...

    def tick(self) -> None:
        """Nothing came for a moment, or counters were read: time may have run out."""
        ...

    def close(self) -> None:
        """Nothing follows."""
        ...


class LiveCaptures:
    """An `Input` that goes on until `stop`, the source's end, `seconds`, `count` frames, or a sink's limit."""

    def __init__(
        self,
        source: LiveSource,
        kept: KeptFrames,
        sinks: Sequence[Sink] = (),
        listeners: Sequence[Sink] = (),
        *,
        count: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Closes all of them with itself. `sinks` get the frames that were chosen, `listeners` all. `count`: of frames
        that come, chosen or not.
        """
        self._source = source
        self._kept = kept
        self._chosen_go_to = tuple(sinks)
        self._listeners = tuple(listeners)
        self._sinks = (*self._listeners, *self._chosen_go_to)
        self._left = count
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._refreshed = float("-inf")
        self._started = False
        self._closed = False
        #: Bytes of the frames that came.
        self.bytes_read = 0

    # --- what comes --------------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[PacketBatch]:
        """All frames from now on; an empty batch now and then where nothing comes. Once."""
        if self._started:
            raise RuntimeError("what is live comes once")
        self._started = True
        try:
            yield from self._batches()
        finally:
            self.end()

    def _batches(self) -> Iterator[PacketBatch]:
        for batch in self._source.batches():
            if self._left is not None:
                batch = batch if len(batch) <= self._left else select(batch, np.arange(self._left))
                self._left -= len(batch)
            if len(batch):
                count_frames(self._source.interfaces, batch.interface, batch.wirelen, batch.ts_ns)
                self.bytes_read += int(batch.caplen.sum())
            yield batch
            self._refresh()
            if self._is_over():
                self._source.stop()

    def keep(self, batch: PacketBatch, records: npt.NDArray[np.void]) -> PacketBatch:
        """Keep and pass on the frames that were chosen; they come back with their positions."""
        batch = replace(batch, position=self._kept.append(batch))
        if len(batch):
            for sink in self._chosen_go_to:
                sink.write(batch, records)
        return batch

    def overhear(self, batch: PacketBatch, records: npt.NDArray[np.void]) -> None:
        """Pass on all frames."""
        if len(batch):
            for sink in self._listeners:
                sink.write(batch, records)

    def stop(self) -> None:
        """End soon, after what was received until now; from any thread, or a signal's handler."""
        self._source.stop()

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._refreshed >= _REFRESH_SECONDS:
            self._refreshed = now
            self._source.refresh()
            for sink in self._sinks:
                sink.tick()

    def _is_over(self) -> bool:
        return (
            self._left == 0
            or (self._ends is not None and time.monotonic() >= self._ends)
            or any(sink.finished for sink in self._sinks)
        )

    # --- what is known -----------------------------------------------------------------------------------------------

    @property
    def paths(self) -> Sequence[str | Path]:
        """Nothing is read from files of which anything else could be written."""
        return ()

    @property
    def interfaces(self) -> Sequence[InterfaceInfo]:
        """The rows of the `captures` table; their counters go on."""
        return self._source.interfaces

    @property
    def described(self) -> Sequence[InterfaceInfo]:
        """The same."""
        return self._source.interfaces

    @property
    def known_interfaces(self) -> Sequence[InterfaceInfo] | None:
        """More may come."""
        return None

    @property
    def total_bytes(self) -> int | None:
        """Nobody knows."""
        return None

    @property
    def can_reopen(self) -> bool:
        """What is past is past."""
        return False

    @property
    def damage(self) -> list[str]:
        """What of the source could not be read, a sentence each."""
        return list(self._source.damage)

    @property
    def notes(self) -> list[str]:
        """What a user should know, a sentence each: interfaces that went, recordings that ended."""
        return [*self._source.notes, *self._kept.notes, *(note for sink in self._sinks for note in sink.notes)]

    # --- what was kept -----------------------------------------------------------------------------------------------

    def again(self, count: int, positions: npt.NDArray[np.int64]) -> Iterator[PacketBatch]:
        """The frames at the first `count` positions that are kept."""
        return self._kept.again(count, positions)

    def read_frame(self, position: int) -> Frame:
        """A frame that is kept; CaptureError for one that is not any more. From any thread."""
        return self._kept.read_frame(position)

    def read_batch(self, positions: npt.NDArray[np.int64]) -> PacketBatch:
        """Frames that are kept; as `read_frame`."""
        return self._kept.read_batch(positions)

    def end(self) -> None:
        """The source has ended, or was left: finish what is written. Kept frames can still be read."""
        if not self._closed:
            self._closed = True
            self._source.refresh()
            for sink in self._sinks:
                sink.close()
            self._source.close()

    def close(self) -> None:
        """End, and let go of the frames that were kept."""
        self.end()
        self._kept.close()
