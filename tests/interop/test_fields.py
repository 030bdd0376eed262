"""Every packet of every capture, field by field: our records equal tshark.

What is compared is in `record_view`, `tshark_view` and `derived_view`. Where the two differ for a reason is in
`differences`, the only place where a difference can be allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import capture_files
import derived_view
import differences
import numpy as np
import pytest
import record_view
import tshark
import tshark_fields
import tshark_view
from differences import BEYOND, DIFFERENCES, STOPS, Case
from tshark_view import QUOTING

from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode

_SHOWN = 10
#: What tshark says of a file whose link type it does not know; we read it and count its packets.
_UNKNOWN_TO_TSHARK = ("contains record data that", "isn't a capture file in a format")

#: (entry of the table, capture) -> packets that it explained.
Seen = Counter[tuple[str, str]]


@pytest.mark.interop
@tshark.needs_tshark
@pytest.mark.parametrize("part", capture_files.PARTS)
def test_fields_equal_tshark(part: str) -> None:
    files = capture_files.files_of(part)
    tshark.prefetch(files, tshark_fields.FIELDS, options=tshark_fields.OPTIONS)
    frames = values = 0
    wrong: list[str] = []
    seen: Seen = Counter()
    for path in files:
        for case in cases(path):
            frames += 1
            values += sum(map(len, case.ours.values()))
            wrong += check(case, seen)
    print(f"{frames} frames, {values} values compared")
    assert wrong == [], f"{len(wrong)} differences, the first: " + "\n".join(wrong[:_SHOWN])
    assert no_longer_seen(files, seen) == []
    assert frames > 300


def test_page_is_the_table(request: pytest.FixtureRequest) -> None:
    """docs/differences.md; `--update` writes it."""
    page = capture_files.CHECKOUT / "docs" / "differences.md"
    if request.config.getoption("--update"):
        page.write_text(differences.render(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == differences.render()


@pytest.mark.interop
@tshark.needs_tshark
def test_a_wrong_value_is_told() -> None:
    """Were the decoder to take a FlowID for part of the VSID, or a port for another."""
    case = next(cases(capture_files.SAMPLES / "overlapping-tenants.pcap"))
    assert list(check(case, Counter())) == []
    for name in ("nvgre.vsid", "inner length", "ip.src", "frame.time_epoch"):
        wrong = replace(case, ours={**case.ours, name: [*case.ours[name][:-1], 1]})
        assert [line.split()[2] for line in check(wrong, Counter())] == [f"{name}:".split()[0]]


def test_every_entry_can_be_seen() -> None:
    """The captures that entries name exist, and no two entries have the same name."""
    entries = [*BEYOND, *DIFFERENCES]
    names = [name_of(entry) for entry in entries]
    assert len(names) == len(set(names))
    if not capture_files.SHARED.is_dir():
        pytest.skip(capture_files.ABSENT)
    there = {capture_files.short_name(path) for path in all_files()}
    assert [entry.seen for entry in entries if entry.seen not in there] == []


def cases(path: Path) -> Iterator[Case]:
    """The packets of a capture, as both have read it."""
    batches = capture_files.read(path)
    capture = capture_files.short_name(path)
    try:
        rows = tshark.fields(path, tshark_fields.FIELDS, options=tshark_fields.OPTIONS)
    except tshark.TsharkError as error:
        if not any(words in str(error) for words in _UNKNOWN_TO_TSHARK):
            raise
        return
    assert batches is not None, f"{capture}: tshark reads it, we do not"
    assert sum(map(len, batches)) == len(rows), f"{capture}: not the same number of packets"
    number = 0
    for batch in batches:
        records = np.empty(len(batch), dtype=RECORD)
        decode(batch, DecodeOptions(), records)
        for i, record in enumerate(record_view.as_dicts(records)):
            row = rows[number]
            number += 1
            layers = tshark_view.layers(row, STOPS)
            ours, theirs = record_view.view(batch.frame(i), record), tshark_view.view(row, layers)
            derived_view.compare(record, row, layers, ours, theirs)
            yield Case(capture, number, record, row, layers, ours, theirs)


def check(case: Case, seen: Seen) -> Iterator[str]:
    """The differences of a packet that no entry explains; counts the entries that do."""
    used: set[str] = set()
    if len(tshark_view.layers(case.row, QUOTING)) > len(case.layers):
        used.add(case.layers[-1])
    for name in sorted(case.ours.keys() | case.theirs.keys()):
        ours, theirs = case.ours.get(name, []), case.theirs.get(name, [])
        if ours == theirs:
            continue
        entry = next((e for e in DIFFERENCES if name in e.fields and e.applies(case, ours, theirs)), None)
        if entry is None:
            yield f"{case.capture} {case.number}: {name}: {ours}, tshark {theirs} ({':'.join(case.layers)})"
        else:
            used.add(entry.name)
    seen.update((name, case.capture) for name in used)


def no_longer_seen(files: Iterable[Path], seen: Seen) -> list[str]:
    """Entries that are to be seen in one of these captures, and are not."""
    here = {capture_files.short_name(path) for path in files}
    entries = [entry for entry in (*BEYOND, *DIFFERENCES) if entry.seen in here]
    return [name_of(entry) for entry in entries if not seen[name_of(entry), entry.seen]]


def name_of(entry: differences.Beyond | differences.Difference) -> str:
    return entry.layer if isinstance(entry, differences.Beyond) else entry.name


def all_files() -> list[Path]:
    return [*capture_files.sample_files(), *capture_files.shared_files()]
