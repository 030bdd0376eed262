"""Plain traffic that was mirrored has no tunnels, and what is said of that names the mirror."""

import nvgre_inspect
from dissectors import offsets
from nvgre_inspect.display import states
from tests.builders.build import erspan2, ethernet_ip, icmp, ipv4
from tests.builders.capture_file import Packet, pcap

MACS = ("02:00:00:00:00:02", "02:00:00:00:00:01")


def echo(number):
    message = icmp(offsets.ICMP_ECHO, 0, 7 << 16 | number, bytes(32))
    return ethernet_ip(*MACS, ipv4("10.0.0.1", "10.0.0.2", offsets.IPPROTO_ICMP, message))


def mirrored(number):
    return ethernet_ip(*MACS, ipv4("192.0.2.1", "192.0.2.2", offsets.IPPROTO_GRE, erspan2(5, number, echo(number))))


def sentence(path, frames):
    path.write_bytes(pcap([Packet(place * 1_000_000, frame) for place, frame in enumerate(frames)]))
    with nvgre_inspect.open(path) as session:
        view = session.read().snapshot()
        assert set(view.flows["encap"]) == {"none"}
        return states.nothing(view, "tunnels", 0, "", read_filter=None, interface=None)


def test_mirrored_traffic_is_said_to_be_so(tmp_path):
    words = sentence(tmp_path / "mirrored.pcap", [mirrored(number) for number in range(3)])
    assert words == "no tunnels here; seen: icmp 100 %; mirrored (erspan2), which tells no tenant"


def test_plain_traffic_is_not(tmp_path):
    assert sentence(tmp_path / "plain.pcap", [echo(0), echo(1)]) == "no tunnels here; seen: icmp 100 %"
