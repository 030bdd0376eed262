"""Small files that are the user's alone: in the platform's state folder (0700), each written whole (0600).

`NVGRE_INSPECT_STATE` names another folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

ENVIRONMENT = "NVGRE_INSPECT_STATE"


def folder() -> Path:
    """Where the files are; it need not exist."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    from platformdirs import user_state_path

    return user_state_path("nvgre-inspect", appauthor=False)


def write(path: Path, text: str) -> None:
    """Put `text` in the file's place as a whole, readable by the user only. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        # O_EXCL: never into what somebody else put there; the mode holds from the first byte on.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def why(error: OSError | UnicodeError) -> str:
    """The reason in a few words, without the path."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "not UTF-8 text"
