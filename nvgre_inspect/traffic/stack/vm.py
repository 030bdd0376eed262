"""Machine: a virtual machine as the network sees it: addresses, and the protocols that it speaks on its vNIC.

    vms = machines(network)
    vms[5001, "web"].tcp.connect(address, 80, application)

Everything that it may send to is in its own subnet: there are no routers.
"""

from __future__ import annotations

import itertools
import random
from functools import partial

from dissectors import offsets
from nvgre_inspect.traffic.mapping import inner_mtu
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.packet import Segment
from nvgre_inspect.traffic.randomness import below
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stack import arp, ip, ndp
from nvgre_inspect.traffic.stack.conversations import Conversations
from nvgre_inspect.traffic.stack.icmp import ICMP
from nvgre_inspect.traffic.stack.multicast import Multicast, group_mac
from nvgre_inspect.traffic.stack.neighbours import Neighbours
from nvgre_inspect.traffic.stack.reassembly import Reassembly
from nvgre_inspect.traffic.stack.tcp import TCP
from nvgre_inspect.traffic.stack.udp import UDP
from nvgre_inspect.traffic.vnic import VNic

#: Ports for who does not ask for one: those of Linux.
_FIRST_PORT, _PORTS = 32768, 28232
_LIMITED_BROADCAST = b"\xff" * 4
_UNSPECIFIED = {4: bytes(4), 16: bytes(16)}
_ARP, _IP4, _IP6 = offsets.ETHERTYPE_ARP, offsets.ETHERTYPE_IPV4, offsets.ETHERTYPE_IPV6


class Machine:
    """One virtual machine; takes what comes from its vNIC from the start."""

    def __init__(
        self,
        vnic: VNic,
        simulator: Simulator,
        stream: random.Random,
        conversations: Conversations,
        mtu: int,
    ) -> None:
        spec = vnic.spec
        self.name = spec.name
        self.mac = spec.mac
        #: The longest IP packet of its link.
        self.mtu = mtu
        self.simulator = simulator
        self.random = stream
        self.conversations = conversations
        self.tcp_options = vnic.tenant.tcp
        self.ip4, self.ip6 = (next((ip.packed for ip in spec.ips if ip.version == family), None) for family in (4, 6))
        self._broadcasts = {_LIMITED_BROADCAST}
        #: Network mask of its IPv4 address.
        self.mask = _LIMITED_BROADCAST
        for address, prefix in zip(spec.ips, spec.prefixes, strict=True):
            if address.version == 4:
                hosts = (1 << 32 - prefix) - 1
                self.mask = (~hosts & 0xFFFFFFFF).to_bytes(4, "big")
                self._broadcasts.add((int(address) | hosts).to_bytes(4, "big"))
        self._vnic = vnic
        self._addresses = {address for address in (self.ip4, self.ip6) if address is not None} | self._broadcasts
        self._macs = {self.mac, arp.BROADCAST}
        self._next_port = below(stream, _PORTS)
        self._path_mtus: dict[bytes, int] = {}
        self._reassembly = Reassembly(simulator)

        self.arp = arp.ARP(self)
        self.ndp = ndp.NDP(self)
        self.neighbours = Neighbours(simulator, self._ask)
        self.icmp = ICMP(self)
        self.tcp = TCP(self)
        self.udp = UDP(self)
        self.multicast = Multicast(self)
        self._protocols = {
            offsets.IPPROTO_TCP: self.tcp.receive,
            offsets.IPPROTO_UDP: self.udp.receive,
            offsets.IPPROTO_ICMP: self.icmp.receive,
            offsets.IPPROTO_ICMPV6: self.icmp.receive,
        }
        if self.ip6 is not None:
            for group in (ndp.ALL_NODES, ndp.solicited_node(self.ip6)):
                self.accept(group_mac(group), group)
        vnic.attach(self.receive)

    # --- what it knows --------------------------------------------------------------------------------------
    def address(self, family: int) -> bytes | None:
        """Its address of that IP version, 4 or 16 bytes; None: it has none."""
        return self.ip4 if family == 4 else self.ip6

    def source(self, dst: bytes) -> bytes:
        """From which address it sends to `dst`; all zeros, if it has none."""
        return (self.ip4 if len(dst) == 4 else self.ip6) or _UNSPECIFIED[len(dst)]

    def mtu_to(self, dst: bytes) -> int:
        """The longest IP packet that is known to reach `dst`."""
        return self._path_mtus.get(dst, self.mtu)

    def learn_mtu(self, dst: bytes, mtu: int) -> None:
        """Packets to `dst` have to be at most `mtu` bytes."""
        self._path_mtus[dst] = mtu

    def is_group(self, address: bytes) -> bool:
        """Whether more than one may listen to `address`."""
        if len(address) == 4:
            return address[0] >> 4 == 0xE or address in self._broadcasts
        return address[0] == 0xFF

    def free_port(self) -> int:
        """A port for a client."""
        self._next_port = (self._next_port + 1) % _PORTS
        return _FIRST_PORT + self._next_port

    def route(
        self, dst: bytes, protocol: int, *, dscp: int = 0, ttl: int = ip.TTL, df: bool = True, src: bytes | None = None
    ) -> ip.Route:
        """The way to `dst` with one protocol."""
        src = self.source(dst) if src is None else src
        ident = 1 + below(self.random, 0xFFFF)
        return ip.Route(self.mac, src, dst, protocol, tos=dscp << 2, ttl=ttl, ident=ident, df=df)

    def accept(self, mac: bytes, address: bytes) -> None:
        """Take frames for `mac`, and packets for `address`, from now on."""
        self._macs.add(mac)
        self._addresses.add(address)

    # --- sending --------------------------------------------------------------------------------------------
    def send(self, route: ip.Route, body: bytes, info: Segment | None = None, ecn: int = 0) -> None:
        """An IP packet, as soon as the MAC of whom it is for is known."""
        mac = self.neighbours.mac_of(route.dst)
        if mac is not None:
            if len(body) + route.header_len <= self.mtu:
                self._vnic.send(route.frame(mac, body, ecn), info)
            else:
                self._send_to(route, body, info, ecn, mac)
        elif self.is_group(route.dst):
            group = arp.BROADCAST if route.dst in self._broadcasts else group_mac(route.dst)
            self._send_to(route, body, info, ecn, group)
        else:
            self.neighbours.when_known(route.dst, partial(self._send_to, route, body, info, ecn))

    def _send_to(self, route: ip.Route, body: bytes, info: Segment | None, ecn: int, mac: bytes) -> None:
        if len(body) + route.header_len > self.mtu:
            for frame in route.frames(mac, body, self.mtu):
                self._vnic.send(frame, info)
            return
        self._vnic.send(route.frame(mac, body, ecn), info)

    def transmit(self, frame: bytes, info: Segment | None = None) -> None:
        """An Ethernet frame as it is."""
        self._vnic.send(frame, info)

    def _ask(self, address: bytes) -> None:
        if len(address) == 4:
            self.arp.ask(address)
        else:
            self.ndp.ask(address)

    # --- receiving ------------------------------------------------------------------------------------------
    def receive(self, frame: bytes) -> None:
        """A frame came from the vNIC; what is not for this machine, or not sound, is ignored."""
        if frame[:6] not in self._macs or len(frame) <= offsets.ETH_LEN:
            return
        kind = frame[12] << 8 | frame[13]
        if kind == _ARP:
            if self.ip4 is not None:
                self.arp.receive(frame)
            return
        found = ip.parse4(frame) if kind == _IP4 else ip.parse6(frame) if kind == _IP6 else None
        if isinstance(found, ip.Part) and found.datagram.dst in self._addresses:
            found = self._reassembly.add(found)
        if isinstance(found, ip.Datagram) and found.dst in self._addresses:
            receive = self._protocols.get(found.protocol)
            if receive is not None:
                receive(found)


def machines(network: Network) -> dict[tuple[int, str], Machine]:
    """A machine behind every vNIC of the network, by VSID and name, in the order of the scenario."""
    numbers = itertools.count(1)
    made: dict[tuple[int, str], Machine] = {}
    for tenant in network.scenario.tenants:
        # Tenants may have equal addresses, but have no connections with each other.
        conversations = Conversations(numbers)
        mtu = inner_mtu(network.scenario, tenant)
        for spec in tenant.vms:
            stream = network.streams.named(f"tenant/{tenant.vsid}/vm/{spec.name}")
            vnic = network.vnics[tenant.vsid, spec.name]
            made[tenant.vsid, spec.name] = Machine(vnic, network.simulator, stream, conversations, mtu)
    return made
