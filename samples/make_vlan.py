"""vlan.pcap: VLAN tags outside and inside, and what else is wrong or unusual about headers.

The underlay is VLAN 50 (some hosts: 802.1ad around it), which is normal. Tenant 5002 left its own tag on the
inner frame, which RFC 7637 section 3 forbids. Tenant 5003 numbers two segments by an inner tag. Then one
packet each of: a reserved VSID, the vendor VSID, a checksum bit, a sequence bit and reserved bits set, an
unknown GRE version, a frame with its FCS behind the outer packet, and an IP length of 0 as segmentation
offload leaves it.
"""

import struct
import zlib

import build
from capture_file import destination, pcap
from conversation import Tcp, http_get, http_ok, ping
from overlay import MS, SECOND, Host, Overlay, Vm, over_nvgre

EPOCH = 1_708_000_000 * SECOND
HOST_A = Host("192.168.50.1", "00:15:5d:00:50:01")
HOST_B = Host("192.168.50.2", "00:15:5d:00:50:02")
HOST_C = Host("192.168.50.3", "00:15:5d:00:50:03")
#: Inner tag by VSID; the priority bits come along.
INNER_TAGS = {5002: 0x6064, 5003: 10, 5004: 20}


def with_tags(src: Host, dst: Host, number: int, frame: bytes, ident: int) -> bytes:
    if number in INNER_TAGS:
        frame = frame[:12] + struct.pack("!HH", build.VLAN, INNER_TAGS[number]) + frame[12:]
    vsid = 5003 if number == 5004 else number
    outer = over_nvgre(src, dst, vsid, frame, ident)
    service = struct.pack("!HH", 0x88A8, 0x0C8) if HOST_C in (src, dst) else b""
    return outer[:12] + service + struct.pack("!HH", build.VLAN, 50) + outer[12:]


def oddities() -> list[bytes]:
    """NVGRE packets that are wrong or unusual in one way each; the inner UDP source port counts them."""

    def inner(number: int) -> bytes:
        body = build.udp("10.0.0.1", "10.0.0.2", 40000 + number, 40000, b"odd one out")
        packet = build.ipv4("10.0.0.1", "10.0.0.2", build.UDP, body, ident=1 + number)
        return build.ethernet_ip("00:15:5d:01:00:02", "00:15:5d:01:00:01", packet)

    def outer(number: int, payload: bytes) -> bytes:
        packet = build.ipv4(HOST_A.pa, HOST_B.pa, build.GRE, payload, ident=1 + number)
        return build.ethernet_ip(HOST_B.mac, HOST_A.mac, packet)

    def nvgre(number: int) -> bytes:
        return build.nvgre(5001, 0x42, inner(number))

    key = 5001 << 8 | 0x42
    with_fcs, no_length = outer(6, nvgre(6)), bytearray(outer(7, nvgre(7)))
    struct.pack_into("!H", no_length, 16, 0)
    struct.pack_into("!H", no_length, 24, 0)
    struct.pack_into("!H", no_length, 24, build.checksum(bytes(no_length[14:34])))
    return [
        outer(0, build.nvgre(0x000FFF, 0x42, inner(0))),
        outer(1, build.nvgre(0xFFFFFF, 0x42, inner(1))),
        outer(2, build.gre(build.TEB, inner(2), key=key, summed=True)),
        outer(3, build.gre(build.TEB, inner(3), key=key, sequence=1)),
        outer(4, b"\x24\x10" + nvgre(4)[2:]),
        outer(5, b"\x20\x03" + nvgre(5)[2:]),
        with_fcs + struct.pack("<I", zlib.crc32(with_fcs)),
        bytes(no_length),
    ]


def main() -> None:
    overlay = Overlay(EPOCH, carrier=with_tags)
    for number, server_host in ((5001, HOST_B), (5002, HOST_B), (5003, HOST_C), (5004, HOST_C)):
        start = (number - 5001) * 30 * MS
        client = Vm("10.0.0.1", f"00:15:5d:{number - 5000:02x}:00:01", HOST_A)
        server = Vm("10.0.0.2", f"00:15:5d:{number - 5000:02x}:00:02", server_host)
        ping(overlay, number, client, server, start)
        web = Tcp(overlay, number, client, server, (50000, 80), start + 2 * MS, mss=1414).open()
        web.send(client, http_get("tag.example", "/")).send(server, http_ok(3_000, f"tag {number}"))
        web.close(client)
    for index, odd in enumerate(oddities()):
        overlay.bare(3 * SECOND + index * MS, odd)
    destination("vlan.pcap").write_bytes(pcap(overlay.packets()))


if __name__ == "__main__":
    main()
