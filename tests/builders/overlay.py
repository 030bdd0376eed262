"""Tenants' frames of every kind, and policies that carry them: what tests of `encapsulation/` share.

Frames come from `samples/build.py`, which shares no code with the encapsulator.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from nvgre_inspect.encapsulation.outer import CARRIES_IP
from nvgre_inspect.encapsulation.policy import KINDS, Encapsulation, Entry, Host, Kind, Policy, Subnet
from tests.builders import build

MAC_A, MAC_B, MAC_C = "00:15:5d:00:00:01", "00:15:5d:00:00:02", "00:15:5d:00:00:03"
NVE_MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03")
PAS = {
    4: ("192.0.2.1", "192.0.2.2", "192.0.2.3"),
    6: ("2001:db8:ffff::1", "2001:db8:ffff::2", "2001:db8:ffff::3"),
}
VSID = 5001
CA4 = ("10.1.0.1", "10.1.0.2")
CA6 = ("2001:db8:1::1", "2001:db8:1::2")
ETHERNET_KINDS = tuple(kind for kind in KINDS if kind not in CARRIES_IP)


def mac(text: str) -> bytes:
    return build.mac(text)


def hosts(family: int = 4) -> tuple[Host, Host, Host]:
    first, second, third = (Host(ip_address(pa), mac(nve)) for pa, nve in zip(PAS[family], NVE_MACS, strict=True))
    return first, second, third


def subnet_id(kind: Kind) -> int | None:
    return None if kind == "ipip" else VSID


def policy(kind: Kind = "nvgre", family: int = 4, *, subnet: dict[str, Any] | None = None, **options: Any) -> Policy:
    """A is behind the first host, B behind the second, C behind the third; `options` are those of Encapsulation."""
    nves = hosts(family)
    entries = (
        Entry(nves[0].pa, mac(MAC_A), (ip_address(CA4[0]), ip_address(CA6[0]))),
        Entry(nves[1].pa, mac(MAC_B), (ip_address(CA4[1]), ip_address(CA6[1]))),
        Entry(nves[2].pa, mac(MAC_C)),
    )
    return Policy(Encapsulation(kind=kind, **options), nves, (Subnet(subnet_id(kind), entries, **(subnet or {})),))


def ip_frame(protocol: int, payload: bytes, *, family: int = 4, vlans: tuple[int, ...] = (), **ip: Any) -> bytes:
    """From A to B."""
    addresses = CA4 if family == 4 else CA6
    if family == 4:
        packet = build.ipv4(*addresses, protocol, payload, **ip)
    else:
        packet = build.ipv6(*addresses, protocol, payload, **ip)
    return build.ethernet_ip(MAC_B, MAC_A, packet, vlans=vlans)


def udp_frame(length: int = 32, *, family: int = 4, ports: tuple[int, int] = (40000, 50007), **ip: Any) -> bytes:
    """A UDP datagram with `length` bytes of payload, from A to B."""
    addresses = CA4 if family == 4 else CA6
    return ip_frame(build.UDP, build.udp(*addresses, *ports, build.noise("udp", length)), family=family, **ip)


def frame_of_length(length: int, *, family: int = 4, **ip: Any) -> bytes:
    """A UDP frame of that many bytes."""
    return udp_frame(length - 14 - (20 if family == 4 else 40) - 8, family=family, **ip)


def arp_frame() -> bytes:
    """Who has B? asks A, everybody."""
    return build.ethernet(build.BROADCAST, MAC_A, build.ARP, build.arp(1, MAC_A, CA4[0], "00:00:00:00:00:00", CA4[1]))


def icmp_error(family: int = 4) -> bytes:
    """Port unreachable, from A to B, about a packet of B's."""
    if family == 4:
        quote = build.ipv4(CA4[1], CA4[0], build.UDP, build.udp(CA4[1], CA4[0], 50007, 40000, b"12345678"))
        return ip_frame(build.ICMP, build.icmp(3, 3, 0, quote))
    quote = build.ipv6(CA6[1], CA6[0], build.UDP, build.udp(CA6[1], CA6[0], 50007, 40000, b"12345678"))
    return ip_frame(build.ICMPV6, build.icmpv6(*CA6, 1, 4, 0, quote), family=6)


def fragments4() -> list[bytes]:
    """A UDP datagram from A to B in three fragments."""
    payload = build.udp(*CA4, 40000, 50007, build.noise("fragments", 900))
    packet = build.ipv4(*CA4, build.UDP, payload, ident=77, fragment=0)
    return [build.ethernet_ip(MAC_B, MAC_A, part) for part in build.fragments(packet, [320, 320])]


def fragments6() -> list[bytes]:
    """The same over IPv6, behind destination options that only the first fragment has."""
    options = bytes((build.UDP, 0, 1, 4, 0, 0, 0, 0))
    payload = options + build.udp(*CA6, 40000, 50007, build.noise("fragments", 900))
    cuts = [0, 320, 640, len(payload)]
    parts = []
    for start, end in pairwise(cuts):
        header = struct.pack("!BBHI", 60, 0, start | (end < len(payload)), 99)
        parts.append(ip_frame(44, header + payload[start:end], family=6))
    return parts


def typical_frames() -> dict[str, bytes]:
    """A frame of each kind that tenants send, by name. All lengths and checksums are right."""
    tcp4 = build.tcp(
        *CA4, 40000, 80, seq=1, ack=2, flags=build.PSH | build.ACK, window=500, payload=b"GET / HTTP/1.0\r\n"
    )
    tcp6 = build.tcp(*CA6, 40000, 80, seq=1, ack=2, flags=build.SYN, window=500, options=b"\x02\x04\x05\xa0")
    solicitation = build.icmpv6(*CA6, 135, 0, 0, build.address(CA6[1]) + b"\x01\x01" + mac(MAC_A))
    frames = {
        "tcp": ip_frame(build.TCP, tcp4, tos=0x2A),
        "tcp6": ip_frame(build.TCP, tcp6, family=6, tos=0xB9),
        "udp": udp_frame(),
        "udp6": udp_frame(33, family=6),
        "icmp": ip_frame(build.ICMP, build.icmp(8, 0, 0x00010001, build.noise("ping", 56))),
        "icmp6": ip_frame(build.ICMPV6, build.icmpv6(*CA6, 128, 0, 0x00010001, build.noise("ping", 56)), family=6),
        "neighbour": ip_frame(build.ICMPV6, solicitation, family=6, hop_limit=255),
        "error": icmp_error(),
        "error6": icmp_error(6),
        "arp": arp_frame(),
        "padded": udp_frame(1).ljust(60, b"\0"),
    }
    frames |= {f"fragment{i}": frame for i, frame in enumerate(fragments4())}
    return frames | {f"fragment6-{i}": frame for i, frame in enumerate(fragments6())}


def options(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    """Every option of an encapsulation that does not keep frames from being sent."""
    chosen: dict[str, st.SearchStrategy[Any]] = {
        "dscp": st.just("uniform") | st.integers(0, 63),
        "ecn": st.sampled_from(["normal", "compatibility"]),
        "ttl": st.integers(1, 255),
        "df": st.booleans(),
        "vlan": st.none() | st.integers(0, 4095),
        "vlan_priority": st.integers(0, 7),
    }
    if kind == "nvgre":
        chosen["flow_id"] = st.sampled_from(["hash", "zero"]) | st.integers(0, 255)
    else:
        chosen["checksum"] = st.booleans()
    if kind in ("gre", "gretap"):
        chosen["key"] = st.booleans()
        chosen["sequence"] = st.booleans()
    if kind in ("vxlan", "geneve", "mpls-in-udp"):
        chosen["port"] = st.none()
    return st.fixed_dictionaries(chosen)


def some_macs() -> st.SearchStrategy[bytes]:
    """Unicast addresses of the policy's tenants, as destination and source."""
    return st.sampled_from([mac(MAC_B) + mac(MAC_A), mac(MAC_A) + mac(MAC_C), mac(MAC_C) + mac(MAC_B)])


def untagged() -> st.SearchStrategy[bytes]:
    """Frames between tenants: IP with anything in it, and anything else, without tags."""
    tags = {0x8100, 0x88A8, 0x9100}
    other = st.integers(0, 0xFFFF).filter(lambda ethertype: ethertype not in tags).map(lambda e: e.to_bytes(2, "big"))
    anything = st.builds(lambda macs, kind, data: macs + kind + data, some_macs(), other, st.binary(max_size=120))
    ip4 = st.builds(
        lambda macs, protocol, data, tos, fragment: (
            macs + b"\x08\x00" + build.ipv4(*CA4, protocol, data, tos=tos, fragment=fragment)
        ),
        some_macs(),
        st.integers(0, 255),
        st.binary(max_size=120),
        st.integers(0, 255),
        st.sampled_from([0, 0x4000, 0x2000, 0x2001, 1]),
    )
    ip6 = st.builds(
        lambda macs, protocol, data, tos: macs + b"\x86\xdd" + build.ipv6(*CA6, protocol, data, tos=tos),
        some_macs(),
        st.integers(0, 255),
        st.binary(max_size=120),
        st.integers(0, 255),
    )
    return st.one_of(anything, ip4, ip6, st.sampled_from([f for n, f in typical_frames().items() if n != "arp"]))


def outer_packet(kind: Kind, inner: bytes, entropy: int, ident: int, *, family: int = 4, tos: int = 0) -> bytes:
    """What a frame from A to B has to look like in that encapsulation, by `samples/build.py`."""
    first, second, _ = PAS[family]
    if kind in CARRIES_IP:
        inner = inner[14:]
    label = build.mpls([VSID], bytes(4) + inner)
    version = inner[0] >> 4
    gre = {
        "nvgre": lambda: build.nvgre(VSID, entropy, inner),
        "gretap": lambda: build.gre(build.TEB, inner, key=VSID),
        "gre": lambda: build.gre(build.IPV6 if version == 6 else build.IPV4, inner, key=VSID),
        "mpls-in-gre": lambda: build.gre(build.MPLS, label),
    }
    udp = {
        "vxlan": lambda: (4789, build.vxlan(VSID, inner)),
        "geneve": lambda: (6081, build.geneve(VSID, inner)),
        "mpls-in-udp": lambda: (6635, label),
    }
    if kind in gre:
        protocol, payload = build.GRE, gre[kind]()
    elif kind in udp:
        port, content = udp[kind]()
        protocol, payload = build.UDP, build.udp(first, second, entropy, port, content, summed=family == 6)
    else:
        protocol, payload = (41 if version == 6 else 4), inner
    packet = build.ip(first, second, protocol, payload, ident=ident, tos=tos)
    return build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], packet)
