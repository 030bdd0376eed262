"""Our filters as Wireshark's, and the command lines that show a view there."""

from __future__ import annotations

import shlex

import pytest

from nvgre_inspect.flows.filter.errors import FilterError
from nvgre_inspect.wireshark.command_line import View, command_line
from nvgre_inspect.wireshark.translation import UntranslatableError, translated


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("", ""),
        ("tcp.port == 80", "tcp.port == 80"),
        ("tcp && !udp or not ip", "(tcp && (!udp)) || (!ip)"),
        ("ip.addr == 10.0.0.0/8", "ip.addr == 10.0.0.0/8"),
        ("eth.src[0:3] == 00:15:5d", "eth.src[0:3] == 00:15:5d"),
        ("tcp.flags & 0x02", "tcp.flags & 0x02"),
        ("tcp.port in {80, 443, 8000..8080}", "tcp.port in {80, 443, 8000..8080}"),
        ("all tcp.port > 1024", "all tcp.port > 1024"),
        ('tcp.payload contains "GET"', 'tcp.payload contains "GET"'),
        ("ip.src == ip.dst", "ip.src == ip.dst"),
        ("tcp.flags.syn == true", "tcp.flags.syn == 1"),
        ("tcp.flags.syn != False", "tcp.flags.syn != 0"),
        ("ip.src ~= 10.0.0.1", "ip.src any_ne 10.0.0.1"),
        ("tcp.seq == 5", "tcp.seq_raw == 5"),
        ("nvgre.vsid == 5001", "gre.key in {0x138900..0x1389ff}"),
        ("nvgre.vsid >= 0x1389", "gre.key >= 0x138900"),
        ("nvgre.vsid < 5001", "gre.key < 0x138900"),
        ("nvgre.vsid > 5001", "gre.key > 0x1389ff"),
        ("nvgre.vsid in {5001..5003}", "(gre.key in {0x138900..0x138bff})"),
        ("nvgre.flowid == 7", "gre.key & 0xff == 0x7"),
        ("vsid == 5001", "gre.key in {0x138900..0x1389ff} || vxlan.vni == 5001 || geneve.vni == 5001"),
        ("nvgre", "(gre.proto == 0x6558 && gre.key >= 0x100000)"),
    ],
)
def test_what_has_a_counterpart(ours: str, theirs: str) -> None:
    assert translated(ours) == theirs


@pytest.mark.parametrize(
    "text",
    [
        "pa.addr == 192.0.2.1",
        "inner.ip.src == 10.0.0.1",
        "retransmissions_fwd > 0",
        "src_ip == 10.0.0.1",
        'info contains "x"',
        "ip.proto == tcp",
        "encap == nvgre",
        "gretap",
        "nvgre.flowid in {1..3}",
        "tcp.port == 80 && anomaly",
    ],
)
def test_what_has_none(text: str) -> None:
    with pytest.raises(UntranslatableError, match="Wireshark"):
        translated(text)


def test_what_is_no_filter() -> None:
    with pytest.raises(FilterError):
        translated("tcp.port ==")


def words(view: View) -> list[str]:
    return shlex.split(command_line(view).text)


def test_packets_directly_where_the_filter_has_a_counterpart() -> None:
    view = View("packets", ["a b.pcap"], read_filter="tcp", row_filter="vsid == 5001", count=9, time="ad")
    assert words(view) == [
        *("tshark", "-n", "-r", "a b.pcap", "-c", "9", "-Y"),
        "(tcp) && (gre.key in {0x138900..0x1389ff} || vxlan.vni == 5001 || geneve.vni == 5001)",
        *("-t", "ad"),
    ]


def test_packets_by_way_of_decap_where_it_has_none() -> None:
    view = View(
        "packets", ["a.pcap"], row_filter="retransmissions_fwd > 0", gre_key="nvgre", decode_as=["udp.port==1,vxlan"]
    )
    line = command_line(view)
    assert shlex.split(line.text) == [
        *("nvgre-inspect", "decap", "a.pcap", "-o", "-", "-Y", "retransmissions_fwd > 0", "--gre-key", "nvgre"),
        *("-d", "udp.port==1,vxlan", "|", "tshark", "-n", "-r", "-"),
    ]
    assert "retransmissions_fwd" in line.notes[0]


def test_conversations_are_those_of_tenants() -> None:
    line = command_line(View("flows", ["a.pcap"], row_filter="vsid == 5001", tshark_filter="http"))
    assert shlex.split(line.text) == [
        *("nvgre-inspect", "decap", "a.pcap", "-o", "-", "-Y", "vsid == 5001", "--tshark-filter", "http"),
        *("|", "tshark", "-n", "-r", "-", "-q", "-z", "conv,tcp", "-z", "conv,udp"),
    ]
    assert line.notes == ()
    assert "same addresses" in command_line(View("flows", ["a.pcap"])).notes[0]


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (View("captures", ["a.pcap", "b.pcap"]), "capinfos a.pcap b.pcap"),
        (View("dissect", ["a.pcap"], packet=7), "tshark -n -r a.pcap -Y 'frame.number == 7' -V -x"),
        (
            View("follow", ["a.pcap"], flow=3, protocol="udp"),
            "nvgre-inspect decap a.pcap -o - -Y 'flow == 3' | tshark -n -r - -q -z follow,udp,ascii,0",
        ),
        (View("timeline", ["a.pcap"], read_filter="tcp"), "tshark -n -r a.pcap -q -z io,stat,1,tcp"),
        (
            View("tenants", ["a", "b"]),
            "mergecap -w - a b | tshark -n -r - -T fields -e gre.key -e vxlan.vni -e geneve.vni | sort | uniq -c",
        ),
        (View("packets", ["-"], interface="0"), "tshark -n -r - -Y 'frame.interface_id == 0'"),
        (View("packets", ["a"], interface='x"\\'), 'tshark -n -r a -Y \'frame.interface_name == "x\\"\\\\"\''),
    ],
)
def test_other_views(view: View, text: str) -> None:
    assert command_line(view).text == text


@pytest.mark.parametrize("name", ["tunnels", "timeline", "tenants", "placements"])
def test_rows_that_tshark_does_not_choose_among(name: str) -> None:
    (note,) = command_line(View(name, ["a.pcap"], row_filter="packets > 5")).notes
    assert note.startswith("-Y is left out")
    assert command_line(View(name, ["a.pcap"], read_filter="tcp")).notes == ()


def test_files_are_not_filtered() -> None:
    (note,) = command_line(View("captures", ["a.pcap"], read_filter="tcp")).notes
    assert note == "the filters are left out: capinfos has none"


def test_nothing_in_a_name_or_filter_is_for_the_shell() -> None:
    evil = "$(rm -rf /); `x` 'y'"
    assert evil in words(View("packets", [evil], tshark_filter=evil))
    assert words(View("packets", [evil], tshark_filter=evil)).count(evil) == 2
