"""First compilation of the kernels, on two cores: the accountant's in a process of its own, the decoder's in this one.

Numba compiles one function at a time in a process, and the two take about the same (10 s each). What the other
process compiled is found in the cache folder. If it cannot be started or fails, nothing is lost: the kernel is then
compiled here when it is first called.

    python -m nvgre_inspect.engine.warm     compiles the accountant
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.kernels import lookup
from nvgre_inspect.model.batch import NO_FRAMES
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD


def compile_all() -> None:
    """Compile what `engine.run` needs; returns when all is in the cache or loaded."""
    other = _start()
    try:
        KernelDecoder(DecodeOptions()).decode(NO_FRAMES)
    except BaseException:
        if other is not None:
            other.kill()
        raise
    finally:
        if other is not None:
            other.wait()


def _start() -> subprocess.Popen[bytes] | None:
    if not sys.executable:
        return None
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "nvgre_inspect.engine.warm"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def main() -> None:
    """Compile the accountant, and what it calls when its tables grow or shrink."""
    from nvgre_inspect.engine.ledger import LedgerAccountant
    from nvgre_inspect.kernels.ledger import LIVE, META
    from nvgre_inspect.model.state import PLACEMENT

    accountant = LedgerAccountant()
    accountant.account(NO_FRAMES, np.zeros(0, dtype=RECORD))
    accountant.finish()
    hashes, index = np.zeros(0, dtype=np.uint32), np.full(4, -1, dtype=np.int32)
    lookup.rehash(hashes, 0, index)
    lookup.rehash_flows(hashes, np.zeros(0, dtype=LIVE).view(np.recarray), 0, index)
    meta, placements = (np.zeros(1, dtype=kind).view(np.recarray) for kind in (META, PLACEMENT))
    lookup.rehash_placements(meta, placements, hashes, 0, index)


if __name__ == "__main__":
    main()
