"""Two hosts and a wire: two namespaces, each with a gateway whose TAP device is a tenant's machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders.namespaces import CHECKOUT, Namespace

PAS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
MACS = ("02:00:00:00:01:01", "02:00:00:00:01:02")
CAS = (("10.0.0.1", "fd00::1"), ("10.0.0.2", "fd00::2"))


def write_policy(path: Path, version: int = 4, options: str = "", vsids: tuple[int, ...] = (5001,)) -> Path:
    """A policy of two hosts, with one machine of each subnet behind each."""
    lines = ["[encapsulation]", 'kind = "nvgre"', options]
    for i, pa in enumerate(PAS[version], 1):
        lines += ["[[host]]", f'pa = "{pa}"', f'mac = "02:00:00:00:00:0{i}"']
    for vsid in vsids:
        lines += ["[[subnet]]", f"vsid = {vsid}", "address = ["]
        for pa, mac, cas in zip(PAS[version], MACS, CAS, strict=True):
            lines.append(f'{{ pa = "{pa}", mac = "{mac}", ca = ["{cas[0]}", "{cas[1]}"] }},')
        lines.append("]")
    path.write_text("\n".join(lines))
    return path


class Gateway:
    """The command, running in a namespace."""

    def __init__(self, namespace: Namespace, *words: str | Path):
        self.namespace = namespace
        self.said: list[str] = []
        self.process = subprocess.Popen(
            namespace.command(sys.executable, "-m", "nvgre_inspect", "gateway", *words),
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )

    def until_ready(self) -> None:
        """Until it says that it is there."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            if "Ctrl-C ends it" in line:
                return
        raise AssertionError("\n".join(self.said))

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it; `said` is complete then. The exit code."""
        assert self.process.stderr is not None
        self.process.send_signal(number)
        self.said += self.process.stderr.read().splitlines()
        return self.process.wait(20)

    def __contains__(self, words: str) -> bool:
        return any(words in line for line in self.said)


@contextmanager
def two_gateways(
    hosts: tuple[Namespace, Namespace], policy: Path, *words: str, taps: tuple[str, ...] = ("blue0",)
) -> Iterator[tuple[Gateway, Gateway]]:
    """A gateway in each, whose devices have the addresses of the policy."""
    options = [word for tap in taps for word in ("--tap", tap)]
    gateways = [Gateway(host, "--policy", policy, "-i", "u0", *options, *words) for host in hosts]
    try:
        for gateway, mac, cas in zip(gateways, MACS, CAS, strict=True):
            gateway.until_ready()
            for tap in taps:
                device = tap.rpartition("=")[2]
                gateway.namespace.ip("link", "set", device, "address", mac)
                gateway.namespace.ip("address", "add", f"{cas[0]}/24", "dev", device)
                gateway.namespace.ip("address", "add", f"{cas[1]}/64", "dev", device, "nodad")
        yield gateways[0], gateways[1]
    finally:
        for gateway in gateways:
            if gateway.process.poll() is None:
                gateway.process.kill()
            gateway.process.wait(20)
            gateway.process.stderr.close()


def resident_kib(gateway: Gateway) -> int:
    """Memory that a gateway has now. `ip netns exec` becomes its command, so that it is this process."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
