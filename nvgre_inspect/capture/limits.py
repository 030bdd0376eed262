"""Bounds on what a capture may make this program do, and the error for what cannot be opened at all.

Lengths in files are claims. A bound that is hit ends the reading of that file with a sentence (`Damage`);
it is never an exception, and what was read before it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30

#: libpcap and Wireshark take no frame above this, whatever a file says, unless its own snapshot length is
#: larger.
STANDARD_SNAPLEN = 262_144
#: No frame and no pcapng block is larger than this: the largest that is buffered as a whole.
MAX_RECORD = 64 * MIB
#: Interfaces in one pcapng file; each costs about 1 kB of memory, and 20 bytes of an attacker's file.
MAX_INTERFACES = 65_536


class CaptureError(Exception):
    """A capture cannot be opened or written. The message is one sentence: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much disk and how much decompression one capture may cost."""

    #: Bytes of decompressed or piped data kept in a temporary file, so that frames can be read again.
    spool_bytes: int = 64 * GIB
    #: Free disk space that spooling leaves to others.
    spool_margin: int = GIB
    #: Folder of the temporary file; None: `TMPDIR`, else /var/tmp (/tmp is often in memory), else the
    #: platform's.
    spool_dir: Path | None = None
    #: Decompressed data may be `ratio_floor + ratio * compressed` bytes: deflate's own maximum is 1032,
    #: captures reach about 100, and what goes beyond is made to fill disks.
    ratio: int = 1100
    ratio_floor: int = 256 * MIB
