"""The reference encapsulator as a peer of Open vSwitch: two VMs' kernels talk through one of each.

Host A's switch is taken out of the lab and `relay.py` put in its place; host B keeps Open vSwitch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import conftest
import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]
CHECKOUT = Path(__file__).parents[3]
#: VSID, FlowID that host B's switch wants, and the VM's namespaces.
TENANTS = {5001: (0x42, "a1", "b1"), 5002: (0x43, "a2", "b2")}
POLICY = """
[encapsulation]
kind = "nvgre"
flow_id = {flow_id}
mtu = 1600

[[host]]
pa = "192.168.50.1"
mac = "{mac}"

[[host]]
pa = "192.168.50.2"
mac = "02:00:00:00:00:02"

[[subnet]]
vsid = {vsid}
address = [
    {{ pa = "192.168.50.1", ca = "10.0.0.1", mac = "{vm}" }},
    {{ pa = "192.168.50.2", ca = "10.0.0.2", mac = "{other}" }},
]
"""

BYTES = bytes(range(250)) * 4000
SERVER = """
import socket, zlib
with socket.create_server(("10.0.0.2", 5000)) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    with connection.makefile("rb") as stream:
        data = stream.read()
    print(len(data), zlib.crc32(data), flush=True)
"""
CLIENT = """
import socket
with socket.create_connection(("10.0.0.2", 5000), 20, ("10.0.0.1", 40000)) as connection:
    connection.sendall(bytes(range(250)) * 4000)
"""


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def in_namespace(name: str, *command: str | Path) -> str:
    return run("ip", "netns", "exec", f"lab-{name}", *command)


def mac_of(namespace: str, device: str) -> str:
    return json.loads(in_namespace(namespace, "ip", "-j", "link", "show", device))[0]["address"]


def take_switch_away() -> None:
    """Host A without Open vSwitch: its PA on the underlay's link, the VMs' links free."""
    for pid in run("ip", "netns", "pids", "lab-hostA").split():
        conftest.end(int(pid))
    in_namespace("hostA", "ip", "addr", "add", "192.168.50.1/24", "dev", "ua")


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    reason = conftest.missing()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("relay")
    try:
        conftest.lab("up", "nvgre")
        take_switch_away()
        policies = []
        for vsid, (flow_id, vm, other) in TENANTS.items():
            policies.append(folder / f"{vsid}.toml")
            values = {"mac": mac_of("hostA", "ua"), "vm": mac_of(vm, "eth0"), "other": mac_of(other, "eth0")}
            policies[-1].write_text(POLICY.format(vsid=vsid, flow_id=flow_id, **values))
        command = [sys.executable, str(Path(__file__).with_name("relay.py")), "ua", ",".join(map(str, policies))]
        devices = [f"vm{vsid}={vsid}" for vsid in TENANTS]
        with subprocess.Popen(
            ["ip", "netns", "exec", "lab-hostA", *command, *devices],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
            process.terminate()
            counts = json.loads(process.stdout.readline())
        assert counts["encapsulated"] > 50
        assert counts["decapsulated"] > 50
    finally:
        conftest.lab("down")


@pytest.mark.parametrize("vsid", TENANTS)
def test_ping(relay: subprocess.Popen[str], vsid: int) -> None:
    """Broadcast (ARP) and unicast, both ways."""
    _, vm, other = TENANTS[vsid]
    assert " 0% packet loss" in in_namespace(vm, "ping", "-c", "5", "-i", "0.2", "-W", "2", "10.0.0.2")
    assert " 0% packet loss" in in_namespace(other, "ping", "-c", "5", "-i", "0.2", "-W", "2", "10.0.0.1")


@pytest.mark.parametrize("vsid", TENANTS)
def test_a_tcp_connection(relay: subprocess.Popen[str], vsid: int) -> None:
    """A megabyte from one kernel to the other, in both tenants with the same addresses and ports."""
    _, vm, other = TENANTS[vsid]
    with subprocess.Popen(
        ["ip", "netns", "exec", f"lab-{other}", sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        in_namespace(vm, sys.executable, "-c", CLIENT)
        assert server.stdout.readline() == f"{len(BYTES)} {zlib.crc32(BYTES)}\n"
