"""This decoder against tshark: every packet of a capture, field by field.

`Verification.differences` takes the frames of a capture as they were decoded here and yields what tshark reads
differently, with the entry of `differences` that explains it, if one does. The tests use the same steps (`case_of`,
`found_in`) on every capture at hand. Nothing is kept of a packet that was compared: memory does not grow with the
capture (tshark's does not either, see `rows`).

Limits: where tshark looks into a protocol and this tool does not (`differences.BEYOND`), what is behind it is not
compared; such packets are counted. TCP words, which need more than one packet, are not compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dissectors.gre import GreKey
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.wireshark import derived, records, view
from nvgre_inspect.wireshark.cases import Case, Difference
from nvgre_inspect.wireshark.differences import DIFFERENCES, STOPS
from nvgre_inspect.wireshark.fields import ESSENTIAL, FIELDS, OPTIONS, settles
from nvgre_inspect.wireshark.records import Value
from nvgre_inspect.wireshark.rows import FORGET, Row, Rows
from nvgre_inspect.wireshark.tshark import Tshark, TsharkError, neutral
from nvgre_inspect.wireshark.view import QUOTING

#: Records that become Python values at a time: 10 kB each.
_AT_A_TIME = 1_000
#: What `-d` calls an encapsulation -> tshark's name of it, where that is another.
_TSHARK_NAMES = {
    "none": "data",
    "vxlan-gpe": "vxlan_gpe",
    "gre-in-udp": "gre",
    "mpls-in-udp": "mpls",
    "esp": "udpencap",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A field that reads differently in one packet; values by occurrence, outermost first."""

    number: int
    field: str
    ours: Sequence[Value]
    theirs: Sequence[Value]
    #: The packet's layers by tshark, as far as they are compared: `eth:ethertype:ip:gre:…`.
    layers: str
    #: What explains it; None: nothing that is known.
    known: Difference | None = None


@dataclass
class Tally:
    """What was compared so far."""

    packets: int = 0
    values: int = 0
    #: Differences that nothing explains, and packets that have some.
    unexplained: int = 0
    packets_unexplained: int = 0
    #: Differences by the name of the entry that explains them.
    known: Counter[str] = field(default_factory=Counter)
    #: Packets of which the inside was not compared, by the layer of tshark's that this tool does not look into.
    beyond: Counter[str] = field(default_factory=Counter)


class Verification:
    """One capture, read by tshark beside us. Iterate over `differences` once; the rest is known after it."""

    def __init__(
        self,
        tshark: Tshark,
        path: Path,
        *,
        capture: str,
        gre_key: GreKey = "auto",
        decode_as: Sequence[str] = (),
        count: int | None = None,
        whole: bool = True,
    ) -> None:
        """`path` is the capture as tshark can read it, `capture` its name; at most `count` packets are read. `whole`:
        the frames to come are all of it, so that there must be as many as tshark finds.
        """
        self.tally = Tally()
        self._tshark = tshark
        self._path = path
        self._capture = capture
        self._gre_key: GreKey = gre_key
        self._whole = whole
        rules = [part for rule in decode_as for part in ("-d", for_tshark(rule))]
        self._arguments = [*OPTIONS, *FORGET, *rules, *(("-c", str(count)) if count is not None else ())]
        self._rows: Rows | None = None

    @property
    def left_out(self) -> list[str]:
        """Fields and preferences that this tshark does not know; what follows from them was not compared."""
        return self._rows.left_out if self._rows is not None else []

    @property
    def damage(self) -> str:
        """What tshark said where it did not read to the end of the file; empty: it did."""
        return self._rows.damage if self._rows is not None else ""

    def differences(self, frames: Iterable[Selected]) -> Iterator[Found]:
        """What reads differently, in the order of packets.

        Raises TsharkError if tshark does not read the file, crashes, hangs, or is too old.
        """
        with neutral() as environment:
            self._rows = Rows(self._tshark.path, self._path, FIELDS, arguments=self._arguments, environment=environment)
            with closing(iter(self._rows)) as rows:
                yield from self._compared(frames, rows)

    def _compared(self, frames: Iterable[Selected], rows: Iterator[Row]) -> Iterator[Found]:
        numbered = enumerate(rows, 1)
        last = 0
        for selected in frames:
            chosen = np.flatnonzero(selected.mask)
            for start in range(0, len(chosen), _AT_A_TIME):
                part = chosen[start : start + _AT_A_TIME]
                for i, record in zip(part.tolist(), records.as_dicts(selected.records[part]), strict=True):
                    last = int(selected.numbers[i])
                    row = _row_of(last, numbered)
                    if row is None:
                        yield self._alone(last, ours=True)
                        return
                    yield from self._one(last, selected.batch.frame(i), record, row)
            if len(selected.numbers) and last < (end := int(selected.numbers[-1])):
                last = end  # frames that do not pass the filter count too
                if _row_of(last, numbered) is None:
                    yield self._alone(last, ours=True)
                    return
        if self._whole and next(numbered, None) is not None:
            yield self._alone(last + 1, ours=False)

    def _alone(self, number: int, *, ours: bool) -> Found:
        """A packet that only one of the two has read."""
        self.tally.unexplained += 1
        self.tally.packets_unexplained += 1
        return Found(number, "frame.number", [number] if ours else [], [] if ours else [number], "")

    def _one(self, number: int, frame: bytes, record: dict[str, Any], row: Row) -> Iterator[Found]:
        left_out = self.left_out
        if not self.tally.packets and any(name in left_out for name in ESSENTIAL):
            raise TsharkError(f"{self._tshark.name} does not know {', '.join(left_out)}: it is too old to compare with")
        case = case_of(self._capture, number, frame, record, row, gre_key=self._gre_key, left_out=left_out)
        tally = self.tally
        tally.packets += 1
        tally.values += sum(map(len, case.ours.values()))
        if beyond := not_looked_into(case):
            tally.beyond[beyond] += 1
        unexplained = 0
        for found in found_in(case):
            if found.known is None:
                unexplained += 1
            else:
                tally.known[found.known.name] += 1
            yield found
        tally.unexplained += unexplained
        tally.packets_unexplained += bool(unexplained)


def _row_of(number: int, numbered: Iterator[tuple[int, Row]]) -> Row | None:
    """The row of that packet, which is among the next; None if there are not as many."""
    for at, row in numbered:
        if at == number:
            return row
    return None


def case_of(
    capture: str,
    number: int,
    frame: bytes,
    record: dict[str, Any],
    row: Row,
    *,
    gre_key: GreKey = "auto",
    left_out: Collection[str] = (),
) -> Case:
    """A packet as both read it; what follows from fields that are left out is in neither view."""
    layers = view.layers(row, STOPS)
    ours, theirs = records.ours(frame, record), view.theirs(row, layers, gre_key)
    if left_out:
        ours = {name: values for name, values in ours.items() if settles(name, left_out)}
        theirs = {name: values for name, values in theirs.items() if settles(name, left_out)}
    derived.compare(record, row, layers, ours, theirs, left_out=left_out)
    return Case(capture, number, record, row, layers, ours, theirs)


def found_in(case: Case) -> Iterator[Found]:
    """The differences of a packet."""
    for name in sorted(case.ours.keys() | case.theirs.keys()):
        ours, theirs = case.ours.get(name, []), case.theirs.get(name, [])
        if ours != theirs:
            known = next((e for e in DIFFERENCES if name in e.fields and e.applies(case, ours, theirs)), None)
            yield Found(case.number, name, ours, theirs, ":".join(case.layers), known)


def not_looked_into(case: Case) -> str:
    """The layer of tshark's behind which nothing is compared; empty: all is, but for what ICMP errors quote."""
    return case.layers[-1] if len(view.layers(case.row, QUOTING)) > len(case.layers) else ""


def for_tshark(rule: str) -> str:
    """A `-d` rule in tshark's names: `udp.port==8473,vxlan-gpe` -> `udp.port==8473,vxlan_gpe`."""
    selector, _, name = rule.partition(",")
    name = name.strip()
    return f"{''.join(selector.split())},{_TSHARK_NAMES.get(name, name)}"
