"""KernelDecoder: `reference.decode.decode` by the compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.engine.tables import lookup_tables, template, walks
from nvgre_inspect.kernels import decode as kernel
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD


def plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array, or a copy, as the kernels were compiled for: contiguous and writable.

    Numba takes a read-only array for another type, for which it would compile the kernel once more (10 s).
    """
    return array if array.flags.carray else array.copy()


class KernelDecoder:
    """Decodes batches; one per thread (it owns scratch memory)."""

    def __init__(self, options: DecodeOptions) -> None:
        self._tables: Any = lookup_tables(options).view(np.recarray)
        self._template: Any = template().view(np.recarray)
        self._walks: Any = walks(options).view(np.recarray)

    def decode(self, batch: PacketBatch) -> npt.NDArray[np.void]:
        """RECORD[len(batch)]."""
        records = np.empty(len(batch), dtype=RECORD).view(np.recarray)
        kernel.decode(
            plain(batch.buffer),
            plain(batch.offset),
            plain(batch.caplen),
            plain(batch.wirelen),
            plain(batch.ts_ns),
            plain(batch.linktype),
            plain(batch.interface),
            self._tables,
            self._template,
            self._walks,
            records,
        )
        return records
