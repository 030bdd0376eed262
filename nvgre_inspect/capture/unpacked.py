"""Unpacked: a compressed capture whose frames somebody goes back to, decompressed once more into a temporary file.

Reading a capture through keeps nothing of a compressed file, since few runs go back to single frames. Those that do
would decompress it from the start for each; here that is done once, and no further than frames are asked for.
"""

from __future__ import annotations

import threading
from pathlib import Path

from nvgre_inspect.capture.reader import open_capture
from nvgre_inspect.model.source import Frame


class Unpacked:
    """One compressed file; `read_frame` may be called from any thread. Raises CaptureError if it cannot be opened."""

    def __init__(self, path: str | Path, file_number: int) -> None:
        self._reader = open_capture(path, file_number=file_number, spool=True)
        self._batches = self._reader.batches()
        #: Position of the last frame that was decompressed.
        self._reached = -1
        self._lock = threading.Lock()

    def read_frame(self, position: int) -> Frame:
        """As `CaptureReader.read_frame`, whose positions are the same. CaptureError also where there was no room for
        what lies before the frame.
        """
        with self._lock:
            while self._reached < position and (batch := next(self._batches, None)) is not None:
                self._reached = int(batch.position[-1])
        return self._reader.read_frame(position)

    def close(self) -> None:
        """Close the file and remove what was kept of it."""
        self._reader.close()
