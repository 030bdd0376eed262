"""Captures: frames out of files and pipes, and into files.

`open_capture` reads one file, `merge` several by time. Both yield `PacketBatch`es and never raise on content.
"""

from nvgre_inspect.capture.limits import CaptureError, Limits
from nvgre_inspect.capture.linktype import linktype_name
from nvgre_inspect.capture.reader import CaptureReader, open_capture

__all__ = ["CaptureError", "CaptureReader", "Limits", "linktype_name", "open_capture"]
