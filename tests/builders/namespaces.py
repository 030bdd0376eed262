"""Network namespaces of tests and benchmarks: quiet but for them, gone afterwards. They need root and iproute2."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count()


class NoNamespaceError(Exception):
    """No namespace can be made here; the text says why."""


def missing() -> str:
    """What a namespace needs and is not here; empty: nothing."""
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return "needs root, for a network namespace"
    return "" if shutil.which("ip") else "ip is missing (Debian: apt-get install iproute2)"


@dataclass(frozen=True)
class Namespace:
    """A network namespace of this machine."""

    name: str

    def ip(self, *words: str) -> None:
        """`ip WORDS` inside."""
        subprocess.run(["ip", "-n", self.name, *words], check=True, capture_output=True, timeout=20)

    def command(self, *words: str | Path) -> list[str]:
        """The words of a command line that runs inside."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command inside, from the checkout."""
        return subprocess.run(
            self.command(*words), check=check, capture_output=True, text=True, timeout=60, cwd=CHECKOUT
        )

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is inside: sockets that it opens stay there, also after the block."""
        libc = ctypes.CDLL(None, use_errno=True)
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            assert libc.setns(there, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(here, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        finally:
            os.close(here)
            os.close(there)


@contextmanager
def new_namespace() -> Iterator[Namespace]:
    """A namespace for the block, its loopback interface down. Raises NoNamespaceError."""
    reason = missing()
    if reason:
        raise NoNamespaceError(reason)
    name = f"nvgre-test-{os.getpid()}-{next(_numbers)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        raise NoNamespaceError(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        yield Namespace(name)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


@dataclass(frozen=True)
class VethPair:
    """Two interfaces that are each other's wire. What is sent on one is received on the other."""

    namespace: Namespace
    near: str
    far: str

    def send(self, frames: Iterable[bytes]) -> None:
        """Send frames on the near end, in order, from this process."""
        with self.namespace.entered():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with raw:
            raw.bind((self.near, 0))
            for frame in frames:
                raw.send(frame)


def make_pair(namespace: Namespace, near: str, far: str, *, mtu: int = 9000) -> VethPair:
    """A pair that is up and silent: without addresses of its own a kernel sends nothing by itself."""
    size = ("mtu", str(mtu))
    namespace.ip("link", "add", near, *size, "type", "veth", "peer", "name", far, *size)
    for device in (near, far):
        namespace.run("sysctl", "-q", "-w", f"net.ipv6.conf.{device}.disable_ipv6=1")
    for device in (near, far):
        namespace.ip("link", "set", device, "up")
    return VethPair(namespace, near, far)
