"""Headers located from the records are those that walking each frame finds: the same bytes, limits and scopes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.flows.filter.headers import PROTOCOLS, HeaderRows, Headers
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode

CHECKOUT = Path(__file__).parents[3]
SAMPLES = sorted(path for path in (CHECKOUT / "samples").iterdir() if ".pcap" in path.name)
SHARED = CHECKOUT.parent / "shared" / "captures"
KINDS = ["frame", "eth", "vlan", "arp", "ip", "ipv6", "gre", "nvgre", "mpls", *PROTOCOLS]
OPTIONS = DecodeOptions()


def decoded(path: Path) -> list[tuple[PacketBatch, np.ndarray]]:
    found = []
    with open_capture(path) as reader:
        for batch in reader.batches():
            records = empty_records(len(batch))
            decode(batch, OPTIONS, records)
            found.append((batch, records))
    return found


def listed(rows: HeaderRows) -> list[tuple[int, int, int, bool, bool]]:
    columns = (rows.frame, rows.start, rows.stop, rows.outer, rows.inner)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def check(path: Path) -> int:
    """The number of headers compared."""
    count = 0
    for batch, records in decoded(path):
        located, walked = Headers(batch, records, OPTIONS), Headers(batch, records, OPTIONS)
        # The cached property that says which frames are walked: here all.
        walked.__dict__["_slow"] = np.ones(len(batch), dtype=bool)
        for kind in KINDS:
            rows = located.rows(kind)
            assert listed(rows) == listed(walked.rows(kind)), (path.name, kind)
            assert (rows.start >= batch.offset[rows.frame]).all()
            assert (rows.stop <= (batch.offset + batch.caplen)[rows.frame]).all()
            count += len(rows.frame)
    return count


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples(path: Path) -> None:
    assert check(path) > 0


def test_shared_captures() -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared captures (../shared/captures beside the checkout) are absent")
    paths = sorted(path for path in SHARED.rglob("*") if path.is_file() and path.stat().st_size < 100_000)
    count = 0
    for path in paths[::3]:
        try:
            count += check(path)
        except CaptureError:
            assert path.suffix not in (".pcap", ".pcapng") or path.stat().st_size < 24, path
    assert count > 5_000
