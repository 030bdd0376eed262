"""The captures that whole-corpus tests go through, cut into parts so that test workers share the work.

Part "samples" is the project's own and always there. The others are the 880 of the shared captures; they skip visibly
where that folder is absent.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.model.batch import PacketBatch

CHECKOUT = Path(__file__).parents[2]
SAMPLES = CHECKOUT / "samples"
SHARED = CHECKOUT.parent / "shared" / "captures"
ABSENT = "the shared captures (../shared/captures beside the checkout) are absent"
_SHARED_PARTS = 12

#: For `pytest.mark.parametrize("part", PARTS)`.
PARTS = ("samples", *(f"shared-{number}" for number in range(_SHARED_PARTS)))


def files_of(part: str) -> list[Path]:
    """The captures of a part. Skips the test if they are absent."""
    if part == "samples":
        return sample_files()
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    return shared_files()[int(part.removeprefix("shared-")) :: _SHARED_PARTS]


@cache
def sample_files() -> list[Path]:
    return sorted(path for path in SAMPLES.iterdir() if path.suffix in (".pcap", ".pcapng"))


@cache
def shared_files() -> list[Path]:
    """Largest first, so that each part (every twelfth) gets its share of the large ones. Empty where absent."""
    found = [path for path in SHARED.rglob("*") if path.is_file() and path.suffix != ".md"]
    return sorted(found, key=lambda path: (-path.stat().st_size, path.name))


def short_name(path: Path) -> str:
    """`samples/fabric.pcapng`, `zeek/…`, `tcpdump/…`: the name by which tables and messages call a capture."""
    return f"{path.parent.name}/{path.name}"


def read(path: Path) -> list[PacketBatch] | None:
    """All frames that can be read; None if it is not a capture at all."""
    try:
        with open_capture(path, spool=False) as reader:
            return list(reader.batches())
    except CaptureError:
        return None
