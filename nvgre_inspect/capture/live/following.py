"""Following: a LiveSource over a file that another program writes and rotates, as `tail -F`.

At the end of the file it waits for more, also for the rest of a frame. It goes on with another file when
- the name leads to another file that is not empty (renamed and made anew, as logrotate does),
- the file was cut, or written anew (the same name and a new beginning),
- the program has begun the next file of its ring (`rotation`),
after what is left of the one before. Interfaces that the next file describes as the one before are the same rows.

The file is looked at twenty times a second. Limits: compressed files cannot be followed; a file that was written anew
to more than its length before, between two looks, is noticed by the bytes before the place that was reached.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from nvgre_inspect.capture.limits import MAX_INTERFACES, CaptureError
from nvgre_inspect.capture.live.growing import GrowingCapture
from nvgre_inspect.capture.live.rotation import oldest_of, successor
from nvgre_inspect.capture.stream import open_raw
from nvgre_inspect.model.batch import NO_FRAMES, PacketBatch
from nvgre_inspect.model.source import InterfaceInfo

_LOOK_SECONDS = 0.05
#: Bytes before the place that was reached which tell that the file is still the same.
_TAIL = 64
#: Sentences of one kind at most: a file may be written anew all the time.
_TOLD = 100
#: Name, link type, snapshot length and description of an interface.
_Described = tuple[str, int, int, str]


class Following:
    """See LiveSource."""

    def __init__(self, path: str | Path) -> None:
        """`path`: a file that is there, or the name that a ring of files is made from, whose oldest is then the first.

        CaptureError if there is neither, or if what is there is no capture. An empty file may become one.
        """
        #: Rows of the captures table, with the counters that the files themselves give.
        self.interfaces: list[InterfaceInfo] = []
        self.notes: list[str] = []
        self.damage: list[str] = []
        self._label = str(path)
        first = Path(path)
        if not first.exists():
            first = oldest_of(first) or first
        self._file = _File(first, self._label)
        #: The file after it, once there is one.
        self._next: Path | None = None
        #: Per interface of the file its row, and how many of the same description came before it in the file.
        self._rows: list[int] = []
        self._alike: Counter[_Described] = Counter()
        self._row_of: dict[tuple[_Described, int], int] = {}
        self._frames = 0
        self._stopped = False
        #: Frames from before `batches` was called.
        self._first = list(self._more())
        if self._file.problem and not self._file.growing.begun:
            self._file.close()
            raise CaptureError(self._file.problem)

    def batches(self) -> Iterator[PacketBatch]:
        """See LiveSource; ends only by `stop`."""
        yield from self._first
        self._first = []
        while True:
            last = self._stopped
            before = self._file.growing.read
            yield from self._more()
            if last:
                break
            if self._file.growing.read == before and not self._went_on():
                time.sleep(_LOOK_SECONDS)
                yield NO_FRAMES
        self._leave()

    def refresh(self) -> None:
        """Take over the counters that the file gives."""
        for info, row in zip(self._file.growing.interfaces, self._rows, strict=False):
            mine = self.interfaces[row]
            for counter in ("received", "dropped_kernel", "dropped_interface"):
                value = getattr(info, counter)
                if value is not None:
                    setattr(mine, counter, value)
            mine.damage = info.damage

    def stop(self) -> None:
        """See LiveSource."""
        self._stopped = True

    def close(self) -> None:
        """See LiveSource."""
        self._file.close()

    # --- one file ------------------------------------------------------------------------------------------------

    def _more(self) -> Iterator[PacketBatch]:
        """The frames of the next piece of the file, if it has one."""
        for batch in self._file.more():
            self._number_interfaces()
            position = np.arange(self._frames, self._frames + len(batch), dtype=np.int64)
            self._frames += len(batch)
            yield replace(batch, interface=np.array(self._rows, np.int32)[batch.interface], position=position)
        _tell(self.damage, [self._file.problem])

    def _number_interfaces(self) -> None:
        """Give rows to the interfaces of the file that have appeared since."""
        for info in self._file.growing.interfaces[len(self._rows) :]:
            described = (info.name, info.linktype, info.snaplen, info.description)
            key = (described, self._alike[described])
            self._alike[described] += 1
            row = self._row_of.get(key)
            if row is None:
                # No more rows than frames can be kept of: what goes beyond is nobody's ring.
                row = min(len(self.interfaces), MAX_INTERFACES - 1)
                if row == len(self.interfaces):
                    self.interfaces.append(
                        InterfaceInfo(
                            self._label,
                            row,
                            info.name,
                            info.linktype,
                            info.snaplen,
                            info.description,
                            comments=info.comments,
                        )
                    )
                    self._row_of[key] = row
            self._rows.append(row)

    # --- from one file to the next -------------------------------------------------------------------------------

    def _went_on(self) -> bool:
        """Called at the end of the file: whether there is more to read now, here or in another file."""
        if self._file.rewritten:
            _tell(self.notes, [f"{self._file.path} was written anew: it is read from its start again"])
            return self._open(self._file.path)
        if self._next is None:
            self._next = self._file.next()
            # What was written before the next file was begun is read before that is opened.
            return self._next is not None
        path, self._next = self._next, None
        self._file.end()
        return self._open(path)

    def _open(self, path: Path) -> bool:
        try:
            file = _File(path, self._label)
        except CaptureError as error:
            _tell(self.damage, [str(error)])
            return False
        self._leave()
        self._file.close()
        self._file = file
        self._rows = []
        self._alike.clear()
        return True

    def _leave(self) -> None:
        self.refresh()
        _tell(self.damage, [self._file.problem])
        _tell(self.notes, self._file.growing.notes)


def _tell(told: list[str], sentences: list[str]) -> None:
    told.extend(sentence for sentence in sentences if sentence and sentence not in told and len(told) < _TOLD)


class _File:
    """A file that another program writes."""

    def __init__(self, path: Path, label: str) -> None:
        self.path = path
        #: Why it is not read any further.
        self.problem = ""
        #: Whether what was read of it is not what it holds now.
        self.rewritten = False
        self.growing = GrowingCapture(str(path), label)
        #: The last bytes that were read.
        self._tail = b""
        self._raw = open_raw(path, str(path))
        if not stat.S_ISREG(os.fstat(self._raw.fileno()).st_mode):
            self._raw.close()
            raise CaptureError(f"{path} is no regular file: read it as `nvgre-inspect live - < {path}`")

    def more(self) -> Iterator[PacketBatch]:
        """The frames that the next bytes complete; none at the end of the file, and where it cannot be read."""
        try:
            self.rewritten = not self._is_as_it_was()
            if self.rewritten or self.problem:
                return
            room = self.growing.room()
            self._raw.seek(self.growing.read)
            count = self._raw.readinto(room) or 0
            self._tail = (self._tail + bytes(room[:count][-_TAIL:]))[-_TAIL:]
            yield from self.growing.took(count)
            self.problem = self.growing.damage
        except OSError as error:
            self.problem = f"{self.path} cannot be read further ({error.strerror})"
        except CaptureError as error:
            self.problem = str(error)

    def _is_as_it_was(self) -> bool:
        self._raw.seek(self.growing.read - len(self._tail))
        return self._raw.read(len(self._tail)) == self._tail

    def next(self) -> Path | None:
        """The file to go on with, if there is one."""
        mine = os.fstat(self._raw.fileno())
        try:
            there = self.path.stat()
        except OSError:
            there = mine  # renamed, and not made anew so far; or removed
        if (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino) and there.st_size:
            return self.path
        return successor(self.path, mine.st_mtime_ns)

    def end(self) -> None:
        """Nothing follows in this file."""
        try:
            if self.growing.read:
                self.growing.end()
            self.problem = self.problem or self.growing.damage
        except CaptureError as error:
            self.problem = str(error)

    def close(self) -> None:
        """Let go of it."""
        self._raw.close()
