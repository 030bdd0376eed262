"""A capture as tshark can read it: the file itself, or what is in a pipe or a compressed file, in a temporary one.

tshark reads gzip, other compressions only where it was built with them, and xz not at all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from nvgre_inspect.capture import CaptureError, Limits
from nvgre_inspect.capture.stream import Stream, spool_folder

_CHUNK = 1 << 20


@contextmanager
def readable(path: str | Path) -> Iterator[Path]:
    """The path for tshark; a temporary file is removed in the end. What cannot be decompressed is left out, the rest is
    there.

    Raises CaptureError if the input cannot be opened, or there is no room for the temporary file.
    """
    limits = Limits()
    with closing(Stream(path, limits, spool=False)) as stream:
        if stream.codec is None and can_be_read_again(path):
            yield Path(path)
            return
        room = spool_folder(limits)
        with tempfile.TemporaryDirectory(prefix="nvgre-inspect-", dir=room, ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / "capture"
            try:
                _copy(stream, copy)
            except OSError as error:
                raise CaptureError(
                    f"{stream.name}: cannot be unpacked for tshark in {room} ({error.strerror}); set TMPDIR to a "
                    "folder with room for the uncompressed capture"
                ) from None
            yield copy


def can_be_read_again(path: str | Path) -> bool:
    """Whether it is a file, and no pipe (`-`, or one with a name)."""
    return str(path) != "-" and Path(path).is_file()


def _copy(stream: Stream, target: Path) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    with target.open("wb") as out:
        while count := stream.readinto(buffer):
            out.write(buffer[:count])
