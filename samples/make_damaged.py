"""truncated.pcap, truncated.pcapng: files that end in the middle of a record.
snaplen.pcap: a capture with a snapshot length of 96 bytes, where the original lengths say what was on the
wire. snaplen-headers.pcap: 60 bytes, which ends inside the inner IP header.
"""

from capture_file import Packet, cut, destination, pcap, pcapng
from conversation import Tcp, datagrams, dns, http_get, http_ok, ping
from overlay import MS, SECOND, Host, Overlay, Vm

EPOCH = 1_706_000_000 * SECOND
HOST_A = Host("192.168.50.1", "00:15:5d:00:50:01")
HOST_B = Host("192.168.50.2", "00:15:5d:00:50:02")


def conversation() -> list[Packet]:
    overlay = Overlay(EPOCH)
    for vsid in (5001, 5002):
        client = Vm("10.0.0.1", f"00:15:5d:{vsid - 5000:02x}:00:01", HOST_A)
        server = Vm("10.0.0.2", f"00:15:5d:{vsid - 5000:02x}:00:02", HOST_B)
        start = (vsid - 5001) * 100 * MS
        ping(overlay, vsid, client, server, start)
        exchange = [(0, dns("cut.example", 7)), (1, dns("cut.example", 7, "10.0.0.2"))]
        datagrams(overlay, vsid, client, server, (40001, 53), start + 1 * MS, exchange)
        web = Tcp(overlay, vsid, client, server, (50000, 80), start + 3 * MS).open()
        web.send(client, http_get("cut.example", "/")).send(server, http_ok(12_000, f"cut {vsid}"))
        web.close(client)
    return overlay.packets()


def main() -> None:
    packets = conversation()
    whole = pcap(packets, nanoseconds=True, big_endian=True)
    # In the middle of the last data of the second tenant: that record's header is there, its bytes are not
    # all.
    destination("truncated.pcap").write_bytes(whole[: len(whole) - 900])
    blocks = pcapng(packets, [("eth0", "uplink")])
    destination("truncated.pcapng").write_bytes(blocks[: len(blocks) - 1100])
    destination("snaplen.pcap").write_bytes(pcap(cut(packets, 96), snaplen=96))
    destination("snaplen-headers.pcap").write_bytes(pcap(cut(packets, 60), snaplen=60))


if __name__ == "__main__":
    main()
