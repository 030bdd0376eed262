"""The bytes of a capture, decompressed, in order once and at random afterwards.

A regular uncompressed file is read in place. Pipes and compressed files are kept in a temporary file (the
spool) as they are read, since frames are read again when somebody looks at them.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from nvgre_inspect.capture import compression
from nvgre_inspect.capture.limits import MIB, CaptureError, Limits

_INPUT_CHUNK = 1 << 17
#: How long a pipe may be silent before what has arrived is handed on.
_PIPE_PATIENCE_SECONDS = 0.1
#: How often the free disk space is looked at, in bytes spooled.
_DISK_CHECK = 256 * MIB


class _Positional:
    """Reads of a file at given positions, from several threads, without moving a shared file position."""

    def __init__(self, file: FileIO) -> None:
        self.file = file
        self.lock = threading.Lock()

    def read_into(self, position: int, view: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self.file.fileno(), [view], position)
        with self.lock:  # Windows, older macOS
            self.file.seek(position)
            return self.file.readinto(view) or 0

    def read(self, position: int, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end of the file; never allocates more than the file holds."""
        size = min(size, max(0, os.fstat(self.file.fileno()).st_size - position))
        data = bytearray(size)
        done = 0
        while done < size:
            try:
                count = self.read_into(position + done, memoryview(data)[done:])
            except OSError:
                if done == 0:
                    raise
                break  # what could be read first; the next reading fails at once
            if count == 0:
                break
            done += count
        return bytes(data[:done])


class Stream:
    """An open input; `name` is what messages call it."""

    def __init__(self, path: str | Path, limits: Limits, spool: bool) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        #: Why the stream ended before its data did, as the end of a sentence that starts with the name.
        self.failure: str | None = None
        #: Input consumed so far and in total, both before decompression; the total of a pipe is unknown.
        self.bytes_read = 0
        self.total_bytes: int | None = None
        self._limits = limits
        self._file = open_raw(path, self.name)
        self._input: _Positional | None = None
        status = os.fstat(self._file.fileno())
        if stat.S_ISREG(status.st_mode):
            self._input = _Positional(self._file)
            self.total_bytes = status.st_size
        self._position = 0
        self._ahead = b""
        self._spool: _Positional | None = None
        self._spooled = 0
        self._spool_limit = 0
        try:
            self._start(spool)
        except BaseException:
            self.close()
            raise

    def _start(self, spool: bool) -> None:
        head = b"".join(self._head())
        self.codec = compression.detect(head)
        self._pieces: Iterator[bytes] | None = None
        if self.codec is not None:
            reopen = self._input_chunks if self._input is not None else None
            self._pieces = compression.decompress(self.codec, self._input_chunks(head), reopen)
        elif self._input is None:
            self._ahead = head
        else:
            self.bytes_read = 0  # the head is read again, in place
            return
        if spool:
            self._open_spool()

    def _head(self) -> Iterator[bytes]:
        """The first bytes, as many as tell the format, or all that there are."""
        missing = 32
        while missing:
            data = self._read_input(missing)
            if not data:
                return
            missing -= len(data)
            yield data

    def _read_input(self, size: int) -> bytes:
        """The next bytes as they stand in the file or pipe; empty at its end or when reading fails."""
        try:
            if self._input is None:
                data = self._file.read(size) or b""
            else:
                data = self._input.read(self.bytes_read, size)
        except OSError as error:
            self.failure = f"cannot be read further ({error.strerror})"
            return b""
        self.bytes_read += len(data)
        return data

    def _input_chunks(self, head: bytes | None = None) -> Iterator[bytes]:
        """The compressed bytes; without `head` from the start again (regular files)."""
        if head is None:
            position = 0
            with contextlib.suppress(OSError):  # the first reading has said what is wrong
                while self._input is not None and (data := self._input.read(position, _INPUT_CHUNK)):
                    position += len(data)
                    yield data
            return
        if head:
            yield head
        while data := self._read_input(_INPUT_CHUNK):
            yield data

    def readinto(self, view: memoryview) -> int:
        """Fill `view` as far as data is there; 0 at the end, whose reason is `failure` if it came early.

        From a pipe that has gone silent, what arrived is returned, so that live traffic shows.
        """
        done = 0
        # What was decompressed before a failure is still handed out.
        while done < len(view) and (self.failure is None or self._ahead):
            count = self._readinto_once(view[done:], done)
            if count == 0:
                break
            done += count
        return done

    def _readinto_once(self, view: memoryview, done: int) -> int:
        if self._pieces is not None or self._ahead:
            return self._from_pieces(view)
        if self._input is not None:
            return self._in_place(view)
        if done and not _readable(self._file):
            return 0
        return self._hand_out(self._read_input(min(len(view), _INPUT_CHUNK)), view)

    def _in_place(self, view: memoryview) -> int:
        assert self._input is not None
        try:
            count = self._input.read_into(self._position, view)
        except OSError as error:
            self.failure = f"cannot be read further ({error.strerror})"
            return 0
        self._position += count
        self.bytes_read = self._position
        return count

    def _from_pieces(self, view: memoryview) -> int:
        if not self._ahead and self._pieces is not None:
            assert self.codec is not None
            try:
                self._ahead = next(self._pieces, b"")
            except compression.CorruptStreamError as error:
                if self.failure is None:  # an input that cannot be read ends early, which is not the news
                    self.failure = f"is damaged: its {self.codec.name} data {error}"
                return 0
            allowed = self._limits.ratio_floor + self._limits.ratio * self.bytes_read - self._position
            if len(self._ahead) > allowed:
                self._ahead = self._ahead[:allowed]
                self.failure = (
                    f"expands beyond {self._limits.ratio} times its compressed size, as no capture does"
                    " (raise the limit if this one is meant to)"
                )
        piece, self._ahead = self._ahead[: len(view)], self._ahead[len(view) :]
        return self._hand_out(piece, view)

    def _hand_out(self, piece: bytes, view: memoryview) -> int:
        """Put `piece` into `view`, as much of it as could be kept."""
        count = self._keep(piece) if self._spool is not None else len(piece)
        view[:count] = piece[:count]
        self._position += count
        return count

    def _open_spool(self) -> None:
        folder = spool_folder(self._limits)
        try:
            # Lives as long as the stream: `close` closes it, which removes it.
            file = tempfile.TemporaryFile(buffering=0, prefix="nvgre-inspect-", dir=folder)  # noqa: SIM115
            self._spool = _Positional(file)
            self._check_disk()
        except OSError as error:
            raise CaptureError(
                f"{self.name}: cannot write a temporary file in {folder} ({error.strerror});"
                " set TMPDIR to a folder with room for the uncompressed capture"
            ) from None

    def _check_disk(self) -> None:
        free = shutil.disk_usage(spool_folder(self._limits)).free
        room = self._spooled + max(0, free - self._limits.spool_margin)
        self._spool_limit = min(self._limits.spool_bytes, room)

    def _keep(self, data: bytes) -> int:
        """Add `data` to the spool; returns how much of it went in, less than all only when the room is used up."""
        assert self._spool is not None
        if (self._spooled + len(data)) // _DISK_CHECK > self._spooled // _DISK_CHECK:
            self._check_disk()
        if self._spooled + len(data) > self._spool_limit:
            data = data[: self._spool_limit - self._spooled]
            self._stop_spooling("the room for temporary files is used up")
        try:
            with self._spool.lock:
                self._spool.file.seek(self._spooled)
                left = memoryview(data)
                while left:
                    left = left[self._spool.file.write(left) :]
        except OSError as error:
            self._stop_spooling(str(error.strerror))
            return 0
        self._spooled += len(data)
        return len(data)

    def _stop_spooling(self, reason: str) -> None:
        self.failure = (
            f"was read up to byte {self._spooled} only: {reason} in {spool_folder(self._limits)}"
            " (set TMPDIR to a folder with more room, or decompress the file first)"
        )

    @property
    def can_read_again(self) -> bool:
        """Whether what was read is in a file, or was kept in one."""
        return self._again() is not None

    def _again(self) -> _Positional | None:
        return self._spool or (self._input if self.codec is None else None)

    def read_again(self, position: int, size: int) -> bytes:
        """Decompressed bytes that have been read before; fewer than `size` at the end of what there is."""
        source = self._again()
        if source is None:
            raise CaptureError(f"{self.name} was opened without keeping what is read: frames cannot be read again")
        try:
            return source.read(position, size)
        except OSError as error:
            raise CaptureError(f"{self.name} cannot be read again: {error.strerror}") from None
        except ValueError:
            raise CaptureError(f"{self.name} cannot be read again: it was closed") from None

    def close(self) -> None:
        """Close the input and remove the spool."""
        self._file.close()
        if self._spool is not None:
            self._spool.file.close()


def open_raw(path: str | Path, name: str) -> FileIO:
    """The input itself, without a buffer; `-` is standard input. Raises CaptureError, which calls it `name`."""
    try:
        if str(path) == "-":
            if sys.stdin.isatty():
                raise CaptureError("standard input is a terminal: pipe a capture into it")
            # A handle of its own: closing it must not close standard input for others.
            return FileIO(os.dup(sys.stdin.fileno()), "rb")
        return FileIO(path, "rb")
    except IsADirectoryError:
        raise CaptureError(f"{name} is a folder: name the capture files in it") from None
    except FileNotFoundError:
        raise CaptureError(f"{name}: no such file") from None
    except PermissionError:
        if Path(path).is_dir():  # what Windows says of folders
            raise CaptureError(f"{name} is a folder: name the capture files in it") from None
        raise CaptureError(f"{name}: no right to read it (try as its owner, or with sudo)") from None
    except (OSError, ValueError, AttributeError) as error:
        # ValueError: a NUL in the name, or standard input closed; AttributeError: no standard input at all.
        raise CaptureError(f"{name} cannot be opened: {error}") from None


def _readable(file: FileIO) -> bool:
    """Whether a pipe has more data soon. Windows cannot tell for pipes: then reads block until data comes."""
    if os.name == "nt":
        return True
    ready, _, _ = select.select([file], [], [], _PIPE_PATIENCE_SECONDS)
    return bool(ready)


def spool_folder(limits: Limits) -> Path:
    """Where temporary files with the contents of captures go."""
    if limits.spool_dir is not None:
        return limits.spool_dir
    if not os.environ.get("TMPDIR") and os.access("/var/tmp", os.W_OK):
        return Path("/var/tmp")
    return Path(tempfile.gettempdir())
