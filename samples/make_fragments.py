"""fragments.pcap: an IPv4 underlay that fragments NVGRE (RFC 7637 section 4.4 forbids it to the sending
host).

A tenant's MTU of 1500 on an underlay of 1500: every full inner packet leaves as two fragments, larger
ones as three. One set comes in reverse, one is interleaved with another packet's, one has lost its last
part, one its first, one part comes twice, and the TCP connection whose segments are all fragmented is
otherwise healthy.
"""

import build
from capture_file import destination, pcap
from conversation import Tcp, http_get, http_ok, ping
from overlay import MS, SECOND, US, Host, Overlay, Vm, inner_frame, over_nvgre

EPOCH = 1_705_000_000 * SECOND
HOST_A = Host("192.168.50.1", "00:15:5d:00:50:01")
HOST_B = Host("192.168.50.2", "00:15:5d:00:50:02")
CLIENT = Vm("10.0.0.1", "00:15:5d:01:00:01", HOST_A)
SERVER = Vm("10.0.0.2", "00:15:5d:01:00:02", HOST_B)
MTU = 1500


def parts(frame: bytes, size: int = (MTU - 20) // 8 * 8) -> list[bytes]:
    """The frames of an outer packet cut to the underlay's MTU, or the frame itself where it fits."""
    if len(frame) - 14 <= MTU:
        return [frame]
    packet = bytearray(frame[14:])
    packet[6:8] = b"\0\0"  # a host that fragments does not set DF
    count = (len(packet) - 21) // size
    return [frame[:14] + part for part in build.fragments(bytes(packet), [size] * count)]


def datagram(sport: int, length: int, ident: int) -> bytes:
    """A whole outer frame with an inner UDP datagram of `length` bytes of payload."""
    body = build.udp(CLIENT.ip, SERVER.ip, sport, 9000, build.noise(f"datagram {sport}", length))
    inner = inner_frame(CLIENT, SERVER, build.ipv4(CLIENT.ip, SERVER.ip, build.UDP, body, ident=ident))
    return over_nvgre(HOST_A, HOST_B, 5001, inner, ident)


def main() -> None:
    talk = Overlay(EPOCH)
    ping(talk, 5001, CLIENT, SERVER, 0, count=1)
    web = Tcp(talk, 5001, CLIENT, SERVER, (50000, 80), 2 * MS, mss=1460).open()
    web.send(CLIENT, http_get("big.example", "/"))
    web.send(SERVER, http_ok(30_000, "fragments"), gap_ns=40 * US).close(CLIENT)
    wire = Overlay(EPOCH)
    for packet in talk.packets():
        for index, part in enumerate(parts(packet.frame)):
            wire.bare(packet.ts_ns - EPOCH + index * 3 * US, part)
    two, three = datagram(7002, 1472, 0x1002), datagram(7003, 3000, 0x1003)
    reverse, mixed_a, mixed_b = (
        datagram(7004, 3000, 0x1004),
        datagram(7005, 1472, 0x1005),
        datagram(7006, 1472, 0x1006),
    )
    no_last, no_first, twice = (
        datagram(7007, 3000, 0x1007),
        datagram(7008, 3000, 0x1008),
        datagram(7009, 1472, 0x1009),
    )
    sequence = [
        *parts(two),
        *parts(three),
        *reversed(parts(reverse)),
        *(part for pair in zip(parts(mixed_a), parts(mixed_b), strict=True) for part in pair),
        *parts(no_last)[:-1],
        *parts(no_first)[1:],
        *parts(twice),
        parts(twice)[1],
    ]
    for index, part in enumerate(sequence):
        wire.bare(100 * MS + index * 50 * US, part)
    destination("fragments.pcap").write_bytes(pcap(wire.packets()))


if __name__ == "__main__":
    main()
