"""Frames of a read session, decoded again as the terminal UI does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nvgre_inspect.capture import open_capture
from nvgre_inspect.capture.reader import select
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode

SAMPLES = Path(__file__).parents[3] / "samples"


def frames_again(path, rows):
    """(batch, records) of these rows of a capture that is one batch."""
    with open_capture(path) as reader:
        (batch,) = reader.batches()
        chosen = select(batch, np.asarray(rows))
    records = empty_records(len(chosen))
    decode(chosen, DecodeOptions(), records)
    return chosen, records
