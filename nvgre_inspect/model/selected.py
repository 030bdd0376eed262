"""Selected: decoded frames on their way through, and which of them were asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch


class Selected(NamedTuple):
    """Consecutive frames of the input, without those that `-R` and `--interface` leave out."""

    batch: PacketBatch
    #: RECORD per frame; none where nobody needs them.
    records: npt.NDArray[np.void]
    #: int64, the number of each frame in the input, from 1, rising.
    numbers: npt.NDArray[np.int64]
    #: bool, whether the frame passes the filter (`-Y`).
    mask: npt.NDArray[np.bool_]
