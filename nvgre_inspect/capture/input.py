"""Input: what a session reads frames from. Captures (files and pipes) and LiveCaptures (interfaces) are inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import Frame, InterfaceInfo

#: Takes the chosen frames of a batch and their RECORDs; gives the same frames with the positions where they are kept.
Keep = Callable[[PacketBatch, npt.NDArray[np.void]], PacketBatch]

Overhear = Callable[[PacketBatch, npt.NDArray[np.void]], None]


class Input(Protocol):
    """Frames in order, once, and any of them again afterwards."""

    @property
    def paths(self) -> Sequence[str | Path]:
        """Files that must not be written to."""
        ...

    @property
    def interfaces(self) -> Sequence[InterfaceInfo]:
        """The rows of the `captures` table, as far as they are known."""
        ...

    @property
    def described(self) -> Sequence[InterfaceInfo]:
        """What is known of the interfaces: a view that grows."""
        ...

    @property
    def known_interfaces(self) -> Sequence[InterfaceInfo] | None:
        """All interfaces, where they are known before anything is read."""
        ...

    @property
    def bytes_read(self) -> int:
        """How far reading has come, of `total_bytes`."""
        ...

    @property
    def total_bytes(self) -> int | None:
        """Size of the input; None where it has no end that is known."""
        ...

    @property
    def can_reopen(self) -> bool:
        """Whether `batches` can begin anew."""
        ...

    @property
    def damage(self) -> list[str]:
        """Why parts could not be read, a sentence each."""
        ...

    @property
    def notes(self) -> list[str]:
        """What a user should know besides, a sentence each."""
        ...

    @property
    def keep(self) -> Keep | None:
        """For input that comes only once: what keeps the frames that were chosen. A batch is then valid only until the
        next one is asked for. None: batches stay valid, and have their positions.
        """
        ...

    @property
    def overhear(self) -> Overhear | None:
        """What is given all frames, before some are chosen; None: nothing is."""
        ...

    def batches(self) -> Iterator[PacketBatch]:
        """All frames from the first on."""
        ...

    def again(self, count: int, positions: npt.NDArray[np.int64]) -> Iterator[PacketBatch]:
        """The first `count` frames once more; `positions` are those of all."""
        ...

    def read_frame(self, position: int) -> Frame:
        """The frame at this position; from any thread. CaptureError where it cannot be read again."""
        ...

    def read_batch(self, positions: npt.NDArray[np.int64]) -> PacketBatch:
        """The frames at these positions, as a batch of their own; as `read_frame`."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
