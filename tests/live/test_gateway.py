"""Two gateways and a wire between them: kernels at both ends talk through NVGRE."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from nvgre_inspect.encapsulation import Encapsulator, load
from tests.builders.namespaces import Namespace
from tests.live.gateways import CAS, MACS, PAS, Gateway, two_gateways, write_policy

NOISE = os.urandom(1 << 20)
SERVER = """
import socket, zlib

family = socket.AF_INET6 if ":" in "{0}" else socket.AF_INET
with socket.create_server(("{0}", 5000), family=family) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    with connection.makefile("rb") as stream:
        data = stream.read()
    print(len(data), zlib.crc32(data), flush=True)
"""


@pytest.fixture
def hosts(make_namespace: Callable[[], Namespace]) -> tuple[Namespace, Namespace]:
    """Two namespaces with a veth pair of MTU 1500 and both IP versions."""
    made = make_namespace(), make_namespace()
    if not Path("/dev/net/tun").exists():
        pytest.skip("this system has no TAP devices (modprobe tun)")
    made[0].ip("link", "add", "u0", "type", "veth", "peer", "name", "u0", "netns", made[1].name)
    for host, four, six in zip(made, PAS[4], PAS[6], strict=True):
        host.ip("link", "set", "lo", "up")
        host.ip("link", "set", "u0", "up")
        host.ip("address", "add", f"{four}/24", "dev", "u0")
        host.ip("address", "add", f"{six}/64", "dev", "u0", "nodad")
    return made


def ping(host: Namespace, address: str, *words: str) -> str:
    return host.run("ping", "-c", "3", "-i", "0.1", "-W", "5", *words, address, check=False).stdout


def transfer(client: Namespace, server: Namespace, addresses: tuple[str, str]) -> None:
    """A megabyte of noise from one kernel to the other."""
    with subprocess.Popen(
        server.command(sys.executable, "-c", SERVER.format(addresses[1])), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with client.entered():
            connection = socket.create_connection((addresses[1], 5000), 20, (addresses[0], 0))
        with connection:
            connection.sendall(NOISE)
        assert process.stdout.readline() == f"{len(NOISE)} {zlib.crc32(NOISE)}\n"


def unreachables(host: Namespace) -> int:
    """ICMP and ICMPv6 errors "destination unreachable" that a host has sent."""
    four = [line.split()[1:] for line in host.run("cat", "/proc/net/snmp").stdout.splitlines() if "Icmp:" in line]
    six = dict(line.split() for line in host.run("cat", "/proc/net/snmp6").stdout.splitlines())
    return int(dict(zip(*four, strict=True))["OutDestUnreachs"]) + int(six["Icmp6OutDestUnreachs"])


@pytest.mark.parametrize("underlay", [4, 6])
def test_kernels_talk_through_two_gateways(hosts, tmp_path, underlay):
    """ARP, neighbour discovery, ping and TCP of both IP versions over both."""
    with two_gateways(hosts, write_policy(tmp_path / "policy.toml", underlay)) as gateways:
        before = unreachables(hosts[1])  # the first gateway may have sent before the second was there
        for inner in (0, 1):
            assert " 0% packet loss" in ping(hosts[0], CAS[1][inner])
            transfer(hosts[0], hosts[1], (CAS[0][inner], CAS[1][inner]))
        # As long as somebody listens for protocol 47 the kernel does not say that nobody does.
        assert unreachables(hosts[1]) == before
        assert gateways[0].end(signal.SIGINT) == 0
        assert gateways[1].end(signal.SIGTERM) == 0
        overhead = 42 if underlay == 4 else 62
        assert f"(MTU {1500 - overhead})" in gateways[0]
        for gateway in gateways:
            assert " packets out, " in gateway
            assert "left out (in)" not in gateway
    for host in hosts:
        left = json.loads(host.run("ip", "-j", "link").stdout)
        assert sorted(link["ifname"] for link in left) == ["lo", "u0"]  # the TAP devices are gone


def test_two_tenants_with_the_same_addresses(hosts, tmp_path):
    policy = write_policy(tmp_path / "policy.toml", vsids=(5001, 5002))
    # One after the other is up: the host's own routes cannot tell them apart, tenants' kernels could.
    with two_gateways(hosts, policy, taps=("5002=red0",)) as gateways:
        assert " 0% packet loss" in ping(hosts[0], CAS[1][0])
        gateways[0].end()
        assert "5002 red0: " in gateways[0]
        other = Gateway(hosts[0], "--policy", policy, "-i", "u0", "--tap", "blue0", "--vsid", "5001")
        other.until_ready()
        hosts[0].ip("link", "set", "blue0", "address", MACS[0])
        hosts[0].ip("address", "add", f"{CAS[0][0]}/24", "dev", "blue0")
        assert " 100% packet loss" in hosts[0].run("ping", "-c", "1", "-W", "1", CAS[1][0], check=False).stdout
        other.end()
        other.process.stderr.close()
        gateways[1].end()
        assert "left out: of a VSID that is not served here (unknown-vsid)" in gateways[1]
        assert "VSIDs that are not served here: 5001 (" in gateways[1]


def send_packets(host: Namespace, packets: list[bytes]) -> None:
    """IP packets of protocol 47 from a host to the other, in order."""
    with host.entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        for packet in packets:
            raw.sendto(packet, (PAS[4][1], 0))


def test_what_must_not_get_through(hosts, tmp_path):
    """Tags inside, other VSIDs, GRE that is not NVGRE: counted by reason, and the next good frame arrives."""
    path = write_policy(tmp_path / "policy.toml")
    encapsulator = Encapsulator(load(path))
    machine, other = (bytes.fromhex(mac.replace(":", "")) for mac in MACS)
    mark = b"\x88\xb5" + b"live" * 12
    good = encapsulator.encapsulate(other + machine + mark).frames[0][14:]
    tagged = good[:40] + b"\x81\x00\x00\x05" + mark
    other_vsid = good[:24] + (6000).to_bytes(3, "big") + good[27:]
    numbered = good[:20] + b"\x30" + good[21:]  # as if with a sequence number
    with two_gateways(hosts, path) as gateways, hosts[1].entered():
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
        heard.bind(("blue0", 0))
        heard.settimeout(20)
        send_packets(hosts[0], [tagged, other_vsid, numbered, good])
        with heard:
            assert heard.recv(2000) == other + machine + mark
        gateways[1].end()
    assert "1 left out (in): has a VLAN tag, which the policy refuses (inner-vlan)" in gateways[1]
    assert "VSIDs that are not served here: 6000 (1)" in gateways[1]
    assert "1 packet of the underlay left out: GRE, but not as RFC 7637 section 3.2 has it (not-nvgre)" in gateways[1]


def test_too_long_packets_are_answered(hosts, tmp_path):
    """The tenant's kernel learns what fits, and TCP goes on with it."""
    path = write_policy(tmp_path / "policy.toml", options='mtu = 1400\nover_mtu = "icmp"')
    with two_gateways(hosts, path, "--tap-mtu", "1500") as gateways:
        said = ping(hosts[0], CAS[1][0], "-s", "1472", "-M", "do")
        assert "mtu = 1358" in said or "mtu=1358" in said
        transfer(hosts[0], hosts[1], (CAS[0][0], CAS[1][0]))
        gateways[0].end()
    assert "too long for the MTU of the underlay (over-mtu)" in gateways[0]
    assert "answers with ICMP packet too big" in gateways[0]


def test_a_device_that_is_taken_away(hosts, tmp_path):
    with two_gateways(hosts, write_policy(tmp_path / "policy.toml")) as gateways:
        hosts[0].ip("link", "del", "blue0")
        rest = gateways[0].process.stderr.read()
        assert gateways[0].process.wait(20) == 1
        assert "blue0 was removed" in rest


def test_what_cannot_be_opened(hosts, tmp_path):
    """One sentence each, exit code 1."""
    path = write_policy(tmp_path / "policy.toml")

    def fails(*words: str) -> str:
        done = hosts[0].run(sys.executable, "-m", "nvgre_inspect", "gateway", "--policy", path, *words, check=False)
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "no interface 'nosuch0'; there are: lo, u0" in fails("-i", "nosuch0", "--tap", "blue0")
    assert "u0 exists and is not a TAP device" in fails("-i", "u0", "--tap", "u0")
    hosts[0].ip("address", "del", f"{PAS[4][0]}/24", "dev", "u0")
    assert f"ip address add {PAS[4][0]}/24 dev u0" in fails("-i", "u0", "--tap", "blue0")


def test_without_rights_a_sentence_says_what_grants_them(hosts, tmp_path):
    path = write_policy(tmp_path / "policy.toml")
    tmp_path.chmod(0o755)
    command = hosts[0].command(
        "setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-net_raw,-net_admin", sys.executable, "-m",
        "nvgre_inspect", "gateway", "--policy", path, "-i", "u0", "--tap", "blue0",
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "setcap cap_net_raw,cap_net_admin+ep" in done.stderr


def test_a_device_of_the_users_own_stays(hosts, tmp_path):
    for host in hosts:
        host.ip("tuntap", "add", "dev", "blue0", "mode", "tap")
        host.ip("link", "set", "blue0", "mtu", "1300")
    with two_gateways(hosts, write_policy(tmp_path / "policy.toml")) as gateways:
        assert " 0% packet loss" in ping(hosts[1], CAS[0][0])
        for gateway in gateways:
            gateway.end()
            assert "(MTU 1300)" in gateway
    assert "blue0" in hosts[0].run("ip", "link").stdout


def test_it_does_not_wait_for_a_lock(hosts, tmp_path):
    """Ends at once while frames come as fast as they can."""
    with two_gateways(hosts, write_policy(tmp_path / "policy.toml")) as gateways:
        flood = subprocess.Popen(
            hosts[0].command("ping", "-q", "-f", "-s", "1000", CAS[1][0]), stdout=subprocess.DEVNULL
        )
        try:
            hosts[0].run("ping", "-c", "2", "-i", "0.1", CAS[1][0])
            ended = threading.Timer(20, gateways[0].process.kill)
            ended.start()
            assert gateways[0].end() == 0
            ended.cancel()
        finally:
            flood.kill()
            flood.wait()
