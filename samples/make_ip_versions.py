"""ipv6-underlay.pcap: IPv4 tenants over an IPv6 underlay (with flow labels).
ipv6-overlay.pcap: an IPv6 tenant over an IPv4 underlay: neighbour discovery, ICMPv6, TCP, UDP, extension
headers.
"""

import struct

import build
from capture_file import destination, pcap
from conversation import Tcp, datagrams, dns, http_get, http_ok, ping, resolve
from overlay import MS, SECOND, US, Host, Overlay, Vm

EPOCH = 1_701_000_000 * SECOND


def underlay() -> Overlay:
    """Inner MTU 1438 on an underlay of 1500: 62 bytes of overhead (40 + 8 + 14)."""
    overlay = Overlay(EPOCH)
    host_a = Host("2001:db8:50::1", "00:15:5d:06:50:01")
    host_b = Host("2001:db8:50::2", "00:15:5d:06:50:02")
    for vsid in (5001, 5002):
        late = (vsid - 5001) * 5 * MS
        client = Vm("10.0.0.1", f"00:15:5d:{vsid - 5000:02x}:06:01", host_a)
        server = Vm("10.0.0.2", f"00:15:5d:{vsid - 5000:02x}:06:02", host_b)
        resolve(overlay, vsid, client, server, late, [host_b])
        ping(overlay, vsid, client, server, late + 1 * MS)
        exchange = [(0, dns("six.example", 6)), (1, dns("six.example", 6, "2001:db8::6"))]
        datagrams(overlay, vsid, client, server, (40006, 53), late + 2 * MS, exchange)
        web = Tcp(overlay, vsid, client, server, (50006, 80), late + 3 * MS, mss=1398).open()
        web.send(client, http_get("six.example", "/")).send(server, http_ok(20_000, f"six {vsid}"))
        web.close(client)
    return overlay


def discover(overlay: Overlay, vsid: int, asker: Vm, owner: Vm, at_ns: int) -> None:
    """Neighbour solicitation to the solicited-node group, and the advertisement (RFC 4861)."""
    low = build.address(owner.ip)[-3:]
    group = "ff02::1:ff" + f"{low[0]:02x}:{low[1]:02x}{low[2]:02x}"
    group_mac = "33:33:ff:" + ":".join(f"{byte:02x}" for byte in low)
    target = build.address(owner.ip)
    body = build.icmpv6(asker.ip, group, 135, 0, 0, target + b"\x01\x01" + build.mac(asker.mac))
    question = build.ipv6(asker.ip, group, build.ICMPV6, body, hop_limit=255)
    overlay.send(at_ns, asker.host, owner.host, vsid, build.ethernet_ip(group_mac, asker.mac, question))
    body = build.icmpv6(owner.ip, asker.ip, 136, 0, 0x60000000, target + b"\x02\x01" + build.mac(owner.mac))
    answer = build.ipv6(owner.ip, asker.ip, build.ICMPV6, body, hop_limit=255)
    overlay.deliver(at_ns + 300 * US, owner, asker, vsid, answer)


def inner() -> Overlay:
    overlay = Overlay(EPOCH)
    host_a, host_b = Host("192.168.50.1", "00:15:5d:00:50:01"), Host("192.168.50.2", "00:15:5d:00:50:02")
    vsid = 6001
    client = Vm("2001:db8:1::1", "00:15:5d:60:01:01", host_a)
    server = Vm("2001:db8:1::2", "00:15:5d:60:01:02", host_b)
    advertisement = build.icmpv6("fe80::1", "ff02::1", 134, 0, 0x40001C20, struct.pack("!II", 0, 0))
    packet = build.ipv6("fe80::1", "ff02::1", build.ICMPV6, advertisement, hop_limit=255)
    overlay.send(0, host_b, host_a, vsid, build.ethernet_ip("33:33:00:00:00:01", server.mac, packet))
    discover(overlay, vsid, client, server, 1 * MS)
    discover(overlay, vsid, server, client, 2 * MS)
    ping(overlay, vsid, client, server, 3 * MS, count=4)
    exchange = [(0, dns("v6.example", 66)), (1, dns("v6.example", 66, "2001:db8:1::2"))]
    datagrams(overlay, vsid, client, server, (40066, 53), 10 * MS, exchange)
    web = Tcp(overlay, vsid, client, server, (50066, 443), 20 * MS, mss=1398).open()
    web.send(client, build.noise("v6 hello", 517)).send(server, build.noise("v6 data", 24_000)).close(client)
    # Hop-by-hop and destination options in front of UDP; an unreachable port, which quotes what it refuses.
    body = build.udp(client.ip, server.ip, 40067, 9999, b"behind two extension headers")
    options = bytes((60, 0, 1, 4, 0, 0, 0, 0)) + bytes((build.UDP, 0, 1, 4, 0, 0, 0, 0))
    refused = build.ipv6(client.ip, server.ip, 0, options + body)
    overlay.deliver(40 * MS, client, server, vsid, refused)
    error = build.icmpv6(server.ip, client.ip, 1, 4, 0, refused)
    overlay.deliver(40 * MS + 200 * US, server, client, vsid, build.ipv6(server.ip, client.ip, build.ICMPV6, error))
    # An inner packet in two fragments (RFC 8200 section 4.5): one flow, two packets.
    whole = build.udp(client.ip, server.ip, 40068, 9000, build.noise("v6 fragments", 2000))
    for start, end, more in ((0, 1232, 1), (1232, len(whole), 0)):
        header = struct.pack("!BBHI", build.UDP, 0, start | more, 0x06060606)
        part = build.ipv6(client.ip, server.ip, 44, header + whole[start:end])
        overlay.deliver(50 * MS + start * US, client, server, vsid, part)
    return overlay


def main() -> None:
    destination("ipv6-underlay.pcap").write_bytes(pcap(underlay().packets()))
    destination("ipv6-overlay.pcap").write_bytes(pcap(inner().packets()))


if __name__ == "__main__":
    main()
