"""Rights are given up once interfaces are open, and what went away is taken up again without them."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.builders.namespaces import CHECKOUT, Namespace, VethPair, make_pair

NOBODY = 65534
#: Prints a line when it captures, and each frame; ends after the last.
CAPTURE = """
import os, sys
from nvgre_inspect.capture.live.options import LiveOptions
from nvgre_inspect.capture.live.privileges import give_up
from nvgre_inspect.capture.live.source import open_live
import pwd
source = open_live(LiveOptions(("in0",), buffer_bytes=4 << 20))
give_up()
print(os.getresuid(), os.getresgid(), os.getgroups() in ([], [os.getgid()]), os.environ["HOME"], flush=True)
status = open("/proc/thread-self/status")
print([line.split()[1] for line in status if line.startswith(("CapPrm", "CapEff"))], flush=True)
for batch in source.batches():
    for i in range(len(batch)):
        print(batch.frame(i)[14:].rstrip(bytes(1)).decode(), flush=True)
        if batch.frame(i)[14:18] == b"last":
            source.stop()
    for note in source.notes:
        if "came back" in note:
            print(note.split()[-6:-2], flush=True)
            source.notes.clear()
"""
#: As a program that was given CAP_NET_RAW by its file: not root, with that one capability.
WITH_CAPABILITY = """
import ctypes, os, struct
from nvgre_inspect.capture.live.privileges import give_up
libc = ctypes.CDLL(None)
libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
os.setresuid(65534, 65534, 65534)
net_raw = 1 << 13
assert libc.capset(struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", net_raw, net_raw, 0, 0, 0, 0)) == 0
for _ in range(2):
    print([line.split()[1] for line in open("/proc/thread-self/status") if line.startswith(("CapPrm", "CapEff"))])
    give_up()
"""


def frame(text: str) -> bytes:
    return (bytes.fromhex("020000000002 020000000001 88b5") + text.encode()).ljust(60, b"\0")


def capturing(namespace: Namespace, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        namespace.command(sys.executable, "-c", CAPTURE),
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_under_sudo(veth_pair: VethPair) -> None:
    """The caller's user, no capabilities; the interface is taken up again when it was made anew, promiscuous."""
    namespace = veth_pair.namespace
    with capturing(namespace, SUDO_UID=str(NOBODY), SUDO_GID=str(NOBODY)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{(NOBODY,) * 3} {(NOBODY,) * 3} True /nonexistent\n"
        assert process.stdout.readline() == f"{['0' * 16] * 2}\n"
        veth_pair.send([frame("first")])
        assert process.stdout.readline() == "first\n"
        namespace.ip("link", "del", "in0")
        again = make_pair(namespace, "out0", "in0")
        assert process.stdout.readline() == "['and', 'came', 'back', 'at']\n"
        assert "promiscuity 1" in namespace.run("ip", "-d", "link", "show", "in0").stdout
        again.send([frame("last")])
        assert process.stdout.readline() == "last\n"
        assert process.wait(20) == 0


def test_root_stays_root(veth_pair: VethPair) -> None:
    with capturing(veth_pair.namespace, SUDO_UID="0", SUDO_GID="0", HOME="/somewhere") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("(0, 0, 0) (0, 0, 0)")
        assert process.stdout.readline() != f"{['0' * 16] * 2}\n"
        veth_pair.send([frame("last")])
        assert process.stdout.readline() == "last\n"
        assert process.wait(20) == 0


def test_capabilities_of_a_file(namespace: Namespace) -> None:
    done = namespace.run(sys.executable, "-c", WITH_CAPABILITY)
    assert done.stdout.splitlines() == [f"{['0000000000002000'] * 2}", f"{['0' * 16] * 2}"]
