"""Captures: frames out of files and pipes, and into files.

`open_capture` reads one file, `merge` several by time; both yield `PacketBatch`es and never raise on content.
`PcapWriter` and `PcapngWriter` write. Importing this loads neither numba nor pandas.
"""

from nvgre_inspect.capture.captures import Captures
from nvgre_inspect.capture.first import First
from nvgre_inspect.capture.limits import CaptureError, Limits
from nvgre_inspect.capture.linktype import linktype_name
from nvgre_inspect.capture.merging import Merge, merge
from nvgre_inspect.capture.output import Output
from nvgre_inspect.capture.reader import CaptureReader, open_capture
from nvgre_inspect.capture.writer import PcapngWriter, PcapWriter

__all__ = [
    "CaptureError",
    "CaptureReader",
    "Captures",
    "First",
    "Limits",
    "Merge",
    "Output",
    "PcapWriter",
    "PcapngWriter",
    "linktype_name",
    "merge",
    "open_capture",
]
