"""`jit` and `inner`: the one way in which kernels are compiled, and where the compiled code is kept.

Numba is imported when the first kernel module is, never by importing this one. Compiled code goes into a
folder of the user's own, named by a hash of everything that it depends on: numba's own cache key does not see
other modules change, and a kernel freezes the constants and the kernels of other modules that it uses.

Numba's cache files are pickles, and loading one runs it. So only a folder that belongs to this user and that
nobody else can write to is used; where there is none, compiled code lives in a temporary folder for this
process only.

Environment:

- `NVGRE_INSPECT_CACHE`: the folder in which the cache folder is made, instead of the platform's cache folder.
- `NVGRE_INSPECT_NO_JIT=1`: kernels run as plain Python (slow; for tests and coverage).
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from dissectors import anomalies, encaps, offsets

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = re.compile(r"kernels-[0-9a-f]{16}\Z")
#: Folders of other versions that are kept: people switch between checkouts and environments.
_KEPT_FOLDERS = 4
#: A folder used within this many seconds may belong to a running process and stays.
_IN_USE_SECONDS = 3600.0

#: Modules that `is_warm` has found: looking takes 1 ms, which whoever reads thousands of small files would notice.
_warm: set[str] = set()


def jit(function: F) -> F:
    """Compile `function` on its first call: bounds-checked, without the GIL, cached on disk.

    For the kernels that Python calls; what only they call is `inner`. `boundscheck` turns an index beyond an array into
    IndexError, but lets a negative index wrap around as Python does. With `NVGRE_INSPECT_NO_JIT=1` the function is
    returned as it is.
    """
    return _compiled(function, cache=True)


def inner(function: F) -> F:
    """As `jit`, for a function that only other kernels call: no wrapper for Python and no cache of its own.

    The cached kernels contain it. That saves a third of the first compilation (measured: 31 s, then 21 s).
    """
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _compiled(function: F, **options: bool) -> F:
    if os.environ.get("NVGRE_INSPECT_NO_JIT") == "1":
        return function
    import numba

    # The folder is numba-wide configuration, read while decorating. It is put back, since a notebook's own
    # numba functions are not ours to cache.
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_usable_cache_dir())
    try:
        compiled: Any = numba.njit(boundscheck=True, nogil=True, **options)(function)
    finally:
        config.CACHE_DIR = before
    return cast(F, compiled)


def is_warm(*modules: str) -> bool:
    """Whether compiled code of the kernel modules (`"walk"`, `"decode"`, …) is on disk already.

    Does not import numba. Without arguments: whether any is. True means only that at least one kernel of each
    module was compiled by a process with the same sources and the same numba.
    """
    if os.environ.get("NVGRE_INSPECT_NO_JIT") == "1":
        return True
    if modules and _warm.issuperset(modules):
        return True
    try:
        names = [path.name for path in cache_dir().rglob("*.nbi")]
    except OSError:
        return False
    found = {module for module in modules if any(name.startswith(f"{module}.") for name in names)}
    _warm.update(found)
    return bool(names) and found.issuperset(modules)


@functools.cache
def cache_dir() -> Path:
    """Where compiled kernels of these very sources belong; the folder may not exist yet."""
    from importlib.metadata import version  # costs 20 ms, which a run without kernels does not need

    digest = hashlib.sha256(version("numba").encode())
    for path in _sources():
        # numba compiles anew where a file has moved or is younger, even if it says the same: so does `is_warm`.
        digest.update(f"{path}\0{path.stat().st_mtime_ns}\0".encode() + path.read_bytes() + b"\0")
    return _cache_root() / f"kernels-{digest.hexdigest()[:16]}"


def _sources() -> list[Path]:
    constants = [Path(module.__file__ or "") for module in (anomalies, encaps, offsets)]
    return [*sorted(Path(__file__).parent.glob("*.py")), *constants]


def _cache_root() -> Path:
    override = os.environ.get("NVGRE_INSPECT_CACHE")
    if override:
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_cache_dir("nvgre-inspect", appauthor=False))


@functools.cache
def _usable_cache_dir() -> Path:
    """`cache_dir()`, made if need be; a temporary folder where that cannot be."""
    folder = cache_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(folder):
            os.utime(folder)  # marks it as used; also shows whether it can be written to
            _remove_old(folder)
            return folder
    except OSError:
        pass  # read-only home, no rights, a file in the way: all the same, the temporary folder serves
    temporary = Path(tempfile.mkdtemp(prefix="nvgre-inspect-kernels-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


def _is_private(folder: Path) -> bool:
    """Whether the folder is this user's and nobody else's to write to (on Windows ACLs see to it)."""
    if not hasattr(os, "geteuid"):
        return True
    status = folder.lstat()
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not others_write


def _remove_old(current: Path) -> None:
    """Remove cache folders of other versions, except recently used ones."""
    others = [
        (path.lstat().st_mtime, path)
        for path in current.parent.iterdir()
        if path != current and _FOLDER.match(path.name) and path.is_dir() and not path.is_symlink()
    ]
    others.sort(reverse=True)
    for used, path in others[_KEPT_FOLDERS:]:
        if time.time() - used > _IN_USE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
