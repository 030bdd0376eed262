"""Who goes where: the subnet of a frame, and the hosts between which it travels.

Follows "Who goes where: the policy" of docs/encapsulation.md step by step. Outcomes that are a reason of
`reasons.SKIPPED` are returned as its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

from nvgre_inspect.encapsulation.policy import Address, Entry, Host, Policy, Subnet

if TYPE_CHECKING:
    from nvgre_inspect.encapsulation.origin import Origin

_BROADCAST = IPv4Address("255.255.255.255")


class Leg(NamedTuple):
    """A way between two provider addresses of one IP version."""

    src: Host
    dst: Address
    #: The receiver; None: a multicast group.
    dst_host: Host | None


class _Addresses:
    """The entries of a subnet by MAC address and CA, and its provider addresses."""

    def __init__(self, subnet: Subnet, hosts: Iterable[Host]) -> None:
        self.by_mac = {entry.mac: entry for entry in subnet.entries if entry.mac is not None}
        self.by_ca = {ca: entry for entry in subnet.entries for ca in entry.cas}
        pas = {entry.pa for entry in subnet.entries}
        #: In the order of the policy's hosts, which is that of replicated copies.
        self.pas = tuple(host.pa for host in hosts if host.pa in pas)

    def find(self, mac: bytes, ca: Address | None) -> Entry | None:
        entry = self.by_mac.get(mac)
        return entry if entry is not None or ca is None else self.by_ca.get(ca)


class Router:
    """Finds subnets and ways. Policies are those that `policy_rules.problems_of` has nothing against."""

    def __init__(self, policy: Policy) -> None:
        self._subnets = policy.subnets
        self._hosts = {host.pa: host for host in policy.hosts}
        self._addresses = [_Addresses(subnet, policy.hosts) for subnet in policy.subnets]
        self._position = {id(subnet): i for i, subnet in enumerate(policy.subnets)}
        self._by_id: dict[int | None, list[int]] = {}
        self._by_mac: dict[bytes, list[int]] = {}
        self._by_ca: dict[Address, list[int]] = {}
        for i, (subnet, addresses) in enumerate(zip(self._subnets, self._addresses, strict=True)):
            self._by_id.setdefault(subnet.vsid, []).append(i)
            for mac in addresses.by_mac:
                self._by_mac.setdefault(mac, []).append(i)
            for ca in addresses.by_ca:
                self._by_ca.setdefault(ca, []).append(i)

    def tenant(
        self, interface_origin: Origin | None, vsid: int | None, src_mac: bytes, src_ca: Address | None
    ) -> Subnet | str:
        """The subnet of a frame: the one that `vsid` gives, else that of the tunnel in which it was recorded, else the
        only one with its sender. `src_mac` is empty for bare IP.
        """
        if vsid is not None:
            return self._only(self._by_id.get(vsid, []))
        if interface_origin is not None:
            recorded = self._by_id.get(interface_origin.vsid, [])
            # Several subnets without an identifier: which of them it is, the sender has to say.
            if interface_origin.vsid is not None or len(recorded) == 1:
                return self._only(recorded)
        found = self._by_mac.get(src_mac)
        if found is None and src_ca is not None:
            found = self._by_ca.get(src_ca)
        return self._only(found or [])

    def _only(self, found: list[int]) -> Subnet | str:
        if len(found) == 1:
            return self._subnets[found[0]]
        return "ambiguous-tenant" if found else "no-subnet"

    def route(
        self, subnet: Subnet, src_mac: bytes, dst_mac: bytes, src_ca: Address | None, dst_ca: Address | None
    ) -> tuple[Leg, ...] | str:
        """The ways that a frame goes, at least one; several for copies to each PA of `subnet`, which is one of the
        policy's own. MAC addresses are empty for bare IP. Copies of a frame go to all PAs or, if one of them cannot be
        reached, to none.
        """
        addresses = self._addresses[self._position[id(subnet)]]
        sender = addresses.find(src_mac, src_ca)
        if sender is None:
            return "unknown-sender"
        if _is_group(dst_mac, dst_ca):
            return self._to_all(subnet, addresses, sender)
        receiver = addresses.find(dst_mac, dst_ca)
        if receiver is None:
            return self._to_all(subnet, addresses, sender) if subnet.unknown == "flood" else "unknown-destination"
        if receiver.pa == sender.pa:
            return "same-host"
        return self._all_legs(sender.pa, [receiver.pa])

    def _to_all(self, subnet: Subnet, addresses: _Addresses, sender: Entry) -> tuple[Leg, ...] | str:
        if subnet.bum == "drop":
            return "bum"
        if subnet.bum != "replicate":
            return self._all_legs(sender.pa, [subnet.bum])
        return self._all_legs(sender.pa, [pa for pa in addresses.pas if pa != sender.pa])

    def _all_legs(self, src: Address, receivers: list[Address]) -> tuple[Leg, ...] | str:
        legs: list[Leg] = []
        for dst in receivers:
            leg = self.leg(src, dst)
            if isinstance(leg, str):
                return leg
            legs.append(leg)
        # Nobody else is there: all of its receivers are behind the sender's own PA.
        return tuple(legs) or "same-host"

    def leg(self, src_pa: Address, dst_pa: Address) -> Leg | str:
        """The way between two provider addresses, also of hosts that the policy does not have."""
        if src_pa.version != dst_pa.version:
            return "family-mismatch"
        dst_host = None if dst_pa.is_multicast else self._host(dst_pa)
        return Leg(self._host(src_pa), dst_pa, dst_host)

    def _host(self, pa: Address) -> Host:
        return self._hosts.get(pa) or Host(pa, made_up_mac(pa))


def made_up_mac(pa: Address) -> bytes:
    """The MAC address of a host of which none is known: 02:00 and the last four bytes of its PA."""
    return b"\x02\x00" + pa.packed[-4:]


def _is_group(dst_mac: bytes, dst_ca: Address | None) -> bool:
    """Whether a frame is for many: by its MAC address; bare IP, which has none, by its address."""
    if dst_mac:
        return bool(dst_mac[0] & 1)
    return dst_ca is not None and (dst_ca.is_multicast or dst_ca == _BROADCAST)
