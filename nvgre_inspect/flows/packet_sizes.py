"""Sizes of a tunnel's packets on the underlay, and what its headers cost, from records.

RFC 7637 section 4.4: the underlay's MTU should have room for the overhead, and a sending NVE must not fragment after
encapsulation. The MTU itself is in no packet: what can be said is which common ones the packets would need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Common MTUs of IP networks in bytes: Ethernet; Ethernet with room for an overlay; jumbo frames.
COMMON_MTUS = (1500, 1600, 9000, 9216)
#: The MTU that tenants expect; an underlay carries it where its own is larger by the overhead.
TENANT_MTU = 1500


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of each packet: int64 [n]."""

    #: Bytes of the outermost IP packet on the wire, what an MTU limits (the frame, where there is no IP header).
    packet: npt.NDArray[np.int64]
    #: Bytes that are not the tenant's frame: every header outside it, padding and FCS.
    overhead: npt.NDArray[np.int64]

    @property
    def usual_overhead(self) -> int:
        """The overhead that most packets have; 0 without packets."""
        values, counts = np.unique(self.overhead, return_counts=True)
        return int(values[counts.argmax()]) if len(values) else 0


def packet_sizes(records: npt.NDArray[np.void]) -> Sizes:
    """Sizes of these frames (RECORD)."""
    has_ip = records["n_ip"] > 0
    link = np.where(has_ip, records["ip_off"][:, 0], 0)
    return Sizes(records["wire_len"] - link, records["wire_len"] - records["inner_len"])


def mtu_words(sizes: Sizes, mtus: Sequence[int] = COMMON_MTUS) -> str:
    """Which MTU these packets need, in a sentence."""
    if not len(sizes.packet):
        return "no packets"
    largest = int(sizes.packet.max())
    words = f"largest {largest:,} B, overhead {sizes.usual_overhead} B"
    mtu = needed_mtu(largest, mtus)
    if mtu == mtus[0]:
        return f"{words}: fit an MTU of {mtu:,}"
    over = int(np.count_nonzero(sizes.packet > mtus[0]))
    need = f"need an MTU of {mtu:,}" if mtu is not None else f"need an MTU beyond {mtus[-1]:,}"
    return f"{words}: {need}, {over:,} do not fit {mtus[0]:,}"


@dataclass(frozen=True, slots=True)
class SizeBins:
    """Packets by size: bin i holds sizes from `i * width` up to, not including, `(i + 1) * width`."""

    width: int
    #: int64 [2, bins]: packets up to the MTU, and larger ones.
    counts: npt.NDArray[np.int64]


def size_bins(sizes: npt.NDArray[np.int64], most: int, mtu: int = TENANT_MTU) -> SizeBins:
    """Equal bins from 0 to just beyond the largest size (at least the MTU), at most `most` of them."""
    end = max(int(sizes.max(initial=0)), mtu) + 1
    width = max(-(-end // max(most, 1)), 1)
    bins = -(-end // width)
    kept = np.maximum(sizes, 0)
    counts = [np.bincount(kept[large] // width, minlength=bins) for large in (kept <= mtu, kept > mtu)]
    return SizeBins(width, np.array(counts, np.int64))


def needed_mtu(largest: int, mtus: Sequence[int] = COMMON_MTUS) -> int | None:
    """The smallest common MTU through which packets of that size go whole; None: larger than all of them."""
    return next((mtu for mtu in mtus if largest <= mtu), None)
