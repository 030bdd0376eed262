"""PacketFile: packets in a temporary capture for tshark, and their numbers here.

tshark counts the packets of the file that it is given; `numbers` brings its counts back to those of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.writer import PcapngWriter
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo

Ints = npt.NDArray[np.int64]


class PacketFile:
    """Writes a pcapng file; a context manager. Raises CaptureError where the file cannot be written."""

    def __init__(self, path: Path, interfaces: Sequence[InterfaceInfo]) -> None:
        """`interfaces` are those that the packets refer to; they may grow."""
        self.path = path
        self._interfaces = interfaces
        self._writer = PcapngWriter(path, force=True)
        self._described: dict[tuple[int, int], int] = {}
        self._numbers: list[Ints] = []

    @property
    def packets(self) -> int:
        """How many were written."""
        return self._writer.frames

    def write(self, batch: PacketBatch, numbers: Ints) -> None:
        """The next packets and their numbers in the input (int64)."""
        self._writer.write_batch(batch.at_interfaces(self._rows(batch)))
        self._numbers.append(numbers)

    def numbers(self) -> Ints:
        """int64[packets]: the number in the input of each packet; tshark's count, less 1, is the index."""
        self._numbers = [np.concatenate([np.zeros(0, dtype=np.int64), *self._numbers])]
        return self._numbers[0]

    def _rows(self, batch: PacketBatch) -> npt.NDArray[np.int32]:
        """An interface of a file has one link type: those of the input are split by it."""
        keys = batch.interface.astype(np.int64) << 16 | batch.linktype
        present, which = np.unique(keys, return_inverse=True)
        return np.array([self._row(key >> 16, key & 0xFFFF) for key in present.tolist()], dtype=np.int32)[which]

    def _row(self, interface: int, linktype: int) -> int:
        if (interface, linktype) not in self._described:
            name = self._interfaces[interface].name if 0 <= interface < len(self._interfaces) else ""
            self._described[interface, linktype] = self._writer.add_interface(name, linktype=linktype, snaplen=0)
        return self._described[interface, linktype]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)
