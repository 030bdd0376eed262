"""Whether a tshark loads the Lua dissector: what was installed works only where Wireshark runs its user's scripts.

It does not where it was built without Lua and, from a version between 4.0 and 4.4 on, for root.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from nvgre_inspect.wireshark.display_filter import EMPTY
from nvgre_inspect.wireshark.tshark import Tshark, TsharkError, run
from nvgre_inspect.wireshark.versions import FILTER_NOT_TAKEN

_FIELD = "nvgre.vsid"
_ASK_S = 30.0


def refused(tshark: Tshark, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> str:
    """Why this tshark does not know NVGRE's fields when its user runs it; empty: it does, or cannot be asked.

    `arguments` are words for its command line, `environment` is another one than that of this process.
    """
    with tempfile.TemporaryDirectory(prefix="nvgre-inspect-", ignore_cleanup_errors=True) as folder:
        empty = Path(folder) / "empty.pcap"
        empty.write_bytes(EMPTY)
        command = [tshark.path, *arguments, "-n", "-r", str(empty), "-Y", _FIELD]
        try:
            outcome = run(command, environment=environment, timeout_s=_ASK_S)
        except TsharkError:
            return ""
    if outcome.status not in FILTER_NOT_TAKEN or _FIELD not in outcome.complaint:
        return ""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return f"{tshark.name} runs no Lua scripts of its users for root: use it as an ordinary user"
    return f"{tshark.name} does not load Lua scripts; whether it was built with Lua, tshark --version says"
