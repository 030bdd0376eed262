"""Headers as bytes, for tests that make frames of their own.

Plain `struct`, nothing of the project's own code: a frame has to be evidence against the decoder, not its
echo. Every builder returns finished bytes, with the lengths and checksums that its specification asks for.
Addresses are text ("10.0.0.1", "2001:db8::1", "00:15:5d:00:00:01"); IPv4 or IPv6 follows from the address.
"""

from __future__ import annotations

import hashlib
import ipaddress
import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

IPV4, ARP, VLAN, IPV6, TEB, MPLS, ERSPAN2 = (
    0x0800,
    0x0806,
    0x8100,
    0x86DD,
    0x6558,
    0x8847,
    0x88BE,
)
ICMP, IGMP, TCP, UDP, GRE, ICMPV6 = 1, 2, 6, 17, 47, 58
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
DF, MF = 0x4000, 0x2000
BROADCAST = "ff:ff:ff:ff:ff:ff"


@lru_cache(maxsize=1024)
def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


@lru_cache(maxsize=1024)
def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def noise(seed: str, length: int) -> bytes:
    """`length` bytes that look random and are the same on every machine and Python version."""
    return hashlib.shake_128(seed.encode()).digest(length)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(src: str, dst: str, protocol: int, length: int) -> bytes:
    if ":" in src:
        return address(src) + address(dst) + struct.pack("!IxxxB", length, protocol)
    return address(src) + address(dst) + struct.pack("!xBH", protocol, length)


# --- link layer ---------------------------------------------------------------------------------------------
def ethernet(
    dst: str, src: str, ethertype: int, payload: bytes, *, vlans: Sequence[int] = (), pad: bool = False
) -> bytes:
    """`vlans` are 802.1Q tag control values, outermost first; `pad` fills up to the 60 bytes of a wire."""
    tags = b"".join(struct.pack("!HH", VLAN, tci) for tci in vlans)
    frame = mac(dst) + mac(src) + tags + struct.pack("!H", ethertype) + payload
    return frame.ljust(60, b"\0") if pad else frame


def ethernet_ip(dst: str, src: str, packet: bytes, *, vlans: Sequence[int] = ()) -> bytes:
    """An Ethernet frame whose EtherType follows from the IP version of `packet`."""
    return ethernet(dst, src, IPV6 if packet[0] >> 4 == 6 else IPV4, packet, vlans=vlans)


def arp(operation: int, sha: str, spa: str, tha: str, tpa: str) -> bytes:
    """1 asks, 2 answers (RFC 826)."""
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac(sha) + address(spa) + mac(tha) + address(tpa)


def mpls(labels: Sequence[int], payload: bytes, *, ttl: int = 64) -> bytes:
    """A label stack (RFC 3032); an entropy label (behind label 7) has TTL 0 (RFC 6790 section 4.2)."""
    stack = b""
    for index, label in enumerate(labels):
        is_entropy, bottom = index > 0 and labels[index - 1] == 7, index == len(labels) - 1
        stack += struct.pack("!I", label << 12 | bottom << 8 | (0 if is_entropy else ttl))
    return stack + payload


# --- IP -----------------------------------------------------------------------------------------------------
def ipv4(
    src: str,
    dst: str,
    protocol: int,
    payload: bytes,
    *,
    ident: int = 0,
    ttl: int = 64,
    tos: int = 0,
    fragment: int = DF,
    options: bytes = b"",
) -> bytes:
    """`fragment` is the whole 16-bit field: flags and the offset in units of 8 bytes."""
    words = 5 + len(options) // 4
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | words, tos, words * 4 + len(payload), ident & 0xFFFF, fragment,
        ttl, protocol, 0, address(src), address(dst),
    ) + options  # fmt: skip
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(
    src: str,
    dst: str,
    next_header: int,
    payload: bytes,
    *,
    hop_limit: int = 64,
    tos: int = 0,
    flow_label: int = 0,
) -> bytes:
    first = 6 << 28 | tos << 20 | flow_label
    return struct.pack("!IHBB", first, len(payload), next_header, hop_limit) + address(src) + address(dst) + payload


def ip(
    src: str,
    dst: str,
    protocol: int,
    payload: bytes,
    *,
    ident: int = 0,
    ttl: int = 64,
    tos: int = 0,
    flow_label: int = 0,
) -> bytes:
    """IPv4 (with DF) or IPv6; `ident` is IPv4's and `flow_label` IPv6's."""
    if ":" in src:
        return ipv6(src, dst, protocol, payload, hop_limit=ttl, tos=tos, flow_label=flow_label)
    return ipv4(src, dst, protocol, payload, ident=ident, ttl=ttl, tos=tos)


def fragments(packet: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut an IPv4 packet without options after each of `sizes` payload bytes (multiples of 8)."""
    header, payload = packet[:20], packet[20:]
    cuts = [0, *(sum(sizes[: i + 1]) for i in range(len(sizes))), len(payload)]
    parts = []
    for start, end in pairwise(cuts):
        more = 0 if end == len(payload) else MF
        part = bytearray(header)
        struct.pack_into("!H", part, 2, 20 + end - start)
        struct.pack_into("!HBBH", part, 6, more | start // 8, header[8], header[9], 0)
        struct.pack_into("!H", part, 10, checksum(bytes(part)))
        parts.append(bytes(part) + payload[start:end])
    return parts


# --- transport ----------------------------------------------------------------------------------------------
def udp(src: str, dst: str, sport: int, dport: int, payload: bytes, *, summed: bool = True) -> bytes:
    """`summed=False` leaves the checksum 0, as tunnels over IPv4 (and, by RFC 6935, IPv6) do."""
    header = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    if not summed:
        return header + payload
    total = checksum(pseudo_header(src, dst, UDP, 8 + len(payload)) + header + payload) or 0xFFFF
    return header[:6] + struct.pack("!H", total) + payload


def tcp(
    src: str,
    dst: str,
    sport: int,
    dport: int,
    *,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    payload: bytes = b"",
    options: bytes = b"",
) -> bytes:
    options += b"\x01" * (-len(options) % 4)
    offset = (20 + len(options)) // 4
    header = struct.pack(
        "!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset << 4, flags, window, 0, 0
    )
    segment = header + options + payload
    total = checksum(pseudo_header(src, dst, TCP, len(segment)) + segment)
    return segment[:16] + struct.pack("!H", total) + segment[18:]


def icmp(kind: int, code: int, rest: int, payload: bytes) -> bytes:
    """ICMP for IPv4; `rest` is the header's second word (identifier and sequence, or next-hop MTU)."""
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def icmpv6(src: str, dst: str, kind: int, code: int, rest: int, payload: bytes) -> bytes:
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    total = checksum(pseudo_header(src, dst, ICMPV6, len(message)) + message)
    return message[:2] + struct.pack("!H", total) + message[4:]


# --- tunnels ------------------------------------------------------------------------------------------------
def gre(
    ethertype: int,
    payload: bytes,
    *,
    key: int | None = None,
    sequence: int | None = None,
    summed: bool = False,
) -> bytes:
    """RFC 2784 and 2890."""
    flags = summed << 15 | (key is not None) << 13 | (sequence is not None) << 12
    header = struct.pack("!HH", flags, ethertype)
    if summed:
        header += b"\0\0\0\0"
    if key is not None:
        header += struct.pack("!I", key)
    if sequence is not None:
        header += struct.pack("!I", sequence)
    packet = header + payload
    return packet[:4] + struct.pack("!H", checksum(packet)) + packet[6:] if summed else packet


def nvgre(vsid: int, flow_id: int, frame: bytes) -> bytes:
    """RFC 7637 section 3.2: key present, nothing else; the key is VSID (24 bits) and FlowID (8 bits)."""
    return gre(TEB, frame, key=vsid << 8 | flow_id)


def vxlan(vni: int, frame: bytes) -> bytes:
    """RFC 7348."""
    return struct.pack("!II", 0x08 << 24, vni << 8) + frame


def geneve(vni: int, frame: bytes, *, options: bytes = b"") -> bytes:
    """RFC 8926; `options` are whole TLVs."""
    return struct.pack("!BBHI", len(options) // 4, 0, TEB, vni << 8) + options + frame


def erspan2(session: int, sequence: int, frame: bytes, *, vlan: int = 0) -> bytes:
    """ERSPAN type II, with the GRE header (whose sequence number it needs)."""
    return gre(ERSPAN2, struct.pack("!HHI", 1 << 12 | vlan, session, 0) + frame, sequence=sequence)
