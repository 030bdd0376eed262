"""nested-vxlan.pcap: tenant 5001 runs VXLAN of its own inside NVGRE; a mirror of it in ERSPAN; nesting
without end.

Two of the tenant's networks (VNI 1 and 2) use the same addresses and ports once more. The last packet is
20 NVGRE headers deep, which is deeper than anyone needs and than a decoder should follow.
"""

import build
from capture_file import destination, pcap
from conversation import Tcp, http_get, http_ok, ping
from overlay import MS, SECOND, US, Host, Overlay, Vm, over_nvgre, over_vxlan

EPOCH = 1_702_000_000 * SECOND
HOST_A = Host("192.168.50.1", "00:15:5d:00:50:01")
HOST_B = Host("192.168.50.2", "00:15:5d:00:50:02")
#: The tenant's own tunnel ends: VMs of the outer network, hosts of the inner ones.
NODE_A = Host("10.0.0.1", "00:15:5d:01:00:01")
NODE_B = Host("10.0.0.2", "00:15:5d:01:00:02")
BENEATH = {NODE_A: HOST_A, NODE_B: HOST_B}
COLLECTOR = Host("192.168.50.99", "00:15:5d:00:50:99")


def vxlan_in_nvgre(src: Host, dst: Host, vni: int, frame: bytes, ident: int) -> bytes:
    return over_nvgre(BENEATH[src], BENEATH[dst], 5001, over_vxlan(src, dst, vni, frame, ident), ident)


def main() -> None:
    overlay = Overlay(EPOCH, carrier=vxlan_in_nvgre)
    for vni in (1, 2):
        late = vni * 50 * US
        client = Vm("172.17.0.2", f"02:42:ac:11:{vni:02x}:02", NODE_A)
        server = Vm("172.17.0.3", f"02:42:ac:11:{vni:02x}:03", NODE_B)
        ping(overlay, vni, client, server, late)
        for number in range(2):
            web = Tcp(overlay, vni, client, server, (45678 + number, 8080), late + (1 + 20 * number) * MS, mss=1368)
            web.open().send(client, http_get("pod.example", "/")).send(server, http_ok(9_000, f"pod {vni} {number}"))
            web.close(client)
    # A switch mirrors the first packets to a collector: ERSPAN around NVGRE around VXLAN.
    for sequence, packet in enumerate(overlay.packets()[:6]):
        copy = build.erspan2(5, sequence, packet.frame)
        mirror = build.ipv4(HOST_B.pa, COLLECTOR.pa, build.GRE, copy, ident=sequence + 1, ttl=62)
        at_ns = packet.ts_ns - EPOCH + 9 * US
        overlay.bare(at_ns, build.ethernet_ip(COLLECTOR.mac, HOST_B.mac, mirror))
    frame = build.ethernet_ip(
        NODE_B.mac,
        NODE_A.mac,
        build.ipv4("10.0.0.1", "10.0.0.2", build.UDP, build.udp("10.0.0.1", "10.0.0.2", 7, 7, b"deep")),
    )
    for depth in range(20):
        frame = over_nvgre(HOST_A, HOST_B, 5020 - depth, frame, 9000 + depth)
    overlay.bare(3 * SECOND, frame)
    destination("nested-vxlan.pcap").write_bytes(pcap(overlay.packets()))


if __name__ == "__main__":
    main()
