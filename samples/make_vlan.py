"""vlan.pcap: VLAN tags outside and inside, and what else is wrong or unusual about headers.

The underlay is VLAN 50 (some hosts: 802.1ad around it), which is normal. Tenant 5002 left its own tag on the
inner frame, which RFC 7637 section 3.2 forbids. Tenant 5003 numbers two segments by an inner tag. Then one
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


def oddities(frame: bytes) -> list[bytes]:
    """One NVGRE frame, made wrong in one way each."""

    def over(payload: bytes, ident: int) -> bytes:
        packet = build.ipv4(HOST_A.pa, HOST_B.pa, build.GRE, payload, ident=ident)
        return build.ethernet_ip(HOST_B.mac, HOST_A.mac, packet)

    def key(vsid: int) -> int:
        return vsid << 8 | 0x42

    plain = over(build.nvgre(5001, 0x42, frame), 1)
    no_length = bytearray(plain)
    struct.pack_into("!H", no_length, 16, 0)
    struct.pack_into("!H", no_length, 24, 0)
    struct.pack_into("!H", no_length, 24, build.checksum(bytes(no_length[14:34])))
    return [
        over(build.nvgre(0x000FFF, 0x42, frame), 2),
        over(build.nvgre(0xFFFFFF, 0x42, frame), 3),
        over(build.gre(build.TEB, frame, key=key(5001), summed=True), 4),
        over(build.gre(build.TEB, frame, key=key(5001), sequence=1), 5),
        over(b"\x24\x10" + build.nvgre(5001, 0x42, frame)[2:], 6),
        over(b"\x20\x03" + build.nvgre(5001, 0x42, frame)[2:], 7),
        plain + struct.pack("<I", zlib.crc32(plain)),
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
    body = build.udp("10.0.0.1", "10.0.0.2", 40000, 40001, b"odd one out")
    packet = build.ipv4("10.0.0.1", "10.0.0.2", build.UDP, body, ident=1)
    frame = build.ethernet_ip("00:15:5d:01:00:02", "00:15:5d:01:00:01", packet)
    for index, odd in enumerate(oddities(frame)):
        overlay.bare(3 * SECOND + index * MS, odd)
    destination("vlan.pcap").write_bytes(pcap(overlay.packets()))


if __name__ == "__main__":
    main()
