"""Outer headers: what stands before the tenant's frame, over the classes of `dissectors` (docs/encapsulation.md).

    Ethernet [VLAN] | IPv4 or IPv6 | UDP (some kinds) | NVGRE, GRE, VXLAN, Geneve, MPLS and control word, or nothing

`prefix` is what stays the same on a way between two provider addresses (a `Leg`), `tunnel` what stands between the
outer IP header and the tenant's frame, `wrap` puts them together and sets lengths and checksums.

Limits: no IPv4 options, IPv6 extension headers, Geneve options or MPLS label stacks of our own making.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from dissectors import checksum, offsets
from dissectors.base import Header
from dissectors.ethernet import VLAN, Ethernet
from dissectors.geneve import Geneve
from dissectors.gre import GRE, GRETAP
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.mpls import MPLS, ControlWord, Label
from dissectors.nvgre import NVGRE
from dissectors.udp import UDP
from dissectors.vxlan import VXLAN
from nvgre_inspect.encapsulation.policy import Address, Encapsulation, Kind
from nvgre_inspect.encapsulation.routing import Leg

#: Kinds that carry IP packets; the others carry Ethernet frames.
CARRIES_IP: frozenset[Kind] = frozenset({"gre", "ipip"})
#: Kinds in UDP and their ports.
PORTS: Mapping[Kind, int] = MappingProxyType(
    {"vxlan": offsets.PORT_VXLAN, "geneve": offsets.PORT_GENEVE, "mpls-in-udp": offsets.PORT_MPLS_IN_UDP}
)
_LABELS = range(16, 1 << 20)  # RFC 3032 section 2.1: those below are reserved
#: Identifiers that a kind can hold.
IDENTIFIERS: Mapping[Kind, range] = MappingProxyType(
    {
        "nvgre": range(offsets.NVGRE_MIN_VSID, offsets.NVGRE_VENDOR_VSID),
        "gretap": range(1 << 32),
        "gre": range(1 << 32),
        "vxlan": range(1 << 24),
        "geneve": range(1 << 24),
        "ipip": range(0),
        "mpls-in-gre": _LABELS,
        "mpls-in-udp": _LABELS,
    }
)
#: Largest number that the length fields of IP hold.
_MAX_LENGTH = 0xFFFF
_MPLS_TTL = 64


class Wrapped(NamedTuple):
    """A packet behind its outer IP header."""

    packet: bytes
    #: A checksum was wanted that covers bytes which were not captured.
    checksum_unknown: bool


def next_hop(leg: Leg) -> bytes:
    """The destination MAC address of outer frames: of the group, the router on the way, or the receiving host."""
    if leg.dst.is_multicast:
        return group_mac(leg.dst)
    mac = leg.src.next_hops.get(leg.dst) or leg.src.next_hop
    if mac is not None:
        return mac
    if leg.dst_host is None:
        raise ValueError(f"no MAC address is known on the way from {leg.src.pa} to {leg.dst}")
    return leg.dst_host.mac


def group_mac(group: Address) -> bytes:
    """The MAC address of a multicast group: 01:00:5e and 23 bits (RFC 1112), 33:33 and 32 bits (RFC 2464)."""
    if group.version == 4:
        return b"\x01\x00\x5e" + bytes((group.packed[1] & 0x7F,)) + group.packed[2:]
    return b"\x33\x33" + group.packed[12:]


def link_header(encapsulation: Encapsulation, leg: Leg) -> bytes:
    """Ethernet header and tag of the outer frame."""
    ethertype = offsets.ETHERTYPE_IPV4 if leg.dst.version == 4 else offsets.ETHERTYPE_IPV6
    addresses = {"dst": next_hop(leg), "src": leg.src.mac}
    if encapsulation.vlan is None:
        return bytes(Ethernet(**addresses, type=ethertype))
    tag = VLAN(pcp=encapsulation.vlan_priority, vid=encapsulation.vlan, type=ethertype)
    return bytes(Ethernet(**addresses, type=offsets.ETHERTYPE_VLAN, data=bytes(tag)))


def ip_header(encapsulation: Encapsulation, leg: Leg) -> IPv4 | IPv6:
    """The outer IP header; identification, TOS, lengths and checksum are 0, its protocol is that of IPv4 inside."""
    protocol = ip_protocol(encapsulation.kind, 4)
    src, dst = leg.src.pa.packed, leg.dst.packed
    if leg.dst.version == 4:
        return IPv4(
            src=src, dst=dst, ttl=encapsulation.ttl, protocol=protocol, df=int(encapsulation.df), total_length=0
        )
    return IPv6(src=src, dst=dst, hop_limit=encapsulation.ttl, next_header=protocol)


def prefix(encapsulation: Encapsulation, leg: Leg) -> bytes:
    """Ethernet, tag and IP header of a way: everything that all its frames share.

    Length, identification, TOS and checksum are 0; the protocol of `ipip` is that for IPv4.
    Raises ValueError where the leg leads to a single host of which no MAC address is known.
    """
    return link_header(encapsulation, leg) + bytes(ip_header(encapsulation, leg))


def ip_protocol(kind: Kind, family: int) -> int:
    """The IP protocol that announces a kind; `family` is the IP version of what it carries."""
    if kind in PORTS:
        return offsets.IPPROTO_UDP
    if kind == "ipip":
        return offsets.IPPROTO_IPV6 if family == 6 else offsets.IPPROTO_IPIP
    return offsets.IPPROTO_GRE


def set_protocol(ip: IPv4 | IPv6, protocol: int) -> None:
    """Sets what the header announces; IPv6: its last extension header, if it has any."""
    if isinstance(ip, IPv4):
        ip.protocol = protocol
    elif ip.extensions:
        ip.extensions[-1].next_header = protocol
    else:
        ip.next_header = protocol


def tunnel(
    encapsulation: Encapsulation, vsid: int | None, *, family: int = 4, entropy: int = 0, sequence: int = 0
) -> list[Header]:
    """The headers between the outer IP header and the tenant's frame, lengths and checksums 0; none for `ipip`.

    `vsid` is the identifier (None: no key), `family` the IP version of what `gre` carries, `entropy` the FlowID or the
    UDP source port. Raises ValueError, struct.error or TypeError for an identifier that the kind cannot hold.
    """
    kind = encapsulation.kind
    if kind == "nvgre":
        return [NVGRE(vsid=vsid, flow_id=entropy)]
    if kind in ("gre", "gretap"):
        optional = {
            "checksum": 0 if encapsulation.checksum else None,
            "key": vsid if encapsulation.key else None,
            "sequence": sequence if encapsulation.sequence else None,
        }
        if kind == "gretap":
            return [GRETAP(**optional)]
        return [GRE(type=offsets.ETHERTYPE_IPV6 if family == 6 else offsets.ETHERTYPE_IPV4, **optional)]
    if kind == "mpls-in-gre":
        return [GRE(type=offsets.ETHERTYPE_MPLS), *_pseudowire(vsid)]
    if kind == "ipip":
        return []
    udp = UDP(sport=entropy, dport=encapsulation.port or PORTS[kind], length=0)
    if kind == "vxlan":
        return [udp, VXLAN(vni=vsid)]
    if kind == "geneve":
        return [udp, Geneve(vni=vsid)]
    return [udp, *_pseudowire(vsid)]


def _pseudowire(label: int | None) -> list[Header]:
    """One label and the control word (RFC 4448), without which a MAC address could be taken for an IP version."""
    stack = MPLS()
    stack.set_entries([Label(label or 0, 0, 1, _MPLS_TTL)])
    return [stack, ControlWord()]


def overhead(encapsulation: Encapsulation, family: int, *, keyed: bool = True) -> int:
    """Bytes from the start of the outer IP header (of version `family`) to the tenant's frame.

    `keyed`: whether the subnet has an identifier, without which `gre` and `gretap` write no key.
    """
    ip_len = offsets.IP4_MIN_LEN if family == 4 else offsets.IP6_LEN
    lowest = next(iter(IDENTIFIERS[encapsulation.kind]), None)
    unkeyed = encapsulation.kind in ("gre", "gretap") and not keyed
    headers = tunnel(encapsulation, None if unkeyed else lowest)
    return ip_len + sum(header.header_len for header in headers)


def fits(family: int, length: int) -> bool:
    """Whether an IP packet of `length` bytes, its header included, can say how long it is."""
    return length <= _MAX_LENGTH + (0 if family == 4 else offsets.IP6_LEN)


def wrap(ip: IPv4 | IPv6, headers: Sequence[Header], inner: bytes, missing: int, *, udp_checksum: bool) -> Wrapped:
    """The IP packet of `headers` and the tenant's frame behind the header `ip`, whose protocol is set already.

    Lengths are those on the wire: `missing` bytes of `inner` were not captured. Checksums that cover them become 0;
    that of UDP is computed if `udp_checksum` says so, and over IPv6 always. Headers are changed in place.
    """
    content, unknown = inner, False
    for header in reversed(headers):
        header.data = content
        length = len(header) + missing
        if isinstance(header, UDP):
            wanted = udp_checksum or ip.version == 6
            unknown |= wanted and missing > 0
            header.compute(ip.pseudo_header(offsets.IPPROTO_UDP, length) if wanted and not missing else b"")
            header.length = length
        elif isinstance(header, GRE):
            unknown |= header.has_checksum and missing > 0
            if not missing:
                header.compute()
        content = bytes(header)
    ip.data = content
    ip.compute()
    if isinstance(ip, IPv6):
        ip.payload_length = len(ip) - offsets.IP6_LEN + missing
    elif missing:
        ip.total_length = len(ip) + missing
        ip.checksum = 0
        ip.checksum = checksum.internet_checksum(ip.pack_hdr() + ip.options)
    return Wrapped(bytes(ip), unknown)
