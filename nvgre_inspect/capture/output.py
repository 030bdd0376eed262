"""Files written beside their place and renamed into it, so that nobody ever sees half of one.

An existing file is replaced only by force, and an input never. Devices, pipes and given streams are written
straight into.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from nvgre_inspect.capture.limits import CaptureError


class Output:
    """A binary output: a path (`-` is standard output) or an open stream, which stays open."""

    def __init__(
        self, target: str | Path | BinaryIO, *, force: bool = False, inputs: Iterable[str | Path] = ()
    ) -> None:
        """Raises CaptureError if the target exists (without `force`), is one of `inputs`, or cannot be made."""
        self._place: Path | None = None
        self._beside: Path | None = None
        self._force = force
        self._owned = True
        if not isinstance(target, str | Path):
            self.name = str(getattr(target, "name", "the output"))
            self._stream, self._owned = target, False
        elif str(target) == "-":
            self.name = "standard output"
            self._stream, self._owned = sys.stdout.buffer, False
        else:
            self.name = str(target)
            self._stream = self._open(Path(target), inputs)

    def _open(self, target: Path, inputs: Iterable[str | Path]) -> BinaryIO:
        try:
            if target.exists() and not target.is_file() and not target.is_dir():
                return target.open("wb")
            self._check(target, inputs)
            self._place = Path(os.path.realpath(target))  # a link stays one, and what it leads to is replaced
            self._beside = self._place.with_name(f".{self._place.name[:200]}.{secrets.token_hex(4)}.part")
            return self._beside.open("xb")
        except OSError as error:
            raise CaptureError(f"{self.name} cannot be written: {error.strerror}") from None

    def _check(self, target: Path, inputs: Iterable[str | Path]) -> None:
        if target.is_dir():
            raise CaptureError(f"{self.name} is a folder: name a file in it")
        if not target.exists():
            return
        for source in inputs:
            if str(source) != "-" and Path(source).exists() and target.samefile(source):
                raise CaptureError(f"{self.name} is an input: an input is never overwritten")
        if not self._force:
            raise CaptureError(f"{self.name} exists: use --force to replace it, or another name")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`. Raises CaptureError when that fails, BrokenPipeError when nobody reads any more."""
        try:
            self._stream.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CaptureError(f"{self.name} cannot be written: {error.strerror}") from None

    def commit(self) -> None:
        """Finish: flush, close what was opened here and rename it into place."""
        try:
            if not self._stream.closed:
                self._stream.flush()
            if not self._owned:
                return
            self._stream.close()
            if self._place is not None and self._beside is not None:
                if not self._force and self._place.exists():
                    raise FileExistsError(0, "it has come into being meanwhile")
                self._beside.replace(self._place)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.discard()
            raise CaptureError(f"{self.name} cannot be written: {error.strerror}") from None

    def discard(self) -> None:
        """Give up: leave the place as it was."""
        if self._owned:
            with contextlib.suppress(OSError):
                self._stream.close()
        if self._beside is not None:
            self._beside.unlink(missing_ok=True)


class ShelvedOutput(Output):
    """An Output to a file that is open only while it is written to: for more files at once than a process may open."""

    def __init__(self, target: Path, *, force: bool = False, inputs: Iterable[str | Path] = ()) -> None:
        """As Output."""
        super().__init__(target, force=force, inputs=inputs)
        self._stream.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As Output."""
        if self._beside is None:
            raise CaptureError(f"{self.name} is no regular file")
        try:
            with self._beside.open("ab") as stream:
                stream.write(data)
        except OSError as error:
            raise CaptureError(f"{self.name} cannot be written: {error.strerror}") from None
