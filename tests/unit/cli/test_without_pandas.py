"""Reports that need no DataFrame do not import pandas, which takes longer than many of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).parents[3] / "samples" / "fabric.pcapng"
TABLES = ("captures", "tenants", "flows", "tunnels", "endpoints", "placements", "timeline", "packets")
#: What every table is written as, and some.
OUTPUTS = [f"{table}.csv" for table in TABLES] + [
    f"{table}.{form}" for table in ("flows", "packets") for form in ("json", "jsonl")
]
SCRIPT = """
import sys
from nvgre_inspect.cli.main import main
for words in sys.argv[1:]:
    code = main(words.split("\\t"))
    if code or "pandas" in sys.modules:
        sys.exit(f"{words}: {code}, pandas was imported: {'pandas' in sys.modules}")
"""


def test_reports_are_written_without_pandas(tmp_path):
    commands = [[name.partition(".")[0], "-o", str(tmp_path / name)] for name in OUTPUTS]
    commands.append(["export", "-q", "-o", str(tmp_path / "reports")])
    words = ["\t".join([*command, str(SAMPLE)]) for command in commands]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert all((tmp_path / name).stat().st_size for name in OUTPUTS)
    assert (tmp_path / "reports" / "nvgre-5001.csv").exists()
