"""Open vSwitch as the receiver of a replay: it decapsulates what is sent, and hands it to the VM behind it.

Host A's switch is taken out of the lab, and a tenant's plain capture replayed in its place.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import conftest
import pytest
from test_encapsulator_peer import CHECKOUT, POLICY, in_namespace, mac_of, take_switch_away

from nvgre_inspect.capture.writer import PcapWriter
from tests.builders import build

pytestmark = [pytest.mark.interop, pytest.mark.slow]
FLOW_ID, VSID = 0x42, 5001
PORT = 5000
COUNT = 200
#: Prints datagrams as they come: the VM's own kernel has checked addresses, lengths and checksums of each.
LISTENER = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
    listening.settimeout(20)
    listening.bind(("10.0.0.2", 5000))
    print("ready", flush=True)
    for _ in range(int(sys.argv[1])):
        data, (address, port) = listening.recvfrom(65535)
        print(address, port, data.hex(), flush=True)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with vm.pcap, what VM a1 sends to b1, and the policy of host A in the lab that is up."""
    reason = conftest.missing()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("replay")
    try:
        conftest.lab("up", "nvgre")
        take_switch_away()
        vm, other = mac_of("a1", "eth0"), mac_of("b1", "eth0")
        values = {"mac": mac_of("hostA", "ua"), "vm": vm, "other": other}
        (folder / "policy.toml").write_text(POLICY.format(vsid=VSID, flow_id=FLOW_ID, **values))
        with PcapWriter(folder / "vm.pcap") as writer:
            for i in range(COUNT):
                datagram = build.udp("10.0.0.1", "10.0.0.2", 40_000, PORT, payload(i))
                packet = build.ipv4("10.0.0.1", "10.0.0.2", build.UDP, datagram, ident=i + 1)
                writer.write_frame(build.ethernet_ip(other, vm, packet), i * 1_000_000)
        yield folder
    finally:
        conftest.lab("down")


def payload(i: int) -> bytes:
    return i.to_bytes(2) + build.noise("replay", i * 5 % 1_200)


def test_every_datagram_comes_out_at_the_other_end(host: Path) -> None:
    listening = ["ip", "netns", "exec", "lab-b1", sys.executable, "-c", LISTENER, str(COUNT)]
    with subprocess.Popen(listening, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        command = [sys.executable, "-m", "nvgre_inspect", "replay", host / "vm.pcap", "-i", "ua"]
        in_namespace("hostA", "env", f"PYTHONPATH={CHECKOUT}", *command, "--policy", host / "policy.toml")
        lines = process.stdout.read().splitlines()
    assert lines == [f"10.0.0.1 40000 {payload(i).hex()}" for i in range(COUNT)]
