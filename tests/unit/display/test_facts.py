"""The facts about captures, from made tables and from samples."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import nvgre_inspect
from nvgre_inspect.display.facts import facts, losses, shares
from nvgre_inspect.flows.tables import captures_table
from nvgre_inspect.model.source import InterfaceInfo

SAMPLES = Path(__file__).parents[3] / "samples"
T0 = 1_767_323_045_000_000_000  # 2026-01-02T03:04:05Z


def captures(*interfaces):
    given = {"file": "a.pcap", "interface": 0, "name": "", "linktype": 1, "snaplen": 0}
    return captures_table([InterfaceInfo(**(given | interface)) for interface in interfaces]).frame()


def test_one_file():
    table = captures({"name": "eth0", "packets": 2, "bytes": 3000, "first_ns": T0, "last_ns": T0 + 2_000_000_000})
    assert facts(table) == [
        "2 packets · 3.00 kB · ethernet · interface eth0",
        "2026-01-02 03:04:05 to 03:04:07 UTC · 2.000 s · 12.0 kbit/s on average",
    ]


def test_several_files_and_interfaces():
    made = {"packets": 1, "bytes": 60, "first_ns": T0}
    table = captures(
        *(made | {"file": f"{n}.pcap", "name": f"if{n}", "last_ns": T0 + n * 86_400_000_000_000} for n in range(5))
    )
    first, second = facts(table)
    assert first == "5 packets · 300 B · ethernet · 5 files · 5 interfaces (if0, if1, if2, …)"
    assert second.startswith("2026-01-02 03:04:05 to 2026-01-06 03:04:05 UTC · 4 d 00 h")


def test_texts_from_the_capture_are_escaped():
    table = captures({"name": "\x1b[31mred", "packets": 1, "first_ns": T0, "last_ns": T0})
    assert facts(table)[0].endswith(r"interface \x1b[31mred")


def test_a_short_snapshot_length_is_said():
    with nvgre_inspect.open(SAMPLES / "snaplen.pcap") as session:
        assert facts(session.captures)[0].endswith("cut to 96 bytes a packet")


def test_no_packets_no_times():
    assert facts(captures({})) == ["0 packets · 0 B · ethernet"]


def test_drops():
    table = captures({"dropped_kernel": 1, "dropped_interface": None}, {"dropped_kernel": 4, "dropped_interface": 2})
    assert losses(table) == [
        "5 packets dropped by the capturing system",
        "2 packets dropped by the interface",
    ]
    assert losses(captures({"dropped_kernel": 0})) == []


def test_shares():
    assert shares(pd.Series({"tcp": 80, "udp": 15, "arp": 4, "icmp": 1, "llc": 0})) == (
        "tcp 80 %, udp 15 %, arp 4 %, icmp 1 %"
    )
    assert shares(pd.Series(dtype="int64")) == ""
