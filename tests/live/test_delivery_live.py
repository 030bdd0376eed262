"""`live --decap-to`: others see one tenant in the clear while it is captured."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from nvgre_inspect.encapsulation import Encapsulator, load
from tests.builders.namespaces import VethPair
from tests.live.gateways import MACS, write_policy
from tests.live.running import live

MACHINE, OTHER = (bytes.fromhex(mac.replace(":", "")) for mac in MACS)
ETHERTYPE = 0x88B5


def inner(number: int) -> bytes:
    """A frame of a tenant, which says its number."""
    return OTHER + MACHINE + ETHERTYPE.to_bytes(2, "big") + number.to_bytes(4, "big") + bytes(60)


def outer(folder: Path, vsid: int, numbers: range) -> list[bytes]:
    policy = load(write_policy(folder / f"{vsid}.toml", vsids=(vsid,)))
    encapsulator = Encapsulator(policy)
    return [encapsulator.encapsulate(inner(number)).frames[0] for number in numbers]


def both_tenants(folder: Path) -> list[bytes]:
    """Twenty frames each, in turn; those of 5002 have numbers from 100 on."""
    pairs = zip(outer(folder, 5001, range(20)), outer(folder, 5002, range(100, 120)), strict=True)
    return [frame for pair in pairs for frame in pair]


def test_a_tap_device(veth_pair: VethPair, tmp_path: Path) -> None:
    if not Path("/dev/net/tun").exists():
        pytest.skip("this system has no TAP devices (modprobe tun)")
    namespace = veth_pair.namespace
    with live(namespace, "-i", "in0", "--vsid", "5001", "--decap-to", "blue0") as running:
        running.wait_for_capture("in0")
        namespace.run("timeout", "60", "sh", "-c", "until ip link show blue0 | grep -q LOWER_UP; do sleep 0.02; done")
        with namespace.entered():
            heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        with heard:
            heard.bind(("blue0", 0))
            heard.settimeout(20)
            veth_pair.send(both_tenants(tmp_path))
            assert [heard.recv(2000) for _ in range(20)] == [inner(number) for number in range(20)]
        # The host takes no part in what is delivered there.
        settings = ("ipv6.conf.blue0.disable_ipv6", "ipv4.conf.blue0.rp_filter")
        values = namespace.run("sysctl", "-n", *(f"net.{name}" for name in settings)).stdout
        assert values.split() == ["1", "1"]
        assert "NOARP" in namespace.run("ip", "link", "show", "blue0").stdout
        assert running.end() == 0, running.words
    assert "blue0" not in namespace.run("ip", "link").stdout


def test_tcpdump_reads_a_fifo(veth_pair: VethPair, tmp_path: Path) -> None:
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is missing (Debian: apt-get install tcpdump)")
    fifo = tmp_path / "tenant.fifo"
    os.mkfifo(fifo)
    with live(veth_pair.namespace, "-i", "in0", "--vsid", "5001", "--decap-to", fifo) as running:
        running.wait_for_capture("in0")
        command = ["tcpdump", "-Z", "root", "-n", "-l", "-e", "-c", "20", "-r", fifo]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tcpdump:
            assert tcpdump.stderr is not None
            assert "reading from file" in tcpdump.stderr.readline()
            veth_pair.send(both_tenants(tmp_path))
            said, _ = tcpdump.communicate(timeout=30)
        lines = [line for line in said.splitlines() if MACS[0] in line]
        assert len(lines) == 20
        # Its reader has gone; capturing goes on, and says so at the end.
        veth_pair.send(both_tenants(tmp_path))
        running.received(80)
        assert running.end() == 0, running.words
    assert "nobody reads any more" in running.words
