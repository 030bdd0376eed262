"""What is committed: no paths of one machine, nothing large, scripts that can be run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Written so that this file does not find itself.
MACHINE_PATHS = tuple(f"/{folder}/" for folder in ("work", "tmp", "home", "root"))
HOSTS = tuple(f"{name}.org" for name in ("py" + "pi", "python" + "hosted"))


def committed():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, or git is not installed")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip(f"git cannot list the files here: {listing.stderr.strip()}")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_path_of_a_machine_and_no_package_host():
    found = []
    for path in committed():
        if path.suffix in (".pcap", ".pcapng", ".png"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            # A path begins a word: `framework/core/` is none.
            words = [word.strip("\"'`(=") for word in line.split()]
            if any(word.startswith(MACHINE_PATHS) for word in words) or any(host in line for host in HOSTS):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


def test_nothing_large():
    assert [path.name for path in committed() if path.stat().st_size >= 1_000_000] == []


def test_scripts_run():
    scripts = [path for path in committed() if path.parent.name == ".ci"]
    assert scripts
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []
