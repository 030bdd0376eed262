"""Rights: what capturing needs, how it is granted, and giving it up.

A packet socket needs CAP_NET_RAW when it is made, and nothing afterwards: binding it to an interface that came back,
promiscuous mode or another filter need no rights. So nothing is kept for that. capabilities(7), packet(7).

Limits: capabilities belong to threads, and those that are running already keep theirs: `give_up` comes first.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Final

from nvgre_inspect.capture.limits import CaptureError

#: _LINUX_CAPABILITY_VERSION_3: two words of 32 bits for each of the sets effective, permitted and inheritable.
_VERSION: Final = 0x20080522
_NO_CAPABILITIES: Final = bytes(24)


def missing_rights(what: str, capability: str = "cap_net_raw") -> str:
    """A sentence: which capability (or several, with commas) `what` needs, and the command that grants it."""
    if not sys.platform.startswith("linux"):
        return f"{what} needs the rights of an administrator"
    python = Path(sys.executable).resolve()
    return (
        f"{what} needs the capability {capability.upper()}: run it with sudo, or grant it with"
        f" sudo setcap {capability}+ep {python}"
    )


def give_up() -> None:
    """Once everything is open, before any thread starts: become the user who called sudo, or drop all capabilities.

    Under sudo, HOME and the user's names are those of that user from now on. Root itself, without sudo, stays root: a
    service is given the rights that it should have by whoever starts it. CaptureError if the system refuses.
    """
    if not hasattr(os, "setresuid"):
        return
    try:
        if os.geteuid() != 0:
            _drop_capabilities()
            return
        user, group = _caller()
        if user:
            _become(user, group)
    except OSError as error:
        raise CaptureError(f"rights cannot be given up: {error.strerror}") from None


def _caller() -> tuple[int, int]:
    """User and group of who called sudo; (0, 0) for root."""
    try:
        user = int(os.environ.get("SUDO_UID", "0"))
        group = int(os.environ.get("SUDO_GID", "0"))
    except ValueError:
        return 0, 0
    return (user, group) if user > 0 and group > 0 else (0, 0)


def _become(user: int, group: int) -> None:
    import pwd

    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        os.setgroups([group])
    else:
        os.initgroups(entry.pw_name, group)
        os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)  # and with root all capabilities go


def _drop_capabilities() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "capset") and libc.capset(struct.pack("=Ii", _VERSION, 0), _NO_CAPABILITIES):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
