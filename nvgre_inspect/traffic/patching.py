"""Patch: fields of many frames changed at once, with what that does to checksums.

All methods take offsets within the frames (int64, one per frame) and a mask of the frames meant. What does not lie
within the captured bytes of a frame is left alone, and reads as -1.

Checksums are those of RFC 1071; what a change adds to the sum of 16-bit words is added to them (RFC 1624 equation 3).
Sums are of words that begin at even offsets within the frame; a header at an odd one has its bytes swapped, as RFC 1071
section 2 (B) allows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.model.batch import PacketBatch

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_MAC_LOW_BITS = 40


class Patch:
    """Changes the frames of a batch in its buffer, which must be writable."""

    def __init__(self, batch: PacketBatch) -> None:
        self._buffer = batch.buffer
        self._offset = batch.offset
        self._caplen = batch.caplen
        #: int64 per frame: what all changes so far have added to the sum of its 16-bit words.
        self.changed: Ints = np.zeros(len(batch), np.int64)

    def read(self, at: Ints, size: int, mask: Bools) -> Ints:
        """Big-endian numbers of at most 7 bytes; -1 where there are none."""
        rows = self._within(at, size, mask)
        result = np.full(len(mask), -1, np.int64)
        result[rows] = self._numbers(rows, at, size)
        return result

    def add_number(self, at: Ints, size: int, step: int, mask: Bools) -> Ints:
        """Add modulo 2^(8 size), `size` at most 4. What it added to the sums, of `changed`."""
        rows = self._within(at, size, mask)
        old = self._numbers(rows, at, size)
        return self._put(rows, at, size, old, (old + step % (1 << 8 * size)) & ((1 << 8 * size) - 1))

    def add_vsid(self, key: Ints, step: int, mask: Bools) -> Ints:
        """Add to the VSID of an NVGRE key, round among those of tenants; reserved ones (RFC 7637 section 3.2) stay."""
        rows = self._within(key, 3, mask)
        old = self._numbers(rows, key, 3)
        low, high = offsets.NVGRE_MIN_VSID, offsets.NVGRE_VENDOR_VSID
        ours = (old >= low) & (old < high)
        rows, old = rows[ours], old[ours]
        return self._put(rows, key, 3, old, low + (old - low + step) % (high - low))

    def add_mac(self, at: Ints, step: int, mask: Bools) -> Ints:
        """Add to the lower 40 bits of MAC addresses that are a host's: the first byte says what kind they are."""
        rows = self._within(at, 6, mask)
        old = self._numbers(rows, at, 6)
        host = (old != 0) & (old >> _MAC_LOW_BITS & 1 == 0)
        low = (1 << _MAC_LOW_BITS) - 1
        rows, old = rows[host], old[host]
        return self._put(rows, at, 6, old, old & ~low | (old + step % (1 << _MAC_LOW_BITS)) & low)

    def add_ipv4(self, at: Ints, step: int, mask: Bools) -> Ints:
        """Add to IPv4 addresses that are a host's."""
        rows = self._within(at, 4, mask)
        old = self._numbers(rows, at, 4)
        first = old >> 24
        host = (old != 0) & (first != 127) & (first < 224)
        rows, old = rows[host], old[host]
        return self._put(rows, at, 4, old, (old + step % (1 << 32)) & 0xFFFFFFFF)

    def add_ipv6(self, at: Ints, step: int, mask: Bools) -> Ints:
        """Add to IPv6 addresses that are a host's."""
        rows = self._within(at, 16, mask)
        words = [self._numbers(rows, at + 4 * k, 4) for k in range(4)]
        loopback_or_none = (words[0] == 0) & (words[1] == 0) & (words[2] == 0) & (words[3] <= 1)
        host = ~loopback_or_none & (words[0] >> 24 != 0xFF)
        rows, words = rows[host], [word[host] for word in words]
        added = np.zeros(len(self.changed), np.int64)
        carry = np.zeros(len(rows), np.int64)
        for k in reversed(range(4)):
            new = words[k] + carry + (step >> 32 * (3 - k) & 0xFFFFFFFF)
            carry = new >> 32
            added += self._put(rows, at + 4 * k, 4, words[k], new & 0xFFFFFFFF)
        return added

    def fix_checksum(self, at: Ints, added: Ints, mask: Bools, *, optional: bool = False) -> None:
        """Checksums of what grew by `added`; `optional`: 0 means that there is none, and is never the result (UDP)."""
        rows = self._within(at, 2, mask & (added != 0))
        old = self._numbers(rows, at, 2)
        if optional:
            rows, old = rows[old != 0], old[old != 0]
        delta = added[rows] % 0xFFFF
        delta = np.where(at[rows] % 2 == 1, delta >> 8 | (delta & 0xFF) << 8, delta)
        total = (~old & 0xFFFF) + delta
        total = (total & 0xFFFF) + (total >> 16)
        new = ~total & 0xFFFF
        self._put(rows, at, 2, old, np.where(new == 0, 0xFFFF, new) if optional else new)

    def _within(self, at: Ints, size: int, mask: Bools) -> Ints:
        return np.flatnonzero(mask & (at >= 0) & (at + size <= self._caplen))

    def _numbers(self, rows: Ints, at: Ints, size: int) -> Ints:
        start = self._offset[rows] + at[rows]
        result = np.zeros(len(rows), np.int64)
        for k in range(size):
            result = result << 8 | self._buffer[start + k]
        return result

    def _put(self, rows: Ints, at: Ints, size: int, old: Ints, new: Ints) -> Ints:
        """Write numbers in the stead of others; per frame what that adds to the sum of its words."""
        start = self._offset[rows] + at[rows]
        added = np.zeros(len(self.changed), np.int64)
        for k in range(size):
            shift = 8 * (size - 1 - k)
            before, after = old >> shift & 0xFF, new >> shift & 0xFF
            self._buffer[start + k] = after
            added[rows] += (after - before) * np.where((at[rows] + k) % 2 == 0, 256, 1)
        self.changed += added
        return added
