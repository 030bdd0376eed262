"""Kernels of a live capture, compiled and loaded before anything is opened: what is captured does not wait for them.

Compiled code is in a folder of the user who started this, which is root under sudo, and is loaded when a kernel is
first called: that has to be done before rights are given up.
"""

from __future__ import annotations

import sys
from contextlib import closing
from io import BytesIO
from typing import Final

from dissectors import offsets

#: A frame of the shortest length, of zeros.
_FRAME: Final = bytes(60)


def compile_all(*, quiet: bool) -> None:
    """Compile what nobody has compiled yet."""
    from nvgre_inspect.kernels import compiled

    if not compiled.is_warm("decode", "account"):
        if not quiet:
            print("compiling for this machine, once: some 20 seconds", file=sys.stderr)
        from nvgre_inspect.engine.warm import compile_all

        compile_all()


def load_all() -> None:
    """Take a frame every way that a live capture has: decoded and accounted, kept and read again, written."""
    from nvgre_inspect.capture.live.kept import KeptFrames
    from nvgre_inspect.capture.writer import PcapngWriter, PcapWriter
    from nvgre_inspect.engine import warm
    from nvgre_inspect.engine.decoder import KernelDecoder
    from nvgre_inspect.model.batch import batch_of
    from nvgre_inspect.model.options import DecodeOptions
    from nvgre_inspect.model.source import Frame

    batch = batch_of([Frame(_FRAME, 0, len(_FRAME), offsets.DLT_ETHERNET, 0, "")], [0])
    KernelDecoder(DecodeOptions()).decode(batch)
    warm.main()
    with closing(KeptFrames(1, 1 << 20)) as kept:
        for _ in kept.again(1, kept.append(batch)):
            pass
    PcapWriter(BytesIO(), linktype=offsets.DLT_ETHERNET).write_batch(batch)
    pcapng = PcapngWriter(BytesIO())
    pcapng.add_interface()
    pcapng.write_batch(batch)
