"""Where compiled kernels are kept, and who may put them there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nvgre_inspect.kernels import compiled

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import sys
from nvgre_inspect.kernels import compiled
before = "numba" in sys.modules
print(before, compiled.is_warm(), compiled.is_warm("walk"), compiled.is_warm("walk", "absent"))
from nvgre_inspect.kernels import walk
import numpy as np
arrays = [np.empty(4, np.int64) for _ in range(4)]
print(*map(int, walk.walk_pcap(np.zeros(40, np.uint8), 0, 40, False, 16, 1, 0, 100, *arrays)))
print(hasattr(walk.walk_pcap, "py_func"), compiled.is_warm(), compiled.is_warm("walk"), compiled.is_warm("absent"))
print(compiled.cache_dir())
"""


def run(env: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **env}
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def fresh(env: dict[str, str]) -> dict[str, str]:
    return {"NVGRE_INSPECT_NO_JIT": "", **env}


def test_cold_then_warm(tmp_path):
    env = fresh({"NVGRE_INSPECT_CACHE": str(tmp_path / "cache")})
    first = run(env)
    assert first[:3] == ["False False False False", "2 32 0", "True True True False"]
    folder = Path(first[3])
    assert folder.parent == tmp_path / "cache"
    assert list(folder.rglob("walk.walk_pcap-*.nbi"))
    if hasattr(os, "geteuid"):
        assert folder.stat().st_mode & 0o777 == 0o700
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nbc")}
    assert run(env)[0] == "False True True False"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.nbc")} == stamps  # nothing compiled again


def test_without_jit(tmp_path):
    lines = run({"NVGRE_INSPECT_NO_JIT": "1", "NVGRE_INSPECT_CACHE": str(tmp_path / "cache")})
    assert lines[:3] == ["False True True True", "2 32 0", "False True True True"]
    assert not (tmp_path / "cache").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    """Kernels work all the same, out of a temporary folder that is gone afterwards."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "tmp").mkdir()
    env = fresh({"NVGRE_INSPECT_CACHE": str(tmp_path / "file" / "below"), "TMPDIR": str(tmp_path / "tmp")})
    lines = run(env)
    assert lines[:3] == ["False False False False", "2 32 0", "True False False False"]
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX file modes")
def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path):
    """Its files are pickles: whoever can write them runs code as this user."""
    env = fresh({"NVGRE_INSPECT_CACHE": str(tmp_path)})
    folder = Path(run(env)[3])
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    folder.chmod(0o777)
    assert run(env)[1] == "2 32 0"
    assert list(folder.iterdir()) == []


def test_old_folders_are_removed_politely(tmp_path):
    names = [f"kernels-{i:016x}" for i in range(8)]
    now = time.time()
    for i, name in enumerate(names):
        (tmp_path / name).mkdir()
        age = 10 if name == names[7] else 7200 + i
        os.utime(tmp_path / name, (now - age, now - age))
    bystander = tmp_path / "kernels-of-someone-else"
    bystander.mkdir()
    os.utime(bystander, (0, 0))
    current = tmp_path / names[3]
    compiled._remove_old(current)
    left = {path.name for path in tmp_path.iterdir()}
    # The current one, the four most recently used others (one of them perhaps in use), and what is not ours.
    assert left == {names[3], names[7], names[0], names[1], names[2], bystander.name}


def test_the_folder_follows_the_sources(monkeypatch, tmp_path):
    first = compiled.cache_dir.__wrapped__()
    changed = tmp_path / "kernel.py"
    changed.write_text("x = 1")
    sources = compiled._sources()
    monkeypatch.setattr(compiled, "_sources", lambda: [*sources, changed])
    second = compiled.cache_dir.__wrapped__()
    changed.write_text("x = 2")
    assert len({first, second, compiled.cache_dir.__wrapped__()}) == 3


def test_numba_keeps_its_own_configuration():
    import numba

    before = numba.config.CACHE_DIR
    compiled.jit(lambda x: x)
    assert before == numba.config.CACHE_DIR
