"""overlapping-tenants.pcap: tenants 5001 and 5002 use the same addresses and ports at the same time.

Five pairs of connections, all clean: whoever keys flows by VSID sees ten and nothing wrong with any of
them; who does not mixes each pair into one stream and finds retransmissions and losses that never were.
"""

import build
from capture_file import destination, pcap
from conversation import Tcp, http_get, http_ok, ping
from overlay import MS, SECOND, US, Host, Overlay, Vm

EPOCH = 1_700_000_000 * SECOND
HOST_A = Host("192.168.50.1", "00:15:5d:00:50:01")
HOST_B = Host("192.168.50.2", "00:15:5d:00:50:02")


def main() -> None:
    overlay = Overlay(EPOCH)
    for vsid in (5001, 5002):
        late = (vsid - 5001) * 37 * US
        client = Vm("10.0.0.1", f"00:15:5d:{vsid - 5000:02x}:00:01", HOST_A)
        server = Vm("10.0.0.2", f"00:15:5d:{vsid - 5000:02x}:00:02", HOST_B)
        ping(overlay, vsid, client, server, late)
        for number in range(4):
            start = 10 * MS + number * 250 * MS + late
            web = Tcp(overlay, vsid, client, server, (49152 + number, 80), start).open()
            for request in range(2 + number):
                web.send(client, http_get("app.example", f"/{number}/{request}"))
                web.send(server, http_ok(4_000 + 6_000 * (request % 3), f"{vsid}/{number}/{request}"))
                web.wait(3 * MS)
            web.close(client)
        shell = Tcp(overlay, vsid, client, server, (51000, 22), 1200 * MS + late).open()
        shell.send(server, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n").send(client, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        for key in range(12):
            shell.send(client, build.noise(f"{vsid} key {key}", 36)).send(server, build.noise(f"{vsid} echo {key}", 36))
            shell.wait(40 * MS)
        shell.close(client)
    destination("overlapping-tenants.pcap").write_bytes(pcap(overlay.packets()))


if __name__ == "__main__":
    main()
