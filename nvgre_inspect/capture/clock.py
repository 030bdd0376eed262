"""Time stamps of pcapng interfaces: resolution and offset to int64 nanoseconds, in integers only.

A time stamp counts units of 10^-n or 2^-n seconds (if_tsresol) from the epoch plus if_tsoffset seconds.
Finer units are rounded down to the nanosecond. What lies outside EARLIEST to LATEST (the years 1823 to 2116) is
clamped to these ends, and counted: between them the difference of any two times fits into int64 as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NS = 1_000_000_000
INT64_MAX = (1 << 63) - 1
LATEST = (1 << 62) - 1
EARLIEST = -(1 << 62)

#: Up to here, a fraction of 2^-n seconds times 10^9 fits into 64 bits.
_BINARY_VECTOR_MAX = 34


@dataclass(frozen=True, slots=True)
class Clock:
    """`resolution` is the if_tsresol byte (bit 7: base 2), `offset_s` if_tsoffset."""

    resolution: int = 6
    offset_s: int = 0

    def one(self, units: int) -> tuple[int, bool]:
        """Nanoseconds since the epoch of one time stamp, and whether they were clamped."""
        exponent = self.resolution & 0x7F
        per_second = 1 << exponent if self.resolution & 0x80 else 10**exponent
        ns = units * NS // per_second + self.offset_s * NS
        clamped = min(max(ns, EARLIEST), LATEST)
        return clamped, clamped != ns

    def many(self, units: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], int]:
        """`one` of every element (uint64 to int64), and how many were clamped."""
        whole = self._without_offset(units)
        offset = self.offset_s * NS
        if whole is not None and offset >= EARLIEST and offset + int(whole.max(initial=0)) <= LATEST:
            return (whole + offset if offset else whole), 0
        # Only absurd values come here: one by one, in Python's unbounded integers.
        pairs = [self.one(value) for value in units.tolist()]
        return np.array([ns for ns, _ in pairs], np.int64), sum(clamped for _, clamped in pairs)

    def _without_offset(self, units: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64] | None:
        """Nanoseconds before the offset is added; None where 64 bits do not suffice on the way."""
        exponent = self.resolution & 0x7F
        largest = int(units.max(initial=0))
        if self.resolution & 0x80:
            if exponent > _BINARY_VECTOR_MAX or (largest >> exponent) * NS + NS > INT64_MAX:
                return None
            fraction = units & np.uint64((1 << exponent) - 1)
            ns = (units >> np.uint64(exponent)) * np.uint64(NS) + (fraction * np.uint64(NS) >> np.uint64(exponent))
        elif exponent <= 9:
            factor = 10 ** (9 - exponent)
            if largest * factor > INT64_MAX:
                return None
            ns = units * np.uint64(factor)
        elif exponent <= 9 + 19:
            ns = units // np.uint64(10 ** (exponent - 9))
        else:
            ns = np.zeros_like(units)
        return ns.astype(np.int64)
