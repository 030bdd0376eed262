"""asymmetric-vsid.pcap: distributed routing: each direction carries the VSID of its destination's subnet.

10.1.0.0/24 is VSID 5011 and 10.2.0.0/24 is VSID 5012. A request travels in 5012 and its answer in 5011, so
every connection is two halves. Traffic within one subnet (a ping) stays whole. Another pair of tenants, 5021
and 5022, has the same addresses, so that a half has to be matched with care.
"""

import build
from capture_file import destination, pcap
from conversation import Tcp, http_get, http_ok, ping
from overlay import MS, SECOND, US, Host, Overlay, Vm

EPOCH = 1_709_000_000 * SECOND
HOSTS = (Host("192.168.50.1", "00:15:5d:00:50:01"), Host("192.168.50.2", "00:15:5d:00:50:02"))
OTHER_HOSTS = (Host("192.168.50.3", "00:15:5d:00:50:03"), Host("192.168.50.4", "00:15:5d:00:50:04"))
#: The distributed router's MAC, the same on every host.
ROUTER_MAC = "00:15:5d:ff:ff:ff"


def main() -> None:
    overlay = Overlay(EPOCH)
    for base, (host_a, host_b) in ((5010, HOSTS), (5020, OTHER_HOSTS)):
        start = (base - 5010) * 20 * US
        near, far = base + 1, base + 2
        client = Vm("10.1.0.1", ROUTER_MAC, host_a, ttl=63)
        server = Vm("10.2.0.2", f"00:15:5d:{base - 5000:02x}:02:02", host_b, ttl=63)
        for number in range(3):
            web = Tcp(
                overlay, far, client, server, (50000 + number, 80), start + number * 40 * MS, reply_vsid=near
            ).open()
            web.send(client, http_get("routed.example", f"/{number}"))
            web.send(server, http_ok(5_000 * (number + 1), f"half {base} {number}")).close(client)
        question = build.udp(client.ip, server.ip, 40000, 514, b"<134>1 one way only")
        packet = build.ipv4(client.ip, server.ip, build.UDP, question, ident=1, ttl=63)
        overlay.deliver(start + 200 * MS, client, server, far, packet)
        neighbour = Vm("10.1.0.3", f"00:15:5d:{base - 5000:02x}:01:03", host_b)
        at_home = Vm("10.1.0.1", f"00:15:5d:{base - 5000:02x}:01:01", host_a)
        ping(overlay, near, at_home, neighbour, start + 300 * MS)
    destination("asymmetric-vsid.pcap").write_bytes(pcap(overlay.packets()))


if __name__ == "__main__":
    main()
