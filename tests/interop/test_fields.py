"""Every packet of every capture, field by field: our records equal tshark.

What is compared, and where the two differ for a reason, is what `nvgre-inspect verify` goes by: `wireshark.records`,
`.view` and `.derived`, and `.differences`, the only place where a difference can be allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import capture_files
import numpy as np
import pytest
import tshark

from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.wireshark import differences_page
from nvgre_inspect.wireshark.cases import MADE, Beyond, Case, Difference
from nvgre_inspect.wireshark.differences import BEYOND, DIFFERENCES
from nvgre_inspect.wireshark.fields import FIELDS, OPTIONS
from nvgre_inspect.wireshark.records import as_dicts
from nvgre_inspect.wireshark.verify import case_of, found_in, not_looked_into

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
    tshark.prefetch(files, FIELDS, options=OPTIONS)
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
        page.write_text(differences_page.render(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == differences_page.render()


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
    assert [entry.seen for entry in entries if entry.seen not in (*there, MADE)] == []


def cases(path: Path) -> Iterator[Case]:
    """The packets of a capture, as both have read it."""
    batches = capture_files.read(path)
    capture = capture_files.short_name(path)
    try:
        rows = tshark.fields(path, FIELDS, options=OPTIONS)
    except tshark.TsharkError as error:
        if not any(words in str(error) for words in _UNKNOWN_TO_TSHARK):
            raise
        return
    assert batches is not None, f"{capture}: tshark reads it, we do not"
    assert sum(map(len, batches)) == len(rows), f"{capture}: not the same number of packets"
    numbered = enumerate(rows, 1)
    for batch in batches:
        records = np.empty(len(batch), dtype=RECORD)
        decode(batch, DecodeOptions(), records)
        for i, record in enumerate(as_dicts(records)):
            number, row = next(numbered)
            yield case_of(capture, number, batch.frame(i), record, row)


def check(case: Case, seen: Seen) -> Iterator[str]:
    """The differences of a packet that no entry explains; counts the entries that do."""
    used = {not_looked_into(case)} - {""}
    for found in found_in(case):
        if found.known is None:
            where = f"{case.capture} {found.number}: {found.field}"
            yield f"{where}: {found.ours}, tshark {found.theirs} ({found.layers})"
        else:
            used.add(found.known.name)
    seen.update((name, case.capture) for name in used)


def no_longer_seen(files: Iterable[Path], seen: Seen) -> list[str]:
    """Entries that are to be seen in one of these captures, and are not."""
    here = {capture_files.short_name(path) for path in files}
    entries = [entry for entry in (*BEYOND, *DIFFERENCES) if entry.seen in here]
    return [name_of(entry) for entry in entries if not seen[name_of(entry), entry.seen]]


def name_of(entry: Beyond | Difference) -> str:
    return entry.layer if isinstance(entry, Beyond) else entry.name


def all_files() -> list[Path]:
    return [*capture_files.sample_files(), *capture_files.shared_files()]
