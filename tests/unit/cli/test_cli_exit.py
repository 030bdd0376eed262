"""The process ends at once when its command is done, and yet all that others registered for its exit is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[3] / "samples" / "fabric.pcapng"
SCRIPT = """
import atexit, sys
from nvgre_inspect.cli.main import main

class Late:
    def __del__(self):
        print("taken apart")

late = Late()
code = main()
atexit.register(print, "at exit")
sys.exit(code)
"""


@pytest.mark.parametrize(("words", "code"), [(["tenants", str(SAMPLE), "--csv"], 0), (["tenants", "nowhere.pcap"], 1)])
def test_exit_is_quick_and_complete(words, code):
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True)
    assert done.returncode == code
    assert done.stdout.endswith("at exit\n")
    assert ("nvgre,5001" in done.stdout) == (code == 0)
