"""icmp-errors.pcap: routers and hosts of the underlay that could not deliver tunnel packets, and say so.

What they quote tells which tunnel, and often which tenant, is concerned: with the 8 bytes that RFC 792 asks
for, GRE's key (VSID and FlowID) is still there; VXLAN shows only its UDP ports. Errors between VMs, inside
the tunnel, are the tenant's own.
"""

import build
from capture_file import destination, pcap
from overlay import MS, SECOND, US, Host, Overlay, Vm, inner_frame, over_geneve, over_nvgre, over_vxlan

EPOCH = 1_707_000_000 * SECOND
HOST_A = Host("192.168.50.1", "00:15:5d:00:50:01")
HOST_B = Host("192.168.50.2", "00:15:5d:00:50:02")
HOST_A6 = Host("2001:db8:50::1", "00:15:5d:06:50:01")
HOST_B6 = Host("2001:db8:50::2", "00:15:5d:06:50:02")
ROUTER = Host("192.168.50.254", "00:00:5e:00:01:32")
ROUTER6 = Host("2001:db8:50::ff", "00:00:5e:00:02:32")
CLIENT = Vm("10.0.0.1", "00:15:5d:01:00:01", HOST_A)
SERVER = Vm("10.0.0.2", "00:15:5d:01:00:02", HOST_B)


def full_size(sport: int) -> bytes:
    """An inner frame with 1458 bytes of IP, the most that an underlay of 1500 bytes carries."""
    body = build.udp(CLIENT.ip, SERVER.ip, sport, 9000, build.noise(f"full {sport}", 1430))
    return inner_frame(CLIENT, SERVER, build.ipv4(CLIENT.ip, SERVER.ip, build.UDP, body, ident=sport))


def main() -> None:
    overlay = Overlay(EPOCH)
    clock = 0

    def error(reporter: Host, kind: int, code: int, rest: int, outer: bytes, quoted: int) -> None:
        """`outer` on the wire; 300 µs later what `reporter` says, with `quoted` bytes of its IP packet."""
        nonlocal clock
        overlay.bare(clock, outer)
        if ":" in reporter.pa:
            body = build.icmpv6(reporter.pa, HOST_A6.pa, kind, code, rest, outer[14 : 14 + quoted])
            packet = build.ipv6(reporter.pa, HOST_A6.pa, build.ICMPV6, body)
        else:
            body = build.icmp(kind, code, rest, outer[14 : 14 + quoted])
            packet = build.ipv4(reporter.pa, HOST_A.pa, build.ICMP, body, ident=clock // MS, fragment=0, tos=0xC0)
        overlay.bare(clock + 300 * US, build.ethernet_ip(HOST_A.mac, reporter.mac, packet))
        clock += 10 * MS

    nvgre = [over_nvgre(HOST_A, HOST_B, 5001 + n % 2, full_size(7000 + n), 0x100 + n) for n in range(8)]
    for outer in nvgre[:3]:
        error(ROUTER, 3, 4, 1450, outer, 28)  # fragmentation needed, with the fewest bytes quoted
    error(ROUTER, 3, 4, 1450, nvgre[3], 128)  # ... and with as many as Linux quotes
    error(HOST_B, 3, 2, 0, nvgre[4], 28)  # protocol unreachable: nobody takes GRE there
    error(HOST_B, 3, 3, 0, nvgre[5], 548)  # port unreachable: no tunnel with this key
    error(ROUTER, 11, 0, 0, nvgre[6], 28)  # time exceeded: a loop, or too small a TTL
    error(ROUTER, 3, 13, 0, nvgre[7], 28)  # administratively prohibited
    error(ROUTER, 3, 4, 1450, over_vxlan(HOST_A, HOST_B, 5001, full_size(7010), 0x200), 28)
    error(HOST_B, 3, 3, 0, over_geneve(HOST_A, HOST_B, 5001, full_size(7011), 0x201), 128)
    error(ROUTER6, 2, 0, 1450, over_nvgre(HOST_A6, HOST_B6, 5001, full_size(7012), 0), 1232)  # packet too big
    # The tenant's own: a port where nobody listens, and a message from a router between its subnets.
    body = build.udp(CLIENT.ip, SERVER.ip, 40000, 161, b"anybody?")
    question = build.ipv4(CLIENT.ip, SERVER.ip, build.UDP, body, ident=1)
    overlay.deliver(clock, CLIENT, SERVER, 5001, question)
    refusal = build.ipv4(SERVER.ip, CLIENT.ip, build.ICMP, build.icmp(3, 3, 0, question), ident=1, fragment=0)
    overlay.deliver(clock + 200 * US, SERVER, CLIENT, 5001, refusal)
    redirect = build.icmp(5, 1, int.from_bytes(build.address("10.0.0.3")), question[:28])
    packet = build.ipv4(SERVER.ip, CLIENT.ip, build.ICMP, redirect, ident=2, fragment=0)
    overlay.deliver(clock + 400 * US, SERVER, CLIENT, 5001, packet)
    destination("icmp-errors.pcap").write_bytes(pcap(overlay.packets()))


if __name__ == "__main__":
    main()
