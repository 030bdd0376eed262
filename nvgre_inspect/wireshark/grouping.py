"""Grouping: which tenants tshark may see together.

Tenants that share no address cannot be mixed up by a tool that keys conversations by addresses, so they go into one
file; those that share one go into different files. So a capture whose tenants all have addresses of their own is one
run of tshark, and one of 64 tenants with the same addresses 64 runs.

Limits: what is neither IP nor ARP has no addresses here; in tshark such protocols hardly have conversations.
"""

from __future__ import annotations

import secrets
from collections import defaultdict

import numpy as np
import numpy.typing as npt

from nvgre_inspect.encapsulation.key_numbers import KeyNumbers
from nvgre_inspect.wireshark.tenant_keys import KEY_WORDS, tenant_keys

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]

#: Tenants that are told apart; further ones are taken for one.
MAX_TENANTS = 1 << 20
_ADDRESSES = (("family", "src"), ("family", "dst"), ("ca_family", "ca_ip"))


class Tenants:
    """Numbers for tenants from 0 in order of appearance, and the addresses that were seen in each."""

    def __init__(self) -> None:
        self._keys = KeyNumbers(KEY_WORDS)
        # Addresses are known by a hash of this process's own; two that share one only keep tenants apart.
        self._multipliers = np.array([secrets.randbits(64) | 1 for _ in range(5)], dtype=np.uint64)
        self._pairs = np.zeros((0, 2), dtype=np.uint64)
        self._new: list[npt.NDArray[np.uint64]] = []
        self._new_pairs = 0

    def numbers(self, records: Records) -> Ints:
        """int64 per record: its tenant's number; all beyond MAX_TENANTS have the same, one more than the others."""
        found = self._keys.of(tenant_keys(records), MAX_TENANTS)
        return np.where(found < 0, MAX_TENANTS, found)

    def see(self, records: Records) -> None:
        """Note the addresses of these packets."""
        tenants = self.numbers(records).astype(np.uint64)
        for family, address in _ADDRESSES:
            rows = np.flatnonzero(records[family] > 0)
            words = np.column_stack([records[family][rows], records[address][rows]]).astype(np.uint64)
            hashes = (words * self._multipliers).sum(axis=1, dtype=np.uint64)
            self._new.append(_unique(np.column_stack([tenants[rows], hashes])))
            self._new_pairs += len(self._new[-1])
        if self._new_pairs > len(self._pairs) + (1 << 16):
            self._merge()

    def groups(self) -> Ints:
        """int64: the group of each tenant by number, from 0; as few groups as a greedy choice finds."""
        self._merge()
        count = len(self._keys) + 1
        present = np.zeros(count, dtype=np.int64)
        tenants = np.minimum(self._pairs[:, 0].astype(np.int64), count - 1)
        _, which, times = np.unique(self._pairs[:, 1], return_inverse=True, return_counts=True)
        shared = times[which] > 1
        addresses: dict[int, list[int]] = defaultdict(list)
        for tenant, address in zip(tenants[shared].tolist(), which[shared].tolist(), strict=True):
            addresses[tenant].append(address)
        taken: dict[int, int] = defaultdict(int)  # address -> groups that have it, a bit each
        for tenant in sorted(addresses):
            used = 0
            for address in addresses[tenant]:
                used |= taken[address]
            group = (~used & (used + 1)).bit_length() - 1  # the lowest that none of them is in
            present[tenant] = group
            for address in addresses[tenant]:
                taken[address] |= 1 << group
        return present

    def _merge(self) -> None:
        self._pairs = _unique(np.concatenate([self._pairs, *self._new]))
        self._new, self._new_pairs = [], 0


def _unique(pairs: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The different rows; by one sort of 16-byte values, which is faster than `np.unique` by rows."""
    if not len(pairs):
        return pairs
    ordered = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    different = np.ones(len(ordered), dtype=bool)
    different[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return ordered[different]
