"""fabric.pcapng: half a minute of a small data centre, seen by a mirror port of its top-of-rack switch.

Four tunnel ends (three hypervisors and a gateway), three tenants. 5001 ("blue") and 5002 ("red") use the
same addresses; 6001 ("green") speaks IPv4 and IPv6 and sends its broadcasts to an underlay multicast
group, where the other two replicate them to every host. Beside healthy traffic there is one of each thing
that goes wrong: a retransmission, reordering, a zero window, resets, a server that does not answer, a VM
that moved, frames that kept their VLAN tag, and an underlay router that could not forward a tunnel packet
of full size.
"""

import build
from capture_file import Packet, destination, pcapng
from conversation import Tcp, datagrams, dns, http_get, http_ok, ping, resolve
from overlay import MS, SECOND, US, Host, Overlay, Vm, inner_frame

EPOCH = 1_714_000_000 * SECOND + 123_456_789
NVE1, NVE2, NVE3 = (Host(f"192.168.50.1{n}", f"00:15:5d:00:50:1{n}") for n in (1, 2, 3))
GATEWAY = Host("192.168.50.20", "00:15:5d:00:50:20")
HOSTS = (NVE1, NVE2, NVE3, GATEWAY)
ROUTER = Host("192.168.50.254", "00:00:5e:00:01:32")
GREEN_GROUP = Host("239.1.0.1", "01:00:5e:01:00:01")
BLUE, RED, GREEN = 5001, 5002, 6001
#: Database queries, keys typed, and web visits of each tenant.
HABITS = {BLUE: (72, 40, 6), RED: (38, 71, 3), GREEN: (55, 63, 4)}


class Tenant:
    """A tenant's machines: the same plan of addresses for each, on hosts of its own."""

    def __init__(
        self, overlay: Overlay, vsid: int, prefix: str, placement: tuple[Host, Host, Host, Host], name: str
    ) -> None:
        self.overlay, self.vsid, self.name, self.number = overlay, vsid, name, vsid - 5000
        desk, web, app, db = placement
        self.desk, self.web, self.app, self.db = (
            self.vm(f"{prefix}{last}", host) for last, host in ((100, desk), (10, web), (11, app), (12, db))
        )
        self.resolver = self.vm(f"{prefix}53", app)
        self.router = self.vm(f"{prefix}1", GATEWAY)
        self.outside = Vm("203.0.113.7", self.router.mac, GATEWAY, ttl=54)

    def vm(self, ip: str, host: Host) -> Vm:
        last = int(ip.rpartition(":" if ":" in ip else ".")[2]) & 0xFF
        return Vm(ip, f"00:15:5d:{self.number >> 8:02x}:{self.number & 0xFF:02x}:{last:02x}", host)

    def tcp(self, client: Vm, server: Vm, ports: tuple[int, int], start_ns: int, rtt_ns: int = 400 * US) -> Tcp:
        return Tcp(self.overlay, self.vsid, client, server, ports, start_ns, rtt_ns=rtt_ns).open()

    def copies(self, asker: Vm) -> list[Host]:
        return [GREEN_GROUP] if self.vsid == GREEN else [host for host in HOSTS if host is not asker.host]

    def everyday(self) -> None:
        """What each tenant does: resolve, look up, browse, log in, query a database, ping."""
        late = (self.number % 7) * 311 * US
        for index, (asker, owner) in enumerate(
            (
                (self.desk, self.resolver),
                (self.desk, self.web),
                (self.web, self.app),
                (self.app, self.db),
                (self.web, self.router),
            )
        ):
            resolve(self.overlay, self.vsid, asker, owner, late + index * 7 * MS, self.copies(asker))
        for index, service in enumerate(("web", "app", "db", "mail", "repo", "ntp")):
            name, ident = f"{service}.{self.name}.example", 0x4000 + self.number + index
            exchange = [
                (0, dns(name, ident)),
                (1, dns(name, ident, (self.web, self.app, self.db)[index % 3].ip)),
            ]
            start = late + 100 * MS + index * 900 * MS
            datagrams(self.overlay, self.vsid, self.desk, self.resolver, (40000 + index * 17, 53), start, exchange)
        queries, keys, visits = HABITS[self.vsid]
        for index in range(visits):
            web = self.tcp(self.desk, self.web, (49200 + index, 80), late + 200 * MS + index * 20 * SECOND // visits)
            for request in range(4):
                web.send(self.desk, http_get(f"web.{self.name}.example", f"/{index}/{request}"))
                web.send(
                    self.web,
                    http_ok(400 + (1500 + self.number % 13 * 70) * (request % 3), f"{self.vsid} {index} {request}"),
                ).wait(60 * MS)
            web.close(self.desk)
        query = self.tcp(self.app, self.db, (38000, 5432), late + 300 * MS, rtt_ns=250 * US)
        for index in range(queries):
            query.send(self.app, build.noise(f"{self.vsid} query {index}", 90 + index))
            query.send(self.db, build.noise(f"{self.vsid} rows {index}", 200 + index % 5 * 250)).wait(
                25 * SECOND // queries
            )
        shell = self.tcp(self.desk, self.app, (51514, 22), late + 2 * SECOND)
        shell.send(self.app, b"SSH-2.0-OpenSSH_9.2p1\r\n").send(self.desk, b"SSH-2.0-OpenSSH_9.6\r\n")
        for index in range(keys):
            shell.send(self.desk, build.noise(f"{self.vsid} key {index}", 36))
            shell.send(self.app, build.noise(f"{self.vsid} echo {index}", 36 + index % 4 * 16)).wait(
                22 * SECOND // keys
            )
        shell.close(self.desk)
        ping(self.overlay, self.vsid, self.desk, self.db, late + 1 * SECOND, count=10)
        visit = self.tcp(self.outside, self.web, (61022 + self.number % 3, 443), late + 4 * SECOND, rtt_ns=300 * US)
        visit.send(self.outside, build.noise(f"{self.vsid} hello", 517))
        visit.send(self.web, build.noise(f"{self.vsid} certificate", 3100)).wait(24 * MS)
        visit.send(self.outside, build.noise(f"{self.vsid} finished", 80)).send(
            self.web, build.noise(f"{self.vsid} page", 5200)
        )
        visit.wait(2 * SECOND).close(self.web)


def blue_troubles(blue: Tenant) -> None:
    slow = blue.tcp(blue.app, blue.db, (38111, 5432), 6 * SECOND)
    slow.send_against_zero_window(blue.app, build.noise("blue import", 12_000))
    slow.send(blue.app, build.noise("blue rest", 6_000)).close(blue.app)
    refused = Tcp(blue.overlay, BLUE, blue.desk, blue.app, (49900, 8080), 7 * SECOND)
    refused.segment(blue.desk, build.SYN)
    refused.wait(400 * US).reset(blue.app)
    # The resolver is moved from its host to another one, and announces itself there.
    moved = Vm(blue.resolver.ip, blue.resolver.mac, NVE1)
    announcement = build.arp(1, moved.mac, moved.ip, "00:00:00:00:00:00", moved.ip)
    for index, host in enumerate(blue.copies(moved)):
        frame = build.ethernet(build.BROADCAST, moved.mac, build.ARP, announcement)
        blue.overlay.send(
            15 * SECOND + index * 4 * US, moved.host, host, BLUE, frame, "" if index else "the resolver moved"
        )
    for index in range(6):
        name, ident = f"web{index}.blue.example", 0x5000 + index
        exchange = [(0, dns(name, ident)), (1, dns(name, ident, blue.web.ip))]
        start = 16 * SECOND + index * 800 * MS
        datagrams(blue.overlay, BLUE, blue.app, moved, (42000 + index * 5, 53), start, exchange)


def red_troubles(red: Tenant) -> None:
    backup = red.tcp(red.db, red.app, (45000, 873), 9 * SECOND)
    backup.send(red.db, build.noise("red backup", 60_000), window=16)
    backup.send_with_loss(red.db, build.noise("red lossy", 8_000), comment="sent again after three duplicate ACKs")
    backup.send(red.db, build.noise("red rest", 40_000), window=16).close(red.db)
    silent = Tcp(red.overlay, RED, red.desk, red.vm("10.0.0.77", NVE3), (49950, 3306), 11 * SECOND)
    first = silent.seq[red.desk]
    for wait in (1, 2, 4, 0):
        silent.segment(red.desk, build.SYN, seq=first)
        silent.wait(wait * SECOND)
    cut_off = red.tcp(red.desk, red.app, (49960, 8443), 18 * SECOND)
    cut_off.send(red.desk, build.noise("red request", 700)).wait(5 * MS).reset(red.app)


def green_troubles(green: Tenant) -> None:
    copy = green.tcp(green.desk, green.db, (47000, 445), 12 * SECOND)
    copy.send(green.desk, build.noise("green copy", 30_000))
    copy.send_swapped(green.desk, build.noise("green swapped", 7_000), comment="overtaken by the next segment")
    copy.send(green.desk, build.noise("green rest", 20_000)).close(green.desk)
    # A guest trunk port: frames that kept their 802.1Q tag (RFC 7637 section 3 forbids it).
    for index in range(4):
        body = build.icmp(8, 0, 0x0777 << 16 | index + 1, build.noise("tagged", 48))
        packet = build.ipv4(green.web.ip, green.app.ip, build.ICMP, body, ident=index + 1)
        frame = build.ethernet_ip(green.app.mac, green.web.mac, packet, vlans=(100,))
        green.overlay.send(13 * SECOND + index * SECOND, green.web.host, green.app.host, GREEN, frame)


def green_ipv6(green: Tenant) -> None:
    overlay = green.overlay
    desk, web = (Vm(f"fd00:6::{last}", vm.mac, vm.host) for last, vm in ((100, green.desk), (10, green.web)))
    group, group_mac = "ff02::1:ff00:10", "33:33:ff:00:00:10"
    ask = build.address(web.ip) + b"\x01\x01" + build.mac(desk.mac)
    question = build.ipv6(desk.ip, group, build.ICMPV6, build.icmpv6(desk.ip, group, 135, 0, 0, ask), hop_limit=255)
    overlay.send(500 * MS, desk.host, GREEN_GROUP, GREEN, build.ethernet_ip(group_mac, desk.mac, question))
    tell = build.address(web.ip) + b"\x02\x01" + build.mac(web.mac)
    answer = build.ipv6(
        web.ip, desk.ip, build.ICMPV6, build.icmpv6(web.ip, desk.ip, 136, 0, 0x60000000, tell), hop_limit=255
    )
    overlay.deliver(500 * MS + 300 * US, web, desk, GREEN, answer)
    ping(overlay, GREEN, desk, web, 600 * MS, count=5)
    for index in range(3):
        page = Tcp(overlay, GREEN, desk, web, (50100 + index, 80), SECOND + index * 6 * SECOND, mss=1398).open()
        for request in range(3):
            page.send(desk, http_get("[fd00:6::10]", f"/six/{request}"))
            page.send(web, http_ok(2500, f"six {index} {request}")).wait(25 * MS)
        page.close(desk)
    for index in range(5):
        body = build.udp(green.desk.ip, "224.0.0.251", 5353, 5353, dns("_http._tcp.local", 0))
        packet = build.ipv4(green.desk.ip, "224.0.0.251", build.UDP, body, ident=index + 1, ttl=255)
        frame = build.ethernet_ip("01:00:5e:00:00:fb", green.desk.mac, packet)
        overlay.send(2 * SECOND + index * 5 * SECOND, green.desk.host, GREEN_GROUP, GREEN, frame)


def underlay(overlay: Overlay, red: Tenant) -> None:
    """What the hosts themselves say: ARP, BGP to the router, and one ICMP error about a tunnel packet."""
    for index, host in enumerate(HOSTS):
        at_ns = 20 * MS + index * 3 * MS
        question = build.arp(1, host.mac, host.pa, "00:00:00:00:00:00", ROUTER.pa)
        overlay.bare(at_ns, build.ethernet(build.BROADCAST, host.mac, build.ARP, question, pad=True))
        answer = build.arp(2, ROUTER.mac, ROUTER.pa, host.mac, host.pa)
        overlay.bare(at_ns + 90 * US, build.ethernet(host.mac, ROUTER.mac, build.ARP, answer, pad=True))
    keepalive = b"\xff" * 16 + b"\x00\x13\x04"
    seq = {GATEWAY: 0x10203040, ROUTER: 0x50607080}
    for index in range(6):
        side, peer = ((GATEWAY, ROUTER), (ROUTER, GATEWAY))[index % 2]
        at_ns = 3 * SECOND + index // 2 * 10 * SECOND + index % 2 * 120 * US
        ports = (33179, 179) if side is GATEWAY else (179, 33179)
        body = build.tcp(
            side.pa, peer.pa, *ports, seq=seq[side], ack=seq[peer],
            flags=build.PSH | build.ACK, window=501, payload=keepalive,
        )  # fmt: skip
        seq[side] += len(keepalive)
        packet = build.ipv4(side.pa, peer.pa, build.TCP, body, ident=100 + index, ttl=1, tos=0xC0)
        overlay.bare(at_ns, build.ethernet_ip(peer.mac, side.mac, packet))
    # Red's packet of full size meets a link of 1500 bytes; what is quoted ends behind the GRE key.
    big = build.udp(red.web.ip, red.outside.ip, 40404, 40405, build.noise("big", 1430))
    inner = inner_frame(red.web, red.outside, build.ipv4(red.web.ip, red.outside.ip, build.UDP, big, ident=77))
    src, dst = red.web.host, red.outside.host
    outer = build.ipv4(src.pa, dst.pa, build.GRE, build.nvgre(RED, 0x5A, inner), ident=0x7777)
    overlay.bare(20 * SECOND, build.ethernet_ip(dst.mac, src.mac, outer))
    error = build.ipv4(
        ROUTER.pa,
        src.pa,
        build.ICMP,
        build.icmp(3, 4, 1500, outer[:28]),
        ident=1,
        fragment=0,
        ttl=255,
        tos=0xC0,
    )
    overlay.bare(
        20 * SECOND + 200 * US,
        build.ethernet_ip(src.mac, ROUTER.mac, error),
        "the underlay's MTU is too small",
    )


def packets() -> list[Packet]:
    overlay = Overlay(EPOCH)
    blue = Tenant(overlay, BLUE, "10.0.0.", (NVE1, NVE2, NVE3, NVE2), "blue")
    red = Tenant(overlay, RED, "10.0.0.", (NVE1, NVE3, NVE2, NVE3), "red")
    green = Tenant(overlay, GREEN, "172.16.0.", (NVE2, NVE3, NVE1, NVE3), "green")
    for tenant in (blue, red, green):
        tenant.everyday()
    blue_troubles(blue)
    red_troubles(red)
    green_troubles(green)
    green_ipv6(green)
    underlay(overlay, red)
    return overlay.packets()


def main() -> None:
    names = {f"nve{n}.dc.example": build.address(host.pa) for n, host in enumerate((NVE1, NVE2, NVE3), start=1)}
    names |= {"gateway.dc.example": build.address(GATEWAY.pa), "tor1.dc.example": build.address(ROUTER.pa)}
    data = pcapng(
        packets(),
        [("tor1-mirror", "mirror of the four uplinks of rack 1")],
        comment="Three NVGRE tenants on four tunnel ends; made by make_fabric.py.",
        names=names,
    )
    destination("fabric.pcapng").write_bytes(data)


if __name__ == "__main__":
    main()
