"""The gateway as a peer of Open vSwitch, in two tenants with the same addresses; and for as long as one wants.

Host A's switch is taken out of the lab; a gateway a tenant takes its place (the lab's switches match the whole key, so
each tenant has a FlowID of its own), whose TAP device is bridged to the tenant's machine. Host B keeps Open vSwitch.

NVGRE_INSPECT_GATEWAY_SECONDS says how long the load lasts (default: 10; 600 is what a release is to pass).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
import test_encapsulator_peer as peer

from tests.builders.namespaces import Namespace
from tests.interop.lab.conftest import lab, missing
from tests.live.gateways import Gateway, resident_kib

pytestmark = [pytest.mark.interop, pytest.mark.slow]
SECONDS = int(os.environ.get("NVGRE_INSPECT_GATEWAY_SECONDS", "10"))
#: What allocators may do by the way; a leak of 100 bytes a packet would be 100 MB.
GROWTH_KIB = 4096


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Gateway]]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("gateways")
    running: dict[int, Gateway] = {}
    try:
        lab("up", "nvgre")
        peer.take_switch_away()
        host = Namespace("lab-hostA")
        for vsid, (flow_id, vm, other) in peer.TENANTS.items():
            policy = folder / f"{vsid}.toml"
            values = {"vm": peer.mac_of(vm, "eth0"), "other": peer.mac_of(other, "eth0")}
            policy.write_text(peer.POLICY.format(vsid=vsid, flow_id=flow_id, mac=peer.mac_of("hostA", "ua"), **values))
            running[vsid] = Gateway(host, "--policy", policy, "-i", "ua", "--tap", f"tap{vsid}")
            running[vsid].until_ready()
            host.ip("link", "add", f"bridge{vsid}", "type", "bridge")
            for device in (f"tap{vsid}", f"vm{vsid}"):
                host.ip("link", "set", device, "master", f"bridge{vsid}")
            host.ip("link", "set", f"bridge{vsid}", "up")
        yield running
        for vsid, gateway in running.items():
            assert gateway.end() == 0
            assert f"{vsid} tap{vsid}: " in gateway
            # The other tenant's packets come to this socket as well.
            assert "of a VSID that is not served here (unknown-vsid)" in gateway
    finally:
        for gateway in running.values():
            if gateway.process.poll() is None:
                gateway.process.kill()
            gateway.process.wait(20)
            assert gateway.process.stderr is not None
            gateway.process.stderr.close()
        lab("down")


@pytest.mark.parametrize("vsid", peer.TENANTS)
def test_ping(gateways: dict[int, Gateway], vsid: int) -> None:
    """Broadcast (ARP) and unicast, both ways."""
    peer.test_ping(None, vsid)


@pytest.mark.parametrize("vsid", peer.TENANTS)
def test_a_tcp_connection(gateways: dict[int, Gateway], vsid: int) -> None:
    """A megabyte from one kernel to the other, in both tenants with the same addresses and ports."""
    peer.test_a_tcp_connection(None, vsid)


def test_memory_does_not_grow_under_load(gateways: dict[int, Gateway]) -> None:
    _, vm, other = peer.TENANTS[5001]
    gateway = gateways[5001]
    load(vm, other, 3)  # until buffers and tables have their size
    before = resident_kib(gateway)
    load(vm, other, SECONDS)
    assert resident_kib(gateway) - before < GROWTH_KIB


def load(client: str, server: str, seconds: int) -> None:
    """TCP as fast as it goes, which ends in time."""
    with subprocess.Popen(
        ["ip", "netns", "exec", f"lab-{server}", "iperf3", "-s", "-1", "--forceflush"], stdout=subprocess.PIPE
    ) as listening:
        assert listening.stdout is not None
        listening.stdout.readline()
        done = subprocess.run(
            ["ip", "netns", "exec", f"lab-{client}", "iperf3", "-c", "10.0.0.2", "-t", str(seconds)],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
