"""Networks of the traffic simulation with machines that only listen: what tests of hosts, links and points share.

Three hosts a, b, c with a machine of tenant 5001 each, A, B and C, as in `overlay.policy`.
"""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address
from typing import Any

from nvgre_inspect.encapsulation.policy import Policy
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.scenario import VM, HostSpec, LinkSpec, PathSpec, Point, Scenario, Tenant
from tests.builders import overlay

VSID = overlay.VSID
HOSTS = ("a", "b", "c")
MACHINES = ("A", "B", "C")
MACS = tuple(map(overlay.mac, (overlay.MAC_A, overlay.MAC_B, overlay.MAC_C)))
#: Links that take no time and carry everything.
IDEAL = LinkSpec(bandwidth_bps=0, delay_ns=0, mtu=65535, queue=0)
POINTS = (Point(name="up", uplink="a"),)


def machines(hosts: tuple[str, ...] = HOSTS) -> tuple[VM, ...]:
    """A, B and C, on these hosts."""
    addresses = [
        (ip_address(overlay.CA4[0]), ip_address(overlay.CA6[0])),
        (ip_address(overlay.CA4[1]), ip_address(overlay.CA6[1])),
        (),
    ]
    return tuple(
        VM(name=name, host=host, mac=mac, ips=ips, prefixes=tuple(24 if ip.version == 4 else 64 for ip in ips))
        for name, host, mac, ips in zip(MACHINES, hosts, MACS, addresses, strict=True)
    )


def scenario(policy: Policy | None = None, *, link: LinkSpec = IDEAL, family: int = 4, **changes: Any) -> Scenario:
    """Over ideal links, if `link` says nothing else; `changes` are fields of Scenario."""
    nves = zip(HOSTS, overlay.hosts(family), strict=True)
    return dataclasses.replace(
        Scenario(
            name="network",
            hosts=tuple(HostSpec(name=name, pa=nve.pa, mac=nve.mac, link=link) for name, nve in nves),
            paths=(PathSpec(name="only", link=link, hops=0),),
            tenants=(Tenant(vsid=VSID, vms=machines()),),
            points=POINTS,
            policy=policy,
            **({} if policy is None else {"encapsulation": policy.encapsulation}),
        ),
        **changes,
    )


class Listening:
    """A network whose machines only note what they hear."""

    def __init__(self, given: Scenario) -> None:
        self.network = Network(given)
        #: Time, VSID, machine and frame.
        self.heard: list[tuple[int, int, str, bytes]] = []
        self.listen()

    def listen(self) -> None:
        """Hear what comes to each vNIC, in the place of whoever did."""
        for (vsid, name), vnic in self.network.vnics.items():
            vnic.attach(lambda frame, vsid=vsid, name=name: self._hear(vsid, name, frame))

    def _hear(self, vsid: int, name: str, frame: bytes) -> None:
        self.heard.append((self.network.simulator.now_ns, vsid, name, frame))

    def send(self, frame: bytes, sender: str = "A", vsid: int = VSID) -> None:
        """A machine sends a frame, and all that follows happens."""
        self.network.vnics[vsid, sender].send(frame)
        self.run()

    def run(self, ns: int = 1_000_000_000) -> None:
        """Let so much time pass."""
        self.network.simulator.run(self.network.simulator.now_ns + ns)

    def frames_of(self, name: str, vsid: int = VSID) -> list[bytes]:
        """What a machine heard."""
        return [frame for _, of, who, frame in self.heard if (of, who) == (vsid, name)]

    def sent(self, host: str = "a") -> list[bytes]:
        """Frames that the host's uplink will carry from now on, as they are added."""
        frames: list[bytes] = []
        self.network.hosts[host].uplink.tap = lambda packet: frames.append(self.network.renderer.frame(packet))
        return frames

    def arriving(self, host: str = "b") -> list[Packet]:
        """Packets that reach the host from now on, as they are added."""
        packets: list[Packet] = []
        self.network.hosts[host].tap = lambda packet: packets.append(packet.copy())
        return packets
