"""neighbours.pcap: the same small conversation in every encapsulation that lives beside NVGRE.

All tunnels run between the same two hosts, with the same inner addresses and ports: only the
encapsulation (and its id) tells the flows apart. Also a tunnel whose directions differ in the key, and
traffic outside any tunnel.
"""

import struct
import zlib
from collections.abc import Callable

import build
from capture_file import destination, pcap
from conversation import Tcp, http_get, http_ok, ping
from overlay import (
    MS,
    SECOND,
    Carrier,
    Host,
    Overlay,
    Vm,
    entropy,
    over_geneve,
    over_nvgre,
    over_udp,
    over_vxlan,
)

EPOCH = 1_704_000_000 * SECOND
HOST_A = Host("192.168.50.1", "00:15:5d:00:50:01")
HOST_B = Host("192.168.50.2", "00:15:5d:00:50:02")
CLIENT = Vm("10.0.0.1", "00:15:5d:01:00:01", HOST_A)
SERVER = Vm("10.0.0.2", "00:15:5d:01:00:02", HOST_B)
#: Two Geneve options (RFC 8926 section 3.5): Open Virtual Network's, and an experimental one.
GENEVE_OPTIONS = struct.pack("!HBBI", 0x0102, 0x80, 1, 0x00010002) + struct.pack("!HBBII", 0xFFFF, 1, 2, 1, 2)


def over_ip(protocol: int, payload_of: Callable[[int, bytes], bytes]) -> Carrier:
    """A carrier that puts `payload_of(id, inner frame)` straight into IP."""

    def carry(src: Host, dst: Host, number: int, frame: bytes, ident: int) -> bytes:
        packet = build.ip(src.pa, dst.pa, protocol, payload_of(number, frame), ident=ident)
        return build.ethernet_ip(dst.mac, src.mac, packet)

    return carry


def in_udp(port: int, payload_of: Callable[[int, bytes], bytes]) -> Carrier:
    return lambda src, dst, number, frame, ident: over_udp(src, dst, port, frame, payload_of(number, frame), ident)


def geneve_with_options(number: int, frame: bytes) -> bytes:
    plain = build.geneve(number, frame, options=GENEVE_OPTIONS)
    return plain[:1] + b"\x40" + plain[2:]  # C: a critical option is there


def pseudowire(number: int, frame: bytes) -> bytes:
    """Ethernet over MPLS with a control word (RFC 4448), below an entropy label pair (RFC 6790)."""
    return build.mpls((16_000, 7, 0x10000 | entropy(frame) & 0xFFFF, number), b"\0\0\0\0" + frame)


def vxlan_with_policy(number: int, frame: bytes) -> bytes:
    """The G flag and group 42 (VXLAN-GBP)."""
    return b"\x88\x00\x00\x2a" + build.vxlan(number, frame)[4:]


def vxlan_gpe(number: int, frame: bytes) -> bytes:
    """The P flag and the next protocol, IPv4: no inner Ethernet header."""
    return struct.pack("!II", 0x0C000001, number << 8) + packet_of(frame)


def gre_with_everything(number: int, frame: bytes) -> bytes:
    sequence = zlib.crc32(frame) & 0xFFF
    return build.gre(build.IPV4, packet_of(frame), key=number, sequence=sequence, summed=True)


def mpls_in_gre(number: int, frame: bytes) -> bytes:
    return build.gre(build.MPLS, build.mpls((16_003, number), packet_of(frame)))


def packet_of(frame: bytes) -> bytes:
    return frame[14:]


CARRIERS: tuple[tuple[str, int, Carrier], ...] = (
    ("nvgre", 5001, over_nvgre),
    ("vxlan", 5001, over_vxlan),
    ("geneve", 5001, over_geneve),
    ("geneve with options", 5002, in_udp(6081, geneve_with_options)),
    ("vxlan on Linux's old port", 5003, in_udp(8472, build.vxlan)),
    ("vxlan with a group policy", 5004, in_udp(4789, vxlan_with_policy)),
    ("vxlan-gpe, IPv4 inside", 5005, in_udp(4790, vxlan_gpe)),
    ("gretap, small key", 77, over_ip(build.GRE, lambda n, f: build.gre(build.TEB, f, key=n))),
    ("gretap without a key", 0, over_ip(build.GRE, lambda _, f: build.gre(build.TEB, f))),
    ("gre", 0, over_ip(build.GRE, lambda _, f: build.gre(build.IPV4, packet_of(f)))),
    ("gre with key, sequence and checksum", 4242, over_ip(build.GRE, gre_with_everything)),
    ("gre in udp", 4243, in_udp(4754, lambda n, f: build.gre(build.IPV4, packet_of(f), key=n))),
    ("mpls in udp", 24_001, in_udp(6635, lambda n, f: build.mpls((16_001, n), packet_of(f)))),
    ("pseudowire in udp", 24_002, in_udp(6635, pseudowire)),
    ("mpls in gre", 24_003, over_ip(build.GRE, mpls_in_gre)),
    ("ipip", 0, over_ip(4, lambda _, f: packet_of(f))),
    ("erspan type 1", 8, over_ip(build.GRE, lambda _, f: build.gre(build.ERSPAN2, f))),
    ("erspan type 2", 9, over_ip(build.GRE, lambda n, f: build.erspan2(n, 1, f, vlan=20))),
    ("erspan type 3", 10, over_ip(build.GRE, lambda n, f: build.erspan3(n, 2, 123_456, f, vlan=20))),
)


def talk(overlay: Overlay, number: int) -> None:
    ping(overlay, number, CLIENT, SERVER, 0, count=1)
    web = Tcp(overlay, number, CLIENT, SERVER, (50000, 80), 2 * MS).open()
    web.send(CLIENT, http_get("neighbour.example", "/")).send(SERVER, http_ok(1500, "neighbour")).close(CLIENT)


def main() -> None:
    packets = []
    for index, (_, number, carrier) in enumerate(CARRIERS):
        overlay = Overlay(EPOCH + index * 100 * MS, carrier)
        talk(overlay, number)
        packets += overlay.packets()

    def differing_keys(src: Host, dst: Host, _: int, frame: bytes, ident: int) -> bytes:
        payload = build.gre(build.IPV4, packet_of(frame), key=111 if src is HOST_A else 222)
        return build.ethernet_ip(dst.mac, src.mac, build.ip(src.pa, dst.pa, build.GRE, payload, ident=ident))

    def no_tunnel(src: Host, dst: Host, _: int, frame: bytes, __: int) -> bytes:
        return frame

    for carrier in (differing_keys, no_tunnel):
        overlay = Overlay(EPOCH + (len(CARRIERS) + (carrier is no_tunnel)) * 100 * MS, carrier)
        talk(overlay, 11)
        packets += overlay.packets()
    destination("neighbours.pcap").write_bytes(pcap(packets))


if __name__ == "__main__":
    main()
