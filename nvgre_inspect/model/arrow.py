"""Arrow arrays made of memory that is there, and back, without pyarrow's converters.

`pyarrow.array`, `pyarrow.scalar` and `to_numpy` import pandas to ask it whether what they got is its own. That takes
0.15 s, a fifth of what it takes to report on a million packets, so that reports which need no DataFrame are made
without. Nothing here copies numbers.

Limit: the texts of one array have 2 GiB together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


def numbers(values: npt.NDArray[Any], null: Mask | None = None, kind: pa.DataType | None = None) -> pa.Array:
    """The array of these values, null where `null` says so. `kind`: another Arrow type of the same width."""
    values = np.ascontiguousarray(values)
    kind = kind or pa.from_numpy_dtype(values.dtype)
    valid = None if null is None or not null.any() else pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(values)])


def codes(values: npt.NDArray[np.integer[Any]]) -> pa.Array:
    """Indices to take by: -1 is null."""
    return numbers(values, values < 0)


def booleans(values: Mask) -> pa.Array:
    """The array of these truths."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(np.packbits(values, bitorder="little"))])


def strings(texts: Sequence[str]) -> pa.Array:
    """The array of these texts."""
    encoded = [text.encode() for text in texts]
    ends = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=ends[1:])
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def text(value: str) -> pa.Scalar:
    """One text, for functions that give it to each row."""
    return strings([value])[0]


def joined(*parts: pa.Array | str) -> pa.Array:
    """The texts of each row, one behind the other; a `str` is that of all rows. Null where a part is."""
    return pc.binary_join_element_wise(*(text(part) if isinstance(part, str) else part for part in parts), text(""))


def values_of(array: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The numbers of an array without nulls, which has this dtype."""
    whole = np.frombuffer(array.buffers()[1], dtype) if len(array) else np.zeros(0, dtype)
    return whole[array.offset : array.offset + len(array)]


def numbered(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """(number of each row's value, the different values in order of appearance) of integers."""
    values = np.ascontiguousarray(values)
    if values.dtype == np.bool_:
        values = values.view(np.uint8)
    encoded = numbers(values).dictionary_encode()
    return values_of(encoded.indices, np.int32).astype(np.int64), values_of(encoded.dictionary, values.dtype)
