"""Fabric: what lies between the hosts: equal paths, one of which the outer addresses and the entropy choose (ECMP).

    host's uplink -> leaf -> path (the spine of that name) -> link to the receiving host

Leaf and spines are routers: they take from the TTL, fragment or refuse what does not fit, and answer with ICMP errors.
Packets to a multicast group go to every host that has a machine of the tenant.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from nvgre_inspect.encapsulation import entropy
from nvgre_inspect.encapsulation.policy import Host as PolicyHost
from nvgre_inspect.encapsulation.routing import Leg
from nvgre_inspect.traffic import icmp
from nvgre_inspect.traffic.fragmenting import fragments
from nvgre_inspect.traffic.host import Host
from nvgre_inspect.traffic.link import Link
from nvgre_inspect.traffic.packet import Address, Packet
from nvgre_inspect.traffic.rendering import Renderer
from nvgre_inspect.traffic.scenario import PathSpec
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stages import Stages

#: MAC address of the leaf, which is every host's router.
LEAF_MAC = bytes.fromhex("02005e000001")
_ROUTERS = {4: ipaddress.ip_address("198.51.100.1"), 6: ipaddress.ip_address("2001:db8:ffff::1")}


class Path:
    """One way through the fabric."""

    def __init__(self, spec: PathSpec, number: int) -> None:
        self.spec = spec
        #: The MAC address of its spine.
        self.mac = b"\x02\x00\x5e\x00\x01" + bytes((number & 0xFF,))
        self._number = number
        #: Links to the hosts, by their provider addresses.
        self.links: dict[Address, Link] = {}
        #: What a point on it sees.
        self.tap: Callable[[Packet], object] | None = None
        #: Routers before the point and behind it.
        self.hops_before = (spec.hops + 1) // 2
        self.hops_behind = spec.hops // 2
        #: Links of legs, found by identity: addresses take a microsecond to be hashed.
        self._link_of: dict[int, tuple[Leg, Link | None]] = {}

    def link_of(self, leg: Leg) -> Link | None:
        """The link to a single receiver; None: there is no such host."""
        found = self._link_of.get(id(leg))
        if found is None or found[0] is not leg:
            found = self._link_of[id(leg)] = (leg, self.links.get(leg.dst))
        return found[1]

    def address(self, version: int) -> Address:
        """Where ICMP errors come from."""
        given = self.spec.address
        return given if given is not None and given.version == version else _ROUTERS[version] + self._number


class Fabric:
    """Routes packets from host to host."""

    def __init__(
        self,
        paths: Iterable[PathSpec],
        *,
        simulator: Simulator,
        stages: Stages,
        renderer: Renderer,
        next_serial: Callable[[], int],
    ) -> None:
        self.paths = {spec.name: Path(spec, i) for i, spec in enumerate(paths)}
        #: Packets that ended here, by reason.
        self.skipped: Counter[str] = Counter()
        self._ways = list(self.paths.values())
        self._simulator = simulator
        self._stages = stages
        self._renderer = renderer
        self._next_serial = next_serial
        self._hosts: Mapping[Address, Host] = {}
        #: By the identity of the leg, which is kept, and the entropy.
        self._choices: dict[tuple[int, int], tuple[Leg, Path]] = {}

    def connect(self, hosts: Mapping[Address, Host]) -> None:
        """The hosts by provider address, to all of which every path has a link."""
        self._hosts = hosts

    def enter(self, packet: Packet) -> None:
        """A packet comes from a host's uplink."""
        path = self._choose(packet)
        packet.path = path.spec.name
        packet.ttl = max(packet.ttl - path.hops_before, 0)
        if path.tap is not None:
            path.tap(packet)
        self._stages.through("path", packet, packet.path, self.forward)

    def _choose(self, packet: Packet) -> Path:
        """The same for all packets with these outer addresses and this entropy."""
        if len(self._ways) == 1:
            return self._ways[0]
        assert packet.leg is not None
        key = (id(packet.leg), packet.entropy)
        found = self._choices.get(key)
        if found is None or found[0] is not packet.leg:
            words = [*_words(packet.leg.src.pa), *_words(packet.leg.dst), packet.entropy]
            found = self._choices[key] = (packet.leg, self._ways[entropy.mix(words) % len(self._ways)])
        return found[1]

    def forward(self, packet: Packet) -> None:
        """Send a packet that is on a path on to where it goes."""
        assert packet.leg is not None
        path = self.paths[packet.path]
        packet.ttl = max(packet.ttl - path.hops_behind, 0)
        if packet.leg.dst_host is not None:
            link = path.link_of(packet.leg)
            if link is None:
                self.skipped["no-such-host"] += 1
            else:
                self.onto(link, packet)
            return
        members = [pa for pa, host in self._hosts.items() if pa != packet.leg.src.pa and host.has_tenant(packet.tenant)]
        for pa in members:
            self.onto(path.links[pa], packet.copy())

    def onto(self, link: Link, packet: Packet) -> None:
        """A router sends a packet over a link, if it fits; in fragments, or not at all, if it does not."""
        length = self._renderer.ip_length(packet)
        if length <= link.mtu:
            link.send(packet, self._renderer.link_len + length)
            return
        parts = fragments(packet, length, link.mtu)
        for part in parts:
            link.send(part, self._renderer.frame_length(part))
        if not parts:
            self.refuse(packet, link.mtu)

    def refuse(self, packet: Packet, mtu: int) -> None:
        """The router on the packet's path tells the sending host that the packet is too big for `mtu`."""
        assert packet.leg is not None
        self.skipped["over-mtu"] += 1
        if packet.plain or packet.leg.dst_host is None or packet.fragment is not None:
            return
        path = self.paths[packet.path]
        router = path.address(packet.leg.src.pa.version)
        error = icmp.too_big(self._renderer.ip_packet(packet), router, mtu)
        self.inject(packet, PolicyHost(router, path.mac), error)

    def inject(self, about: Packet, sender: PolicyHost, error: bytes) -> None:
        """Send an IP packet of a router on `about`'s path to the host that sent `about`, whose marks it gets."""
        assert about.leg is not None
        source = about.leg.src
        reply = Packet(
            b"", -1, self._next_serial(), self._simulator.now_ns, marks=about.marks, leg=Leg(sender, source.pa, source),
            plain=error, path=about.path,
        )  # fmt: skip
        link = self.paths[about.path].links[source.pa]
        reply.ttl -= self.paths[about.path].hops_behind
        link.send(reply, self._renderer.frame_length(reply))


def _words(address: Address) -> list[int]:
    padded = address.packed.rjust(16, b"\0")
    return [int.from_bytes(padded[i : i + 4], "big") for i in range(0, 16, 4)]
