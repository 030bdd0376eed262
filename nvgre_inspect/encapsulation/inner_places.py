"""Where the inner frames of a batch are: `decapsulator.find_content` for all frames at once, by NumPy.

It follows from the records and a few bytes of the frames (docs/encapsulation.md, "What decapsulation keeps").

Limits: a record keeps the places of four Ethernet and four IP headers, and not where layers inside the one that is
asked for begin. Frames for which that matters (MPLS directly in GRE, AH, five Ethernet headers in each other) are
walked again one by one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import anomalies, encaps, offsets
from nvgre_inspect.encapsulation.decapsulator import find_content, walked
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions, Inner
from nvgre_inspect.model.record import MAX_ETH

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]

#: Why there is no inner frame (of reasons.SKIPPED), by code; 0: there is one.
REASONS = ("", "incomplete", "no-encapsulation", "encrypted", "unreadable", "not-a-frame", "not-ethernet")
INCOMPLETE, NO_ENCAPSULATION, ENCRYPTED, UNREADABLE, NOT_A_FRAME, NOT_ETHERNET = range(1, len(REASONS))

_HEADERS_MISSING = 1 << anomalies.HEADER_CUT_BY_SNAPLEN | 1 << anomalies.HEADER_TRUNCATED
#: Larger than any offset: no header.
_NOWHERE = 1 << 62
#: Layers that may begin right behind another's header, and layers behind which any may.
_DIRECT = np.array([encaps.MPLS, encaps.ERSPAN1, encaps.ERSPAN2, encaps.ERSPAN3], dtype=np.uint8)
_TRANSPARENT = np.array([encaps.ESP, encaps.AH], dtype=np.uint8)


class Places(NamedTuple):
    """One entry per frame; offsets count from its start. Where there is a reason the others mean nothing."""

    start: Ints
    #: On the wire.
    end: Ints
    #: Else it is bare IP.
    is_ethernet: npt.NDArray[np.bool_]
    #: Code of REASONS.
    reason: npt.NDArray[np.uint8]


def removed_layers(records: Records, inner: Inner) -> Ints:
    """How many layers are taken off each frame; more than it has: the one that is asked for is not there."""
    if isinstance(inner, int):
        return np.full(len(records), inner, dtype=np.int64)
    count = records["n_layers"].astype(np.int64)
    if inner == "all":
        return count
    tenant = records["tenant_layer"]
    return np.where(tenant >= 0, tenant + np.int64(1), count)  # no tenant: all of them are mirrors


def layer_kind(records: Records, index: Ints) -> npt.NDArray[np.uint8]:
    """Kind of the layer with that index in each frame; NONE where it has none."""
    there = (index >= 0) & (index < records["n_layers"])
    kinds: npt.NDArray[Any] = records["layer_kind"][np.arange(len(records)), np.where(there, index, 0)]
    return np.where(there, kinds & np.uint8(0x7F), encaps.NONE).astype(np.uint8)


def find(batch: PacketBatch, records: Records, options: DecodeOptions) -> Places:
    """`records` were made with these `options`."""
    inner = records["inner_off"].astype(np.int64)
    end = inner + records["inner_len"]
    # Nearly always the second Ethernet header is that of the tenant's frame, right at its start.
    is_ethernet = (records["n_eth"] > 1) & (records["eth_off"][:, 1] == inner)
    if isinstance(options.inner, int):
        is_ethernet &= records["n_layers"] >= options.inner
    places = Places(inner, end, is_ethernet, np.zeros(len(records), dtype=np.uint8))
    if not is_ethernet.all():
        rest = np.flatnonzero(~is_ethernet)
        found = _search(batch, rest, records[rest], options)
        places.start[rest], places.end[rest] = found.start, found.end
        places.is_ethernet[rest], places.reason[rest] = found.is_ethernet, found.reason
    fragment = records["frag_a_ip"] >= 0
    if fragment.any():
        rows = np.flatnonzero(fragment)
        some = records[rows]
        removed = removed_layers(some, options.inner)
        outside = (some["frag_a_layers"] < removed) & (removed <= some["n_layers"])
        places.reason[rows[outside]] = INCOMPLETE
    return places


def _search(batch: PacketBatch, rows: Ints, records: Records, options: DecodeOptions) -> Places:
    """`find` for these frames, whose inner frame is not where it usually is."""
    inner = records["inner_off"].astype(np.int64)
    removed = removed_layers(records, options.inner)
    outside = (records["n_layers"] == 0) | (removed > records["n_layers"])
    ethernet, last_ethernet = _first(records["eth_off"], records["n_eth"], inner)
    ip, last_ip = _first(records["ip_off"], records["n_ip"], inner)
    start = np.minimum(ethernet, ip)
    end = inner + records["inner_len"]
    reason = _why_nothing(records, removed)
    reason[start < _NOWHERE] = 0
    is_ethernet = ethernet < ip
    bare = np.flatnonzero((ip < ethernet) & ~outside)
    end[bare] = _ip_end(batch, rows[bare], start[bare], end[bare])
    following = layer_kind(records, removed)
    direct = np.isin(following, _DIRECT) | (following >= encaps.USER)
    own = layer_kind(records, removed - 1)
    transparent = (np.isin(own, _TRANSPARENT) | (own >= encaps.USER)) & (following != encaps.NONE)
    unsure = (start > inner) & (direct | transparent | last_ethernet | last_ip) & ~outside
    for i in np.flatnonzero(unsure).tolist():
        row = int(rows[i])
        walk = walked(batch.frame(row), int(batch.wirelen[row]), int(batch.linktype[row]), options)
        content = find_content(walk, options.inner)
        if isinstance(content, str):
            reason[i] = REASONS.index(content)
        else:
            reason[i], start[i], end[i] = 0, content.start, content.end
            is_ethernet[i] = content.linktype == offsets.DLT_ETHERNET
    reason[outside] = NO_ENCAPSULATION
    return Places(start, end, is_ethernet, reason)


def _first(
    places: npt.NDArray[np.int32], count: npt.NDArray[np.uint8], least: Ints
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The first of the headers (rising) at or behind `least`; and whether one that was not kept may come before it."""
    found = np.full(len(places), _NOWHERE, dtype=np.int64)
    for column in range(MAX_ETH - 1, -1, -1):
        fits = (column < count) & (places[:, column] >= least)
        found = np.where(fits, places[:, column], found)
    return found, (count == MAX_ETH) & (found == places[:, MAX_ETH - 1])


def _why_nothing(records: Records, removed: Ints) -> npt.NDArray[np.uint8]:
    """The reason of frames in whose layer there is neither an Ethernet nor an IP header."""
    reason = np.full(len(records), NOT_A_FRAME, dtype=np.uint8)
    innermost = removed >= records["n_layers"]
    reason[innermost & (records["anomalies"] & _HEADERS_MISSING != 0)] = UNREADABLE
    # ESP that could be looked into shows what it carries.
    hidden = (layer_kind(records, removed - 1) == encaps.ESP) & (records["l4_off"] < records["inner_off"])
    reason[innermost & hidden] = ENCRYPTED
    return reason


def _ip_end(batch: PacketBatch, rows: Ints, start: Ints, end: Ints) -> Ints:
    """Where IP packets end by their own length, if that can be: at or before `end`. Their fixed headers are there."""
    at = batch.offset[rows] + start
    buffer = batch.buffer

    def word(offset: int) -> Ints:
        value: Ints = buffer[at + offset].astype(np.int64) << 8 | buffer[at + offset + 1]
        return value

    first = buffer[at].astype(np.int64)
    is_four = first >> 4 == 4
    total = word(offsets.IP4_TOTAL_LEN)
    payload = word(offsets.IP6_PAYLOAD_LEN)
    claim = start + np.where(is_four, total, payload + offsets.IP6_LEN)
    valid = np.where(is_four, total >= (first & 0x0F) * 4, payload > 0) & (claim <= end)
    return np.where(valid, claim, end)
