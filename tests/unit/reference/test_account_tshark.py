"""The same segments told to tshark: where the words agree, and each difference that docs/tcp-analysis.md explains.

One capture holds all conversations, one server port each.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest

from nvgre_inspect.wireshark.tshark import installed
from tests.builders.conversation import C, Conversation, S, counts
from tests.builders.wire import pcap

WORDS = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "lost_segment",
    "ack_lost_segment",
    "duplicate_ack",
    "keep_alive",
    "keep_alive_ack",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "reused_ports",
)


class Case(NamedTuple):
    tell: Callable[[Conversation], None]
    #: Words of the client's and of the server's side, summed over flows.
    client: dict[str, int]
    server: dict[str, int]
    #: tshark's words, over both directions.
    tshark: dict[str, int]
    #: Version of tshark from which on they are others -> those.
    since: Mapping[tuple[int, int], dict[str, int]] = MappingProxyType({})


def begin(talk: Conversation, rtt_us: int = 200) -> None:
    """Handshake, and 100 bytes of the client, acknowledged."""
    talk.handshake(-rtt_us, rtt_us)
    talk.client(1000, "P", 1, ack=1, length=100)
    talk.server(1100, "", 1, ack=101)


def clean(t: Conversation) -> None:
    begin(t)
    t.server(2000, "P", 1, ack=101, length=500)
    t.client(2100, "", 101, ack=501)
    t.client(3000, "F", 101, ack=501)
    t.server(3100, "F", 501, ack=102)
    t.client(3200, "", 102, ack=502)


def retransmission(t: Conversation) -> None:
    begin(t)
    t.client(2000, "P", 101, ack=1, length=100)
    t.client(302_000, "P", 101, ack=1, length=100)


def retransmission_soon(t: Conversation) -> None:
    """Again after 100 µs, less than the round trip."""
    begin(t)
    t.client(2000, "P", 101, ack=1, length=100)
    t.client(2100, "P", 101, ack=1, length=100)


def retransmission_after_ack(t: Conversation) -> None:
    begin(t)
    t.client(302_000, "P", 1, ack=1, length=100)


def fast_retransmission(t: Conversation) -> None:
    begin(t, rtt_us=10_000)
    t.client(20_000, "P", 201, ack=1, length=100)
    for at in (25_000, 25_100, 25_200):
        t.server(at, "", 1, ack=101)
    t.client(35_000, "P", 101, ack=1, length=100)
    t.server(40_000, "", 1, ack=301)


def reordered(t: Conversation) -> None:
    begin(t)
    t.client(2000, "P", 201, ack=1, length=100)
    t.client(2050, "P", 101, ack=1, length=100)


def filled_late(t: Conversation) -> None:
    begin(t)
    t.client(2000, "P", 201, ack=1, length=100)
    t.client(302_000, "P", 101, ack=1, length=100)


def lost(t: Conversation) -> None:
    begin(t)
    t.client(2000, "P", 201, ack=1, length=100)


def gap_acknowledged(t: Conversation) -> None:
    begin(t)
    t.client(2000, "P", 201, ack=1, length=100)
    t.server(2100, "", 1, ack=301)


def tail_acknowledged(t: Conversation) -> None:
    begin(t)
    t.server(2100, "", 1, ack=201)
    t.server(2200, "", 1, ack=301)


def captured_twice(t: Conversation) -> None:
    begin(t)
    for at in (2000, 2001):
        t.client(at, "P", 101, ack=1, length=100, ip_id=7)
    for at in (2100, 2101):
        t.server(at, "", 1, ack=201, ip_id=9)


def keep_alive(t: Conversation) -> None:
    begin(t)
    for at in (45_000_000, 90_000_000):
        t.client(at, "", 100, ack=1)
        t.server(at + 100, "", 1, ack=101)


def keep_alive_first(t: Conversation) -> None:
    """The capture starts in an idle connection."""
    t.client(0, "", 100, ack=1)
    t.server(100, "", 1, ack=101)
    t.client(45_000_000, "", 100, ack=1)
    t.server(45_000_100, "", 1, ack=101)


def probe_taken(t: Conversation) -> None:
    begin(t)
    t.server(2000, "", 1, ack=101, tcp_window=0)
    t.client(3000, "", 101, ack=1, length=1)
    t.server(3100, "", 1, ack=101, tcp_window=0)
    t.client(4000, "", 101, ack=1, length=1)
    t.server(4100, "", 1, ack=102)
    t.client(4200, "P", 102, ack=1, length=100)


def duplicate_acks(t: Conversation) -> None:
    begin(t)
    t.server(2000, "", 1, ack=101)
    t.server(2001, "", 1, ack=101)
    t.server(2002, "", 1, ack=101, tcp_window=2000)


def syn_again(t: Conversation) -> None:
    t.client(0, "S", 0)
    t.client(1_000_000, "S", 0)
    t.server(1_000_100, "S", 0, ack=1)
    t.client(1_000_200, "", 1, ack=1)


def port_reused(t: Conversation) -> None:
    t.client(0, "S", 0)
    t.server(100, "RA", 0, ack=1)
    t.client(5_000_000, "S", 90_000)
    t.server(5_000_100, "RA", 0, ack=90_001)


def closed_and_reused(t: Conversation) -> None:
    clean(t)
    t.client(5_000_000, "S", 90_000)
    t.server(5_000_100, "S", 80_000, ack=90_001)


def reset(t: Conversation) -> None:
    begin(t)
    t.client(2000, "R", 101)
    t.client(2001, "R", 101)


def filled_after_others(t: Conversation) -> None:
    """250 µs after the gap (round trip 200 µs), but 100 µs after the segment before it."""
    begin(t)
    t.client(2000, "P", 201, ack=1, length=100)
    t.client(2150, "P", 301, ack=1, length=100)
    t.client(2250, "P", 101, ack=1, length=100)


def gap_in_two_steps(t: Conversation) -> None:
    """Two segments are missing; both come in time."""
    begin(t)
    t.client(2000, "P", 301, ack=1, length=100)
    t.client(2050, "P", 101, ack=1, length=100)
    t.client(2100, "P", 201, ack=1, length=100)


def refused_and_tried_again(t: Conversation) -> None:
    """The same SYN again after a RST, as Windows does."""
    for at in (0, 500_000):
        t.client(at, "S", 0)
        t.server(at + 100, "RA", 0, ack=1)


def overlapping(t: Conversation) -> None:
    """Old and new data in one segment."""
    begin(t)
    t.client(2000, "P", 51, ack=1, length=100)
    t.client(2100, "P", 151, ack=1, length=100)


def from_before_the_capture(t: Conversation) -> None:
    t.client(0, "P", 101, ack=1, length=100)
    t.client(1000, "P", 1, ack=1, length=100)


CASES = [
    Case(clean, {}, {}, {}),
    Case(retransmission, {"retransmissions": 1}, {}, {"retransmission": 1}),
    Case(retransmission_soon, {"retransmissions": 1}, {}, {"retransmission": 1}),
    Case(retransmission_after_ack, {"retransmissions": 1}, {}, {"retransmission": 1, "spurious_retransmission": 1}),
    Case(
        fast_retransmission,
        {"retransmissions": 1},
        {"duplicate_acks": 3},
        {"lost_segment": 1, "duplicate_ack": 3, "retransmission": 1, "fast_retransmission": 1},
    ),
    Case(
        reordered,
        {"out_of_order": 1},
        {},
        {"lost_segment": 1, "out_of_order": 1},
        {(4, 6): {"lost_segment": 1, "retransmission": 1}},
    ),
    Case(filled_late, {"retransmissions": 1}, {}, {"lost_segment": 1, "retransmission": 1}),
    Case(
        filled_after_others,
        {"retransmissions": 1},
        {},
        {"lost_segment": 1, "out_of_order": 1},
        {(4, 6): {"lost_segment": 1, "retransmission": 1}},
    ),
    Case(
        gap_in_two_steps,
        {"out_of_order": 2},
        {},
        {"lost_segment": 1, "out_of_order": 2},
        {(4, 6): {"lost_segment": 1, "retransmission": 2}},
    ),
    Case(lost, {"lost_segments": 1}, {}, {"lost_segment": 1}),
    Case(gap_acknowledged, {"acked_unseen": 1}, {}, {"lost_segment": 1, "ack_lost_segment": 1}),
    Case(tail_acknowledged, {"acked_unseen": 1}, {}, {"ack_lost_segment": 1}, {(4, 4): {"ack_lost_segment": 2}}),
    Case(captured_twice, {"duplicates": 1}, {"duplicates": 1}, {"retransmission": 1, "duplicate_ack": 1}),
    Case(keep_alive, {}, {}, {"keep_alive": 2, "keep_alive_ack": 2}),
    Case(keep_alive_first, {}, {}, {"ack_lost_segment": 1, "duplicate_ack": 2}),
    Case(
        probe_taken,
        {},
        {"zero_windows": 2},
        {
            "zero_window": 2,
            "zero_window_probe": 2,
            "zero_window_probe_ack": 1,
            "ack_lost_segment": 1,
            "lost_segment": 1,
        },
        {(4, 4): {"zero_window": 2, "zero_window_probe": 2, "zero_window_probe_ack": 1}},
    ),
    Case(duplicate_acks, {}, {"duplicate_acks": 2}, {"duplicate_ack": 2}),
    Case(syn_again, {"retransmissions": 1}, {}, {"retransmission": 1}),
    Case(port_reused, {}, {"resets": 2}, {"reused_ports": 1}),
    Case(closed_and_reused, {}, {}, {"reused_ports": 1}),
    Case(reset, {"resets": 2}, {}, {}),
    Case(refused_and_tried_again, {}, {"resets": 2}, {"retransmission": 1}, {(4, 4): {"reused_ports": 1}}),
    Case(overlapping, {"retransmissions": 1}, {}, {"retransmission": 1}),
    Case(from_before_the_capture, {"retransmissions": 1}, {}, {"out_of_order": 1}, {(4, 6): {"retransmission": 1}}),
]
_FIRST_PORT = 1000


def told(case: Case) -> Conversation:
    talk = Conversation(tunnelled=False, server_end=f"10.0.0.2:{_FIRST_PORT + CASES.index(case)}")
    case.tell(talk)
    return talk


@pytest.fixture(scope="module")
def tshark(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Counter[str]]:
    """tshark's words by server port."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed (Debian: apt-get install tshark)")
    records = np.concatenate([told(case).frames.take()[1] for case in CASES])
    path: Path = tmp_path_factory.mktemp("tshark") / "words.pcap"
    path.write_bytes(pcap(records[np.argsort(records["ts_ns"], kind="stable")]))
    fields = ["tcp.srcport", "tcp.dstport", *(f"tcp.analysis.{word}" for word in WORDS)]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *(part for field in fields for part in ("-e", field))]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == len(records)
    words: dict[int, Counter[str]] = {}
    for line in lines:
        source, destination, *values = line.split("\t")
        port = min(int(source), int(destination))
        words.setdefault(port, Counter()).update(word for word, value in zip(WORDS, values, strict=True) if value)
    return words


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.tell.__name__)
def test_our_words(case: Case) -> None:
    sides: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for flow in told(case).flows():
        for side in (C, S):
            sides[side].update(counts(flow, side))
    assert (dict(sides[C]), dict(sides[S])) == (case.client, case.server)


@pytest.mark.interop
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.tell.__name__)
def test_words_of_tshark(case: Case, tshark: dict[int, Counter[str]]) -> None:
    expected = case.tshark
    for version, words in case.since.items():
        expected = words if installed().version >= version else expected
    assert dict(tshark[_FIRST_PORT + CASES.index(case)]) == expected
