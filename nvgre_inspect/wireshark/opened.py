"""The process that waits for a Wireshark window: `python -I opened.py WIRESHARK FILE [OPTION…]`.

It starts Wireshark on a file, and removes the file and its folder when the window is closed: whoever opened it need
not live as long. It is run by its path, in isolation, and needs the standard library only.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path


def main(wireshark: str, file: str, *options: str) -> int:
    """Show, wait, tidy up; the exit status is Wireshark's, whose `options` are passed on."""
    path = Path(file)
    try:
        return subprocess.run([wireshark, *options, "-r", file], stdin=subprocess.DEVNULL, check=False).returncode
    finally:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Wireshark was told to save something beside it
            path.parent.rmdir()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
