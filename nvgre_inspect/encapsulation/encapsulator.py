"""Encapsulator: one frame of a tenant -> the outer frames that carry it (docs/encapsulation.md).

    a = Encapsulator(policy).encapsulate(frame)
    a.frames, or a.reason why there are none

The sending side of an NVE (RFC 7637 section 4), and of its relatives for other encapsulations. It is written to be
read, and is what the compiled path is held against.

Limits: an object keeps counters (identification, sequence) and the memory of fragments, so frames go through one
object in their order, and through one thread at a time.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from dissectors import offsets
from dissectors.ipv4 import IPv4
from nvgre_inspect.encapsulation import ecn, entropy, mtu, outer
from nvgre_inspect.encapsulation.inner_frame import BARE_IP, InnerFrame, read
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.policy import Address, Policy, Subnet
from nvgre_inspect.encapsulation.routing import Leg, Router


class Encapsulated(NamedTuple):
    """What became of a frame."""

    #: Outer frames, as far as they were captured: none, one, or a copy for each receiver of a group.
    frames: tuple[bytes, ...] = ()
    #: Frames back to the sender.
    replies: tuple[bytes, ...] = ()
    #: Why there are no outer frames, of `reasons.SKIPPED`; None: there are.
    reason: str | None = None
    #: Of `reasons.NOTED`, as often as it happened.
    notes: tuple[str, ...] = ()
    #: Bytes that each of `frames` is longer on the wire.
    missing: int = 0


class Encapsulator:
    """Wraps frames as a policy says, which `policy_rules.problems_of` has nothing against.

    `vsid` names the subnet of all frames; `by_policy`: tunnels in which frames were recorded do not count.
    """

    def __init__(self, policy: Policy, *, vsid: int | None = None, by_policy: bool = False) -> None:
        self._options = policy.encapsulation
        self._router = Router(policy)
        self._vsid = vsid
        self._by_policy = by_policy
        self._hash = entropy.FlowHash()
        self._identifications: Counter[Address] = Counter()
        self._sequences: Counter[tuple[Address, Address, int | None]] = Counter()

    def encapsulate(
        self,
        frame: bytes,
        wirelen: int | None = None,
        *,
        origin: Origin | None = None,
        linktype: int = offsets.DLT_ETHERNET,
    ) -> Encapsulated:
        """The outer frames of `frame`: what was captured of `wirelen` bytes (None: all of it).

        `origin` is the tunnel in which it was recorded. Nothing in a frame makes this raise.
        """
        inner = self._accept(frame, len(frame) if wirelen is None else max(wirelen, 0), linktype)
        if isinstance(inner, str):
            return Encapsulated(reason=inner)
        recorded = None if self._by_policy else origin
        subnet = self._router.tenant(recorded, self._vsid, inner.src_mac, inner.src_ca)
        if isinstance(subnet, str):
            return Encapsulated(reason=subnet)
        legs = self._legs(inner, subnet, recorded)
        return Encapsulated(reason=legs) if isinstance(legs, str) else self._send(inner, subnet, legs)

    def _accept(self, frame: bytes, wirelen: int, linktype: int) -> InnerFrame | str:
        """The frame, if its form is one that can be wrapped, else the reason."""
        carries_ip = self._options.kind in outer.CARRIES_IP
        if linktype != offsets.DLT_ETHERNET and not (carries_ip and linktype in BARE_IP):
            return "not-ethernet"
        if linktype == offsets.DLT_ETHERNET and min(len(frame), wirelen) < offsets.ETH_LEN:
            return "too-short"
        inner = read(frame, wirelen, linktype)
        if self._options.inner_vlan == "refuse" and (inner.tags or inner.cut_in_tags):
            return "inner-vlan"
        if self._options.inner_vlan == "remove" and inner.cut_in_tags:
            return "unreadable"
        return "not-ip" if carries_ip and inner.ip is None else inner

    def _legs(self, inner: InnerFrame, subnet: Subnet, recorded: Origin | None) -> tuple[Leg, ...] | str:
        if recorded is not None and recorded.pa_src is not None and recorded.pa_dst is not None:
            leg = self._router.leg(recorded.pa_src, recorded.pa_dst)
            return leg if isinstance(leg, str) else (leg,)
        return self._router.route(subnet, inner.src_mac, inner.dst_mac, inner.src_ca, inner.dst_ca)

    def _send(self, inner: InnerFrame, subnet: Subnet, legs: tuple[Leg, ...]) -> Encapsulated:
        """Wraps the frame for each leg; those of one frame are all of one IP version."""
        options = self._options
        family, keyed = legs[0].dst.version, subnet.vsid is not None
        carried, notes = self._carried(inner)
        length = outer.overhead(options, family, keyed=keyed) + carried.wirelen
        if not outer.fits(family, length):
            return Encapsulated(reason="too-long")
        if options.mtu and length > options.mtu:
            if options.over_mtu != "send":
                return self._refuse(inner, mtu.room(options, family, inner, keyed=keyed))
            notes += ["over-mtu-sent"] * len(legs)
        hash_ = self._hash.of(subnet.vsid, inner)
        notes += ["replicated"] * (len(legs) - 1)
        frames = []
        for leg in legs:
            wrapped = self._wrap(carried, subnet.vsid, leg, hash_)
            frames.append(outer.link_header(options, leg) + wrapped.packet)
            notes += ["checksum-unknown"] * wrapped.checksum_unknown
        return Encapsulated(tuple(frames), notes=tuple(notes), missing=carried.missing)

    def _carried(self, inner: InnerFrame) -> tuple[InnerFrame, list[str]]:
        """What of the frame goes into the tunnel."""
        if self._options.kind in outer.CARRIES_IP:
            return inner.packet(), []
        if self._options.inner_vlan == "remove" and inner.tags:
            return inner.without_tags(), ["vlan-removed"]
        return inner, []

    def _refuse(self, inner: InnerFrame, room: int) -> Encapsulated:
        """A frame over the MTU that is not sent."""
        reply = mtu.answer(inner, room) if self._options.over_mtu == "icmp" else None
        if reply is None:
            return Encapsulated(reason="over-mtu")
        return Encapsulated(replies=(reply,), reason="over-mtu", notes=("packet-too-big",))

    def _wrap(self, carried: InnerFrame, vsid: int | None, leg: Leg, hash_: int) -> outer.Wrapped:
        """The outer packet on one leg."""
        options = self._options
        ip = outer.ip_header(options, leg)
        outer.set_protocol(ip, outer.ip_protocol(options.kind, carried.family))
        ip.dscp = carried.tos >> 2 if options.dscp == "uniform" else options.dscp
        ip.ecn = ecn.ingress(carried.tos & 3, options.ecn)
        if isinstance(ip, IPv4):
            ip.id = self._identifications[leg.src.pa] & 0xFFFF
            self._identifications[leg.src.pa] += 1
        way = (leg.src.pa, leg.dst, vsid)
        headers = outer.tunnel(
            options,
            vsid,
            family=carried.family,
            entropy=entropy.source_port(hash_)
            if options.kind in outer.PORTS
            else entropy.flow_id(hash_, options.flow_id),
            sequence=self._sequences[way] & 0xFFFFFFFF,
        )
        if options.sequence:
            self._sequences[way] += 1
        return outer.wrap(ip, headers, carried.data, carried.missing, udp_checksum=options.checksum)
