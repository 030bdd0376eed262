"""nvgre-inspect: other tools show packets; this one shows tenants.

import nvgre_inspect

with nvgre_inspect.open("capture.pcapng") as capture:
    print(capture.tenants)
    print(capture.flows.query("vsid == 5001 and retransmissions_fwd > 0"))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nvgre_inspect.version import __version__

if TYPE_CHECKING:
    from nvgre_inspect.session import Session

__all__ = ["__version__", "open"]


def open(paths: str | Path | Sequence[str | Path], **options: Any) -> Session:  # noqa: A001 (as in gzip, zipfile)
    """Open one capture or several, merged by time; tables are attributes of what is returned.

    `options` are the fields of `nvgre_inspect.session.SessionOptions`, for example `read_filter="tcp"`,
    `idle_timeout=0`, `decode_as=["udp.port==8473,vxlan"]`. Raises `capture.CaptureError`, `flows.filter.FilterError` or
    `session.UsageError`, all with one sentence for people.
    """
    from nvgre_inspect.session import SessionOptions, open_session

    return open_session(paths, options=SessionOptions(**options))
