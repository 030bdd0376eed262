"""Sequence numbers of rows of `packets`, counted from the first of each direction."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

import nvgre_inspect
from dissectors import offsets
from nvgre_inspect.flows.flow_packets import flow_packets, in_parts
from nvgre_inspect.flows.relative_numbers import ACK, SEQ, Origins, RelativePages
from tests.builders.build import ethernet_ip, ipv4, tcp
from tests.builders.capture_file import Packet, pcap
from tests.unit.flows.again import SAMPLES

SYN, ACKS = offsets.TCP_SYN, offsets.TCP_ACK_FLAG
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"


@contextmanager
def relative(path):
    """(snapshot, pages, relative pages) of a capture."""
    with nvgre_inspect.open(path) as session:
        view = session.read().snapshot()
        pages = session.pages(view)
        yield view, pages, RelativePages(pages, view.state, Origins())


def numbers_of(path, segments):
    """(seq, ack) of each of the segments (from the client, seq, ack or None, payload) of one conversation."""
    packets = []
    for place, (from_client, flags, seq, ack, payload) in enumerate(segments):
        ends = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
        ports = (40000, 80) if from_client else (80, 40000)
        segment = tcp(*ends, *ports, seq=seq, ack=ack, flags=flags, window=1000, payload=payload)
        frame = ethernet_ip("02:00:00:00:00:02", "02:00:00:00:00:01", ipv4(*ends, offsets.IPPROTO_TCP, segment))
        packets.append(Packet(place * 1_000_000, frame))
    path.write_bytes(pcap(packets))
    with relative(path) as (view, _, pages):
        assert len(view.flows) == 1
        rows = pages.page(np.arange(1, len(segments) + 1))
    return list(zip(rows[SEQ].tolist(), rows[ACK].tolist(), strict=True))


@pytest.mark.parametrize(
    "sample", ["tcp-lab.pcap", "overlapping-tenants.pcap", "fabric.pcapng", "asymmetric-vsid.pcap"]
)
def test_they_are_those_of_the_ladder(sample):
    with relative(SAMPLES / sample) as (view, pages, more):
        compared = 0
        for row in np.flatnonzero((view.flows["protocol"] == "tcp").to_numpy(bool)).tolist():
            numbers = pages.numbers_of(np.array([row]))
            ladder = flow_packets(in_parts(pages, numbers), int(view.state.flows["initiator"][row]))
            rows = more.page(numbers)
            assert rows[SEQ].tolist() == ladder.seq.tolist()
            assert rows[ACK].tolist() == ladder.ack.tolist()
            compared += 1
        assert compared > 0


def test_the_rows_are_those_of_the_table_otherwise():
    with relative(SAMPLES / "fabric.pcapng") as (_, pages, more):
        numbers = np.arange(1, 200)
        rows = more.page(numbers)
        assert rows.drop(columns=[SEQ, ACK]).equals(pages.page(numbers))
        others = rows[rows["protocol"] != "tcp"]
        assert len(others) > 10
        assert (others[[SEQ, ACK]] == -1).all(axis=None)


def test_they_go_on_where_numbers_on_the_wire_begin_again(tmp_path):
    start = 0xFFFFFFFE
    segments = [
        (True, SYN, start, 0, b""),
        (False, SYN | ACKS, 7, start + 1, b""),
        (True, ACKS, start + 1, 8, b"abcd"),
        (False, ACKS, 8, start + 5, b""),
        (True, ACKS, start + 5, 8, b"efgh"),
    ]
    assert numbers_of(tmp_path / "wraps.pcap", segments) == [(0, -1), (0, 1), (1, 1), (1, 5), (5, 1)]


def test_a_syn_that_is_sent_often_is_answered_at_last(tmp_path):
    segments = [*[(True, SYN, 100, 0, b"")] * 7, (False, SYN | ACKS, 200, 101, b""), (True, ACKS, 101, 201, b"")]
    assert numbers_of(tmp_path / "patient.pcap", segments) == [*[(0, -1)] * 7, (0, 1), (1, 1)]


def test_of_a_side_that_is_silent_at_first_what_is_acknowledged_counts(tmp_path):
    data = [(True, ACKS, 1000 + 10 * place, 500, bytes(10)) for place in range(10)]
    segments = [*data, (False, ACKS, 500, 1100, b"xyz"), (True, ACKS, 1100, 503, b"")]
    expected = [*[(10 * place, 1) for place in range(10)], (1, 100), (100, 4)]
    assert numbers_of(tmp_path / "silent.pcap", segments) == expected


def test_halves_of_a_flow_have_the_numbers_of_the_whole(tmp_path):
    """Its directions may have VSIDs of their own, and so be two flows."""
    segments = [
        (True, SYN, 0xFFFFFFFF, 0, b""),
        (False, SYN | ACKS, 200, 0, b""),
        (True, ACKS, 0, 201, b"abc"),
        (False, ACKS, 201, 3, b"defg"),
        (True, ACKS, 3, 205, b""),
    ]
    whole = numbers_of(tmp_path / "whole.pcap", segments)
    assert whole == [(0, -1), (0, 1), (1, 1), (1, 4), (4, 5)]
    for side in (True, False):
        half = [segment for segment in segments if segment[0] == side]
        expected = [numbers for numbers, segment in zip(whole, segments, strict=True) if segment[0] == side]
        assert numbers_of(tmp_path / "half.pcap", half) == expected


def test_flows_are_looked_at_once(monkeypatch):
    with relative(SAMPLES / "tcp-lab.pcap") as (view, pages, _):
        origins = Origins()
        more = RelativePages(pages, view.state, origins)
        numbers = pages.numbers_of(np.array([0]))
        assert len(numbers) > 8
        more.page(numbers)
        read = []
        decoded = type(pages).decoded
        monkeypatch.setattr(type(pages), "decoded", lambda self, few: read.append(len(few)) or decoded(self, few))
        more.page(numbers[-3:])
        assert read == [3]
