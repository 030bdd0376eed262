"""Ways: where a host sends the frames of its machines, and with which FlowID or source port.

Found by the reference's own router and hash (`encapsulation.routing`, `.entropy`), once for each flow: the headers that
decide are compared as bytes, and only what is fragmented, tagged or not IP is looked at every time.

The policy, not the port, says where a sender is. So a machine that sends with another one's MAC address (the fault
duplicate-mac) is taken to be at that one's place: its frames to machines there end here as `same-host`, although the
host that has to send them is another, and only those to third hosts leave it.
"""

from __future__ import annotations

from typing import NamedTuple

from dissectors import offsets
from nvgre_inspect.encapsulation import entropy, outer
from nvgre_inspect.encapsulation.inner_frame import read
from nvgre_inspect.encapsulation.policy import Address, Policy
from nvgre_inspect.encapsulation.routing import Leg, Router

_IP4 = b"\x08\x00"
#: EtherType, version and header length of IPv4 without options.
_IP4_PLAIN = b"\x08\x00\x45"
_IP6 = b"\x86\xdd"
#: More fragments and the upper bits of the fragment offset.
_FRAGMENT_BITS = 0x3F
_WITHOUT_PORTS = frozenset({offsets.IPPROTO_ICMP, offsets.IPPROTO_ICMPV6})


class Way(NamedTuple):
    """Where frames of a flow go."""

    #: Empty: nowhere, for this reason.
    legs: tuple[Leg, ...]
    reason: str
    #: FlowID or UDP source port.
    entropy: int


class Ways:
    """What one host, at the provider address `pa`, knows of where others are."""

    def __init__(self, pa: Address, policy: Policy) -> None:
        self._pa = pa
        self._options = policy.encapsulation
        #: By where they lead; there is one of each, so that others can tell them apart by identity.
        self._legs: dict[Address, Leg] = {}
        self._hash = entropy.FlowHash()
        self.follow(policy)

    def follow(self, policy: Policy) -> None:
        """From now on addresses are where `policy` has them."""
        self._router = Router(policy)
        self._subnets = {subnet.vsid: subnet for subnet in policy.subnets}
        self._known: dict[tuple[int, bytes], Way] = {}

    def leg(self, dst: Address) -> Leg:
        """The way to a provider address (or group) of the same IP version. Raises ValueError for another version."""
        found = self._legs.get(dst)
        if found is None:
            leg = self._router.leg(self._pa, dst)
            if isinstance(leg, str):
                raise ValueError(f"{self._pa} and {dst} are of different IP versions")
            found = self._legs[dst] = leg
        return found

    def of(self, tenant: int, frame: bytes) -> Way:
        """Where a frame of that tenant's goes."""
        key = _flow_key(frame)
        if key is None:
            return self._find(tenant, frame)
        way = self._known.get((tenant, key))
        if way is None:
            way = self._known[tenant, key] = self._find(tenant, frame)
        return way

    def _find(self, tenant: int, frame: bytes) -> Way:
        """As the reference finds it."""
        subnet = self._subnets.get(tenant)
        if subnet is None:
            return Way((), "no-subnet", 0)
        inner = read(frame, len(frame))
        legs = self._router.route(subnet, inner.src_mac, inner.dst_mac, inner.src_ca, inner.dst_ca)
        if isinstance(legs, str):
            return Way((), legs, 0)
        # Whatever the policy has as the sender's place, it is sent from here.
        own = tuple(self.leg(leg.dst) for leg in legs if leg.dst != self._pa)
        return Way(own, "" if own else "same-host", self._entropy(self._hash.of(tenant, inner)))

    def _entropy(self, hash_: int) -> int:
        if self._options.kind in outer.PORTS:
            return entropy.source_port(hash_)
        return entropy.flow_id(hash_, self._options.flow_id)


def inner_tos(frame: bytes) -> int:
    """DSCP << 2 | ECN of an untagged frame's IP header; 0: not IP."""
    ethertype = frame[12:14]
    if ethertype == _IP4 and len(frame) >= offsets.ETH_LEN + offsets.IP4_MIN_LEN:
        return frame[15]
    if ethertype == _IP6 and len(frame) >= offsets.ETH_LEN + offsets.IP6_LEN:
        return (frame[14] << 4 | frame[15] >> 4) & 0xFF
    return 0


def _flow_key(frame: bytes) -> bytes | None:
    """Everything that decides where a frame goes and how it is hashed; None: the frame has to be looked at whole.

    MAC addresses and EtherType, protocol, IP addresses, ports where there are any: within the packet's own length.
    """
    if frame[12:15] == _IP4_PLAIN and len(frame) >= 38 and not (frame[20] & _FRAGMENT_BITS or frame[21]):
        if frame[23] in entropy.WITH_PORTS:
            has_ports = frame[16] or frame[17] >= offsets.IP4_MIN_LEN + 4
            return frame[:14] + frame[23:24] + frame[26:38] if has_ports else None
        return frame[:14] + frame[23:24] + frame[26:34] if frame[23] in _WITHOUT_PORTS else None
    if frame[12:14] == _IP6 and len(frame) >= 58:
        if frame[20] in entropy.WITH_PORTS:
            has_ports = frame[18] or frame[19] >= 4
            return frame[:14] + frame[20:21] + frame[22:58] if has_ports else None
        return frame[:14] + frame[20:21] + frame[22:54] if frame[20] in _WITHOUT_PORTS else None
    return None
