"""A live overlay of two Open vSwitch hosts, captured at every point at once.

The lab script stands beside the checkout (../shared/lab/overlay_lab). It needs root and changes the machine's network
namespaces, so it runs only where nobody else is using it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

LAB = Path(__file__).parents[4] / "shared" / "lab" / "overlay_lab"
TOOLS = ("ovs-vswitchd", "ovsdb-tool", "ip", "ping", "iperf3", "tcpdump", "ethtool")
PACKAGES = "openvswitch-switch iproute2 iputils-ping iperf3 tcpdump ethtool"


def missing() -> str:
    """Why the lab cannot run here; empty when it can."""
    if not LAB.exists():
        return "the lab script (../shared/lab/overlay_lab beside the checkout) is absent"
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return "the lab needs root"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return f"{' '.join(absent)} missing (Debian: apt-get install {PACKAGES})"
    used = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    return "the lab is in use already" if "lab-" in used else ""


def lab(*arguments: str | Path) -> None:
    # No pipes: what the lab leaves running in the background would keep them open.
    nowhere = subprocess.DEVNULL
    subprocess.run([LAB, *arguments], check=True, stdin=nowhere, stdout=nowhere, stderr=nowhere, timeout=60)


def talk(client: str, server: str) -> None:
    """TCP and UDP on ports that every tenant uses, and ping until the captures must have written both.

    tcpdump gets packets from the kernel in blocks that are handed over after a second; what is in one when tcpdump is
    ended is lost.
    """
    for options in (
        ["--cport", "40000", "-l", "10K", "-n", "100K"],
        ["--cport", "40001", "-u", "-l", "400", "-n", "8K"],
    ):
        # Not as a daemon: the server then listens as soon as the client finds it, and ends with the client.
        with subprocess.Popen(
            [LAB, "exec", server, "iperf3", "-s", "-1", "--forceflush"], stdout=subprocess.PIPE
        ) as listening:
            assert listening.stdout is not None
            listening.stdout.readline()
            lab("exec", client, "iperf3", "-c", "10.0.0.2", *options)
    lab("exec", client, "ping", "-c", "15", "-i", "0.2", "-W", "2", "10.0.0.2")


def end(pid: int) -> None:
    """End a process that is not a child, and wait until it has."""
    ended = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    select.select([ended], [], [], 20)
    os.close(ended)


def await_captures(folder: Path) -> None:
    """Until every tcpdump has written its file header, which it does when it is listening."""
    for _ in range(50):
        files = [folder / f"{point}.pcap" for point in ("a1", "a2", "b1", "b2", "hostA", "hostB")]
        if all(path.exists() and path.stat().st_size >= 24 for path in files):
            return
        lab("exec", "a1", "ping", "-c", "2", "-i", "0.1", "-W", "2", "10.0.0.2")
    pytest.fail("the captures did not start")


@pytest.fixture(scope="module", params=["nvgre", "vxlan", "geneve"])
def points(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The encapsulation, and a folder with a1.pcap a2.pcap b1.pcap b2.pcap hostA.pcap hostB.pcap."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp(request.param)
    try:
        lab("up", request.param)
        lab("capture", folder, "30")
        await_captures(folder)
        for client, server in (("a1", "b1"), ("a2", "b2")):
            talk(client, server)
    finally:
        lab("down")
    return request.param, folder
