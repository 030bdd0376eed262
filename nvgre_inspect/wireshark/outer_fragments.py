"""OuterFragments: which fragments of the underlay a packet was put together from.

A packet that was put together has the number of the fragment that completed it. Who chooses that number means all of
its fragments.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]

#: The addresses of an IP header.
_IPV4_ADDRESSES, _IPV6_ADDRESSES = slice(12, 20), slice(8, 40)


class OuterFragments:
    """Notes the fragments that pass by (some 300 bytes each), and which of them completed a packet."""

    def __init__(self) -> None:
        #: What all fragments of a packet have in common -> their numbers, rising; it may be used again.
        self._fragments: dict[bytes, list[int]] = {}
        self._key_of: dict[int, bytes] = {}
        #: Likewise -> numbers of those that completed a packet.
        self._completing: dict[bytes, list[int]] = {}

    def see(self, batch: PacketBatch, records: Records, numbers: Ints) -> None:
        """The next frames, as they came."""
        for row in np.flatnonzero(_is_fragment(records)).tolist():
            header = batch.frame(row)[int(records["ip_off"][row][0]) :]
            addresses = header[_IPV4_ADDRESSES if header[0] >> 4 == 4 else _IPV6_ADDRESSES]
            key = b"%d %d " % (batch.interface[row], records["frag_a_id"][row]) + addresses
            number = int(numbers[row])
            self._fragments.setdefault(key, []).append(number)
            self._key_of[number] = key

    def completed(self, records: Records, numbers: Ints) -> None:
        """The packets that went on: those that are no fragments any more were completed."""
        if not self._key_of:
            return
        for number in numbers[~_is_fragment(records)].tolist():
            key = self._key_of.get(number)
            if key is not None:
                self._completing.setdefault(key, []).append(number)

    def with_parts(self, numbers: Ints) -> Ints:
        """`numbers` (rising) and those of all fragments of what they completed, rising."""
        parts: list[int] = []
        for number in numbers.tolist():
            key = self._key_of.get(number)
            if key is not None and number in self._completing.get(key, ()):
                before = self._completing[key][: bisect_left(self._completing[key], number)]
                fragments = self._fragments[key]
                parts += fragments[
                    bisect_right(fragments, before[-1] if before else 0) : bisect_right(fragments, number)
                ]
        return np.unique(np.concatenate([numbers, np.array(parts, dtype=np.int64)]))


def _is_fragment(records: Records) -> npt.NDArray[np.bool_]:
    """Of the outermost IP packet, outside all layers."""
    fragment: npt.NDArray[np.bool_] = (records["frag_a_ip"] >= 0) & (records["frag_a_layers"] == 0)
    return fragment
