"""arp-broadcast.pcap: how broadcast and multicast cross the underlay (RFC 7637 section 4.2).

Tenant 5001 has an underlay multicast group, which the hosts join by IGMP. Tenant 5002 has none: the
sending host makes a unicast copy for each other host. Both resolve the same addresses; a DHCP exchange
and an mDNS question go the same two ways. Nobody owns 10.0.0.200: its questions stay without an answer.
"""

import struct

import build
from capture_file import destination, pcap
from conversation import dns, ping, resolve
from overlay import MS, SECOND, US, Host, Overlay, Vm

EPOCH = 1_703_000_000 * SECOND
HOSTS = [Host(f"192.168.50.{n}", f"00:15:5d:00:50:{n:02x}") for n in (1, 2, 3, 4)]
GROUP = Host("239.1.0.1", "01:00:5e:01:00:01")


def join(overlay: Overlay, host: Host, at_ns: int) -> None:
    """An IGMPv2 report, with the router alert option that RFC 2236 asks for."""
    report = struct.pack("!BBH4s", 0x16, 0, 0, build.address(GROUP.pa))
    report = report[:2] + struct.pack("!H", build.checksum(report)) + report[4:]
    packet = build.ipv4(host.pa, GROUP.pa, build.IGMP, report, ttl=1, tos=0xC0, options=b"\x94\x04\x00\x00")
    overlay.bare(at_ns, build.ethernet(GROUP.mac, host.mac, build.IPV4, packet, pad=True))


def dhcp(kind: int, client_mac: str, offered: str) -> bytes:
    """A BOOTP message (RFC 2131) with its message type and nothing else that matters here."""
    operation = 1 if kind in (1, 3) else 2
    head = struct.pack("!BBBBIHH", operation, 1, 6, 0, 0x5D5D5D5D, 0, 0x8000)
    addresses = build.address("0.0.0.0") + build.address(offered) + bytes(8)
    return (
        head
        + addresses
        + build.mac(client_mac).ljust(16 + 64 + 128, b"\0")
        + b"\x63\x82\x53\x63\x35\x01"
        + bytes((kind, 255))
    )


def main() -> None:
    overlay = Overlay(EPOCH)
    for index, host in enumerate(HOSTS):
        join(overlay, host, index * 10 * MS)
    for vsid in (5001, 5002):
        start = 100 * MS + (vsid - 5001) * 30 * US
        number = vsid - 5000
        vms = [Vm(f"10.0.0.{i + 1}", f"00:15:5d:{number:02x}:00:{i + 1:02x}", host) for i, host in enumerate(HOSTS)]
        everybody = [[GROUP] if vsid == 5001 else [h for h in HOSTS if h is not vm.host] for vm in vms]
        for index, (asker, owner) in enumerate(((0, 1), (0, 2), (1, 3), (2, 0))):
            at_ns = start + index * 20 * MS
            resolve(overlay, vsid, vms[asker], vms[owner], at_ns, everybody[asker])
            ping(overlay, vsid, vms[asker], vms[owner], at_ns + 1 * MS, count=2)
        lost = vms[0]
        lonely = build.arp(1, lost.mac, lost.ip, "00:00:00:00:00:00", "10.0.0.200")
        frame = build.ethernet(build.BROADCAST, lost.mac, build.ARP, lonely)
        for attempt in range(3):
            for copy, host in enumerate(everybody[0]):
                overlay.send(start + (1 + attempt) * SECOND + copy * 4 * US, lost.host, host, vsid, frame)
        for step, kind in enumerate((1, 2, 3, 5)):
            side, src, ports = (vms[2], "0.0.0.0", (68, 67)) if kind in (1, 3) else (vms[0], vms[0].ip, (67, 68))
            body = build.udp(src, "255.255.255.255", *ports, dhcp(kind, vms[2].mac, "10.0.0.3"))
            packet = build.ipv4(src, "255.255.255.255", build.UDP, body, ident=step, ttl=128, fragment=0)
            frame = build.ethernet_ip(build.BROADCAST, side.mac, packet)
            for copy, host in enumerate(everybody[vms.index(side)]):
                overlay.send(start + 500 * MS + step * 2 * MS + copy * 4 * US, side.host, host, vsid, frame)
        body = build.udp(vms[3].ip, "224.0.0.251", 5353, 5353, dns("_ssh._tcp.local", 0))
        packet = build.ipv4(vms[3].ip, "224.0.0.251", build.UDP, body, ident=1, ttl=255)
        frame = build.ethernet_ip("01:00:5e:00:00:fb", vms[3].mac, packet)
        for copy, host in enumerate(everybody[3]):
            overlay.send(start + 700 * MS + copy * 4 * US, vms[3].host, host, vsid, frame)
    destination("arp-broadcast.pcap").write_bytes(pcap(overlay.packets()))


if __name__ == "__main__":
    main()
