"""Import rules: one way down the layers, nothing heavy for --help, nothing that only Unix has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def python(code):
    """Run `code` in a fresh interpreter at the root of the checkout."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_import_rules():
    program = shutil.which("lint-imports", path=Path(sys.executable).parent) or shutil.which("lint-imports")
    if program is None:
        pytest.skip("import-linter is not installed: pip install -e '.[dev]'")
    result = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("words", [["--help"], ["flows", "--help"], ["version"], ["config"]])
def test_nothing_heavy_for_quick_answers(words):
    heavy = ["numpy", "pandas", "numba", "pyarrow", "lark", "dpkt", "shtab", "zstandard", "platformdirs", "asyncio"]
    result = python(f"""
import sys
from nvgre_inspect.cli.main import main
try:
    main({words!r})
except SystemExit:
    pass
print("loaded:", *[name for name in {heavy!r} if name in sys.modules])
""")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "loaded:"


def test_everything_imports_without_what_only_unix_has():
    result = python("""
import importlib, pkgutil, sys
import numba, pandas, pyarrow  # what they do on their own is their business
for name in ("fcntl", "termios", "resource", "pwd", "grp"):
    sys.modules[name] = None
import dissectors, nvgre_inspect
names = [m.name for p in (dissectors, nvgre_inspect) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
""")
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 50
