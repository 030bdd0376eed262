"""The simulated TCP beside that of this machine's kernel, both under 1 % loss, both judged by their captures.

iperf3 with Reno's congestion control, without time stamps and offloads, over a wire that loses; the simulated machines
over one with the same delay, loss and MSS. Numbers of one run are random, so the bounds are wide: what must not differ
is the kind of behaviour (what is sent again, how fast it goes on, no pauses that the other does not have).
"""

from __future__ import annotations

import math
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import nvgre_inspect
from nvgre_inspect.traffic.scenario import TCPOptions
from tests.builders.machine_pair import MS, MTU, SECOND, MachinePair

pytestmark = [pytest.mark.interop, pytest.mark.slow]
TOOLS = ("ip", "iperf3", "ethtool", "sysctl")
BYTES, DELAY_MS, LOSS = 4_000_000, 10, 0.01
MSS = MTU - 40
#: Ethernet, IP and TCP.
HEADERS = 54
#: RFC 5681's Reno at most (Mathis et al. 1997), with an acknowledgement for each segment.
BOUND_BPS = MSS * 8 * 1000 / (2 * DELAY_MS) * math.sqrt(1.5 / LOSS)


class Seen(NamedTuple):
    """What a capture beside the sender says of the transfer."""

    goodput_bps: float
    #: Segments sent again, of all with data.
    retransmission_share: float
    duplicate_acks: int
    bytes: float


def missing() -> str:
    """Why it cannot be done here; empty when it can."""
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return "network namespaces need root"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"{' '.join(absent)} missing (Debian: apt-get install iproute2 iperf3 ethtool procps)" if absent else ""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@contextmanager
def namespaces() -> Iterator[tuple[str, str, str]]:
    """Client, wire and server: `near`-`c` and `far`-`s` are their links."""
    names = [f"loss{os.getpid()}{role}" for role in "cws"]
    client, wire, server = names
    try:
        for name in names:
            run("ip", "netns", "add", name)
        for end, inside, outside, address in ((client, "c", "near", "10.0.0.1"), (server, "s", "far", "10.0.0.2")):
            run("ip", "link", "add", inside, "netns", end, "type", "veth", "peer", "name", outside, "netns", wire)
            for name, interface in ((end, inside), (wire, outside)):
                prefix = ("ip", "netns", "exec", name)
                run(*prefix, "ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
                run("ip", "-n", name, "link", "set", interface, "mtu", str(MTU), "up")
            run("ip", "-n", end, "addr", "add", f"{address}/24", "dev", inside)
            run("ip", "netns", "exec", end, "sysctl", "-w", "net.ipv4.tcp_timestamps=0")
        yield client, wire, server
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def with_the_kernel(folder: Path, seed: int) -> Path:
    """The capture of an iperf3 transfer."""
    capture = folder / f"kernel{seed}.pcap"
    script = Path(__file__).with_name("lossy_wire.py")
    with namespaces() as (client, wire, server):
        command = ["ip", "netns", "exec", wire, sys.executable, str(script), "near", "far"]
        with (
            subprocess.Popen(
                [*command, str(DELAY_MS), str(LOSS), str(seed), str(capture)], stdout=subprocess.PIPE
            ) as losing,
            subprocess.Popen(
                ["ip", "netns", "exec", server, "iperf3", "-s", "-1", "--forceflush"], stdout=subprocess.PIPE
            ) as listening,
        ):
            try:
                for process in (losing, listening):
                    assert process.stdout is not None
                    process.stdout.readline()
                run("ip", "netns", "exec", client, "iperf3", "-c", "10.0.0.2", "-C", "reno", "-n", str(BYTES))
                listening.wait(20)
            finally:
                listening.kill()
                losing.terminate()
    return capture


def simulated(folder: Path, seed: int) -> Path:
    """The capture of the same transfer between simulated machines."""
    stream = random.Random(seed)
    pair = MachinePair(
        TCPOptions(receive_buffer=1 << 20),
        delay_ns=DELAY_MS * MS,
        bandwidth_bps=1_000_000_000,
        lose=lambda sent: len(sent.frame) >= 1000 and stream.random() < LOSS,
    )
    pair.transfer(BYTES)
    capture = folder / f"simulated{seed}.pcap"
    # Beside the sender: what comes from the other side is seen when it arrives.
    frames = sorted(
        ((sent.ns + (sent.sender == "b") * DELAY_MS * MS, sent.frame) for sent in pair.sent), key=lambda item: item[0]
    )
    records = (struct.pack("<IIII", *divmod(ns, SECOND), len(frame), len(frame)) + frame for ns, frame in frames)
    capture.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1) + b"".join(records))
    return capture


def seen(capture: Path) -> Seen:
    """Measured by segments: iperf3 ends when it has written everything, and what is in the last buffer may not come."""
    flows = nvgre_inspect.open(capture).flows
    flow = flows.loc[flows["bytes_fwd"].idxmax()]
    segments = flow["bytes_fwd"] / (MSS + HEADERS)
    resent = int(flow["retransmissions_fwd"])
    return Seen(
        (segments - resent) * MSS * 8 / flow["duration_s"],
        resent / segments,
        int(flow["duplicate_acks_rev"]),
        segments * MSS,
    )


def test_recovers_as_the_kernel_does(tmp_path: Path) -> None:
    reason = missing()
    if reason:
        pytest.skip(reason)
    kernel = [seen(with_the_kernel(tmp_path, seed)) for seed in (1, 2, 3)]
    ours = [seen(simulated(tmp_path, seed)) for seed in (1, 2, 3)]
    for run_of in (*kernel, *ours):
        assert 0.3 * BOUND_BPS < run_of.goodput_bps < 1.5 * BOUND_BPS
        assert 0.5 * LOSS < run_of.retransmission_share < 2 * LOSS
        assert run_of.bytes > 0.7 * BYTES
        assert run_of.duplicate_acks > 0
    middle = [sorted(run_of.goodput_bps for run_of in runs)[1] for runs in (kernel, ours)]
    assert 0.6 < middle[0] / middle[1] < 1.5
