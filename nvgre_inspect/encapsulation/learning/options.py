"""Options: the values of `[encapsulation]` that a capture was made with, and where it did not keep to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

import numpy as np

from dissectors import offsets
from nvgre_inspect.encapsulation.entropy import FIRST_PORT, PORT_MASK
from nvgre_inspect.encapsulation.learning.headers import Headers
from nvgre_inspect.encapsulation.learning.tally import Tally
from nvgre_inspect.encapsulation.learning.words import Notes, frames, listed
from nvgre_inspect.encapsulation.outer import CARRIES_IP, PORTS
from nvgre_inspect.encapsulation.policy import Encapsulation, Kind
from nvgre_inspect.encapsulation.policy_keys import GRE_KINDS

#: In `Headers.tag`.
_STRANGE_TAG = -2
_PRIORITY_SHIFT = 13
_DROP_ELIGIBLE = 0x1000
_ECN = 0x03
_CE = 0x03


class Options:
    """What the frames of one kind of encapsulation say about how they were wrapped."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        #: TTL, DF, tag, UDP port, UDP checksum, GRE flags: what a policy has one value of for all frames.
        self._outer = Tally(6)
        #: TOS outside and inside (-1: not known).
        self._tos = Tally(2)
        #: FlowID (0 for UDP source ports), and whether it is what our hash gives (-1: not known).
        self._entropy = Tally(2)
        self._tagged = 0
        self._largest = 0

    def add(self, headers: Headers) -> None:
        """Learn from a batch."""
        records, ts_ns = headers.records, headers.ts_ns
        self._outer.add(
            [
                records["pa_ttl"],
                headers.df,
                headers.tag,
                headers.port,
                headers.udp_checksum,
                headers.gre_flags,
            ],
            ts_ns,
        )
        self._tos.add([records["pa_tos"], headers.inner_tos], ts_ns)
        if self._kind == "nvgre" or self._kind in PORTS:
            given, hashed = records["flow_id"], headers.entropy
            ours = 1 + hashed % 255 if self._kind == "nvgre" else FIRST_PORT + (hashed & PORT_MASK)
            flow_id = given if self._kind == "nvgre" else np.zeros_like(given)
            self._entropy.add([flow_id, np.where(hashed < 0, -1, ours == given)], ts_ns)
        self._tagged += int((headers.inner_tags > 0).sum())
        end = records["inner_off"].astype(np.int64) + records["inner_len"]
        self._largest = max(self._largest, int((end - headers.ip_at).max(initial=0)))

    def learned(self, notes: Notes) -> Encapsulation:
        """The options; `notes` are about frames that were made with others."""
        columns: list[Counter[int]] = [Counter() for _ in range(6)]
        for values, count, *_ in self._outer.rows():
            for column, value in zip(columns, values, strict=True):
                column[value] += count
        ttl, df, tag, port, udp_checksum, gre_flags = columns
        vlan, priority = self._tag(tag, notes)
        udp_port = _most(port, "UDP ports", str, notes)
        checksums = udp_checksum if self._kind in PORTS else _bit(gre_flags, offsets.GRE_C)
        optional = self._kind in GRE_KINDS
        checked = (optional or self._kind in PORTS) and _most(
            checksums, "settings of the checksum", _present, notes
        ) == 1
        numbered = (
            optional and _most(_bit(gre_flags, offsets.GRE_S), "settings of sequence numbers", _present, notes) == 1
        )
        if numbered:
            notes.add("GRE sequence numbers are counted anew, from 0")
        learned = Encapsulation(
            kind=self._kind,
            port=udp_port if udp_port is not None and udp_port != PORTS.get(self._kind) else None,
            key=not optional or any(flags & offsets.GRE_K for flags in gre_flags if flags >= 0),
            checksum=checked,
            sequence=numbered,
            flow_id=self._flow_id(notes),
            dscp=self._dscp(notes),
            ecn=self._ecn(notes),
            ttl=max(_most(ttl, "TTLs", str, notes) or 0, 1),
            df=_most(df, "settings of DF", _present, notes) != 0,
            inner_vlan=self._inner_vlan(notes),
            vlan=vlan,
            vlan_priority=priority,
        )
        notes.add(f"mtu = 0 sets no limit: the largest outer packet has {self._largest:,} bytes")
        return learned

    def _tag(self, tags: Counter[int], notes: Notes) -> tuple[int | None, int]:
        notes.count(tags.pop(_STRANGE_TAG, 0), "with several outer tags, or others than 802.1Q")
        eligible = sum(count for tag, count in tags.items() if tag >= 0 and tag & _DROP_ELIGIBLE)
        notes.count(eligible, "with DEI set in the outer tag")
        shown: Counter[int] = Counter()
        for tag, count in tags.items():
            shown[tag & ~_DROP_ELIGIBLE if tag >= 0 else _NOTHING] += count
        usual = _most(shown, "outer tags", _tag_text, notes)
        if usual is None or usual == _NOTHING or usual & offsets.VLAN_ID_MASK == offsets.VLAN_ID_MASK:
            return None, 0
        return usual & offsets.VLAN_ID_MASK, usual >> _PRIORITY_SHIFT

    def _flow_id(self, notes: Notes) -> Literal["hash", "zero"] | int:
        total = ours = proven = 0
        flow_ids: Counter[int] = Counter()
        for (flow_id, same), count, *_ in self._entropy.rows():
            total += count
            proven += count if same == 1 else 0
            # Not known: a later fragment, which a hash may well have given what it has.
            ours += count if same == 1 or (same == -1 and (flow_id or self._kind in PORTS)) else 0
            flow_ids[flow_id] += count
        if self._kind != "nvgre":
            notes.count(total - ours, "with UDP source ports that our hash does not give: they get others")
            return "hash"
        often, count = flow_ids.most_common(1)[0] if flow_ids else (0, 0)
        # One number for all, rather than a busy flow under a hash that we do not know.
        if (count > ours or not proven) and count * 10 >= total * 9:
            notes.count(total - count, f"with another FlowID than {often}, which all get")
            return often or "zero"
        notes.count(total - ours, "with FlowIDs that our hash does not give: they get others")
        return "hash"

    def _dscp(self, notes: Notes) -> Literal["uniform"] | int:
        total = copied = 0
        values: Counter[int] = Counter()
        for (outer, inner), count, *_ in self._tos.rows():
            total += count
            copied += count if inner < 0 or outer & ~_ECN == inner & ~_ECN else 0
            values[outer >> 2] += count
        often, count = values.most_common(1)[0] if values else (0, 0)
        if count > copied:
            notes.count(total - count, f"with another outer DSCP than {often}, which all get")
            return often
        notes.count(total - copied, "with another DSCP outside than inside: it is copied")
        return "uniform"

    def _ecn(self, notes: Notes) -> Literal["normal", "compatibility"]:
        total = copied = cleared = marked = 0
        for (outer, inner), count, *_ in self._tos.rows():
            total += count
            same = inner < 0 or outer & _ECN == inner & _ECN
            copied += count if same else 0
            cleared += count if not outer & _ECN else 0
            marked += count if not same and outer & _ECN == _CE else 0
        if cleared > copied:
            notes.count(total - cleared, "with ECN in the outer header, which compatibility mode clears")
            return "compatibility"
        notes.count(marked, "marked CE on their way, which is not repeated")
        notes.count(total - copied - marked, "with another ECN outside than inside: it is copied")
        return "normal"

    def _inner_vlan(self, notes: Notes) -> Literal["remove", "keep"]:
        if not self._tagged or self._kind in CARRIES_IP:
            return "remove"
        if self._kind == "nvgre":
            notes.count(self._tagged, "with tags inside, which are removed (RFC 7637 section 3.3)")
            return "remove"
        return "keep"


#: A frame without an outer tag, among tags.
_NOTHING = 1 << 16


def _tag_text(tag: int) -> str:
    if tag == _NOTHING:
        return "none"
    return f"{tag & offsets.VLAN_ID_MASK} with priority {tag >> _PRIORITY_SHIFT}"


def _present(value: int) -> str:
    return "with" if value else "without"


def _bit(flags: Counter[int], mask: int) -> Counter[int]:
    counts: Counter[int] = Counter()
    for value, count in flags.items():
        if value >= 0:
            counts[int(value & mask != 0)] += count
    return counts


def _most(counts: Counter[int], what: str, text: Callable[[int], str], notes: Notes) -> int | None:
    """What most frames have, of those that have it at all (not -1); a note where others have something else."""
    known = Counter({value: count for value, count in counts.items() if value >= 0})
    if len(known) > 1:
        shown = [f"{text(value)} ({frames(count)})" for value, count in known.most_common()]
        notes.add(f"several {what}, of which the first is taken: {listed(shown)}")
    return known.most_common(1)[0][0] if known else None
