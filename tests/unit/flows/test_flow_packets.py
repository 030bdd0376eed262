"""The packets of a flow: directions, relative numbers, and marks that add up to the flow's columns."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nvgre_inspect
from dissectors import offsets
from nvgre_inspect.capture.reader import select
from nvgre_inspect.flows import flow_packets as module
from nvgre_inspect.flows.flow_packets import Part, flow_packets, mark_words, packet_words, thinned_rows, unwrap
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode
from tests.unit.flows.again import SAMPLES, frames_again

COUNTED = {
    "retransmissions": module.RETRANSMISSION,
    "out_of_order": module.OUT_OF_ORDER,
    "duplicates": module.DUPLICATE,
    "duplicate_acks": module.DUPLICATE_ACK,
    "zero_windows": module.ZERO_WINDOW,
    "resets": module.RESET,
}


@pytest.fixture(scope="module")
def lab():
    with nvgre_inspect.open(SAMPLES / "tcp-lab.pcap") as session:
        yield session.read().snapshot()


def packets_of(view, flow, sample="tcp-lab.pcap", **options):
    """FlowPackets of the flow of that number."""
    rows = np.flatnonzero(view.state.frame_flow == flow - 1)
    batch, records = frames_again(SAMPLES / sample, rows)
    # In two parts: what is known of the first goes on in the second.
    half = len(rows) // 2
    parts = [
        Part(rows[some] + 1, select(batch, some), records[some]) for some in (slice(None, half), slice(half, None))
    ]
    return flow_packets(parts, int(view.state.flows["initiator"][flow - 1]), **options)


@pytest.mark.parametrize("sample", ["tcp-lab.pcap", "fabric.pcapng", "fragments.pcap", "ipv6-overlay.pcap"])
def test_marks_add_up_to_the_columns_of_every_flow(sample):
    with nvgre_inspect.open(SAMPLES / sample) as session:
        view = session.read().snapshot()
    compared = 0
    for row in view.flows.to_dict("records"):
        if row["protocol"] != "tcp":
            continue
        packets = packets_of(view, row["flow"], sample)
        for way, direction in (("fwd", 0), ("rev", 1)):
            mine = packets.mark[packets.direction == direction]
            for column, bit in COUNTED.items():
                assert np.count_nonzero(mine & bit) == row[f"{column}_{way}"], (row["flow"], column, way)
        compared += 1
    assert compared > 0


def flow_to(view, port):
    return int(view.flows.loc[view.flows["dst_port"] == port, "flow"].iloc[0])


def test_numbers_are_relative_to_each_direction(lab):
    packets = packets_of(lab, flow_to(lab, 6001))
    syn, syn_ack, ack = 0, 1, 2
    assert [int(packets.seq[i]) for i in (syn, syn_ack, ack)] == [0, 0, 1]
    assert [int(packets.ack[i]) for i in (syn, syn_ack, ack)] == [-1, 1, 1]
    assert packets.direction[:3].tolist() == [0, 1, 0]
    assert packet_words(packets, syn).startswith("[SYN] Seq=0 Win=")
    assert packet_words(packets, syn_ack).startswith("[SYN, ACK] Seq=0 Ack=1 Win=")
    assert packets.any_tcp


def test_numbers_go_on_beyond_32_bits(lab):
    packets = packets_of(lab, flow_to(lab, 6013))  # the sample's sequence numbers pass 2^32
    forward = packets.seq[packets.direction == 0]
    assert forward.min() == 0
    assert 0 < forward.max() < 1 << 20
    assert packets.ack[packets.direction == 1].max() < 1 << 20


def test_a_gap_is_marked_where_it_opens_and_unseen_data_where_it_is_acknowledged(lab):
    never = packets_of(lab, flow_to(lab, 6007))
    assert np.count_nonzero(never.mark & module.GAP) == 1
    unseen = packets_of(lab, flow_to(lab, 6008))
    of_responder = unseen.mark[unseen.direction == 1]
    assert np.count_nonzero(of_responder & module.ACKS_UNSEEN) > 0


def test_thinned_packets_have_no_marks(lab):
    packets = packets_of(lab, flow_to(lab, 6002), thinned=True)
    assert not packets.mark.any()


def test_what_is_not_tcp_has_lengths_and_volume():
    with nvgre_inspect.open(SAMPLES / "fabric.pcapng") as session:
        view = session.read().snapshot()
    flows = view.flows
    for protocol in ("udp", "icmp", "arp"):
        flow = int(flows.loc[flows["protocol"] == protocol, "flow"].iloc[0])
        packets = packets_of(view, flow, "fabric.pcapng")
        assert len(packets) > 0
        assert not packets.any_tcp
        assert packet_words(packets, 0) == f"Len={int(packets.length[0]):,}"
        for direction in (0, 1):
            mine = packets.direction == direction
            if mine.any():
                assert packets.volume()[mine][-1] == packets.length[mine].sum()


def test_hostile_frames_become_packets():
    """Whatever the records say: random bytes behind NVGRE, decoded and shown."""
    generator = np.random.default_rng(3)
    with nvgre_inspect.open(SAMPLES / "tcp-lab.pcap") as session:
        frames = session.read().snapshot().state.frames
    batch, _ = frames_again(SAMPLES / "tcp-lab.pcap", np.arange(frames))
    buffer = batch.buffer.copy()
    noise = generator.random(len(buffer)) < 0.02
    buffer[noise] = generator.integers(0, 256, int(noise.sum()))
    broken = replace(batch, buffer=buffer)
    records = empty_records(len(broken))
    decode(broken, DecodeOptions(), records)
    packets = flow_packets([Part(np.arange(1, frames + 1), broken, records)], 0)
    assert len(packets) == frames
    assert all(packet_words(packets, row) for row in range(frames))


@given(st.lists(st.integers(0, (1 << 32) - 1), max_size=50))
def test_unwrapping_keeps_every_number_modulo_2_to_the_32(values):
    line = unwrap(np.array(values, np.int64)).tolist()
    assert [number % (1 << 32) for number in line] == values
    assert all(abs(b - a) <= 1 << 31 for a, b in pairwise(line))


def test_words_of_marks():
    assert mark_words(0) == ""
    assert mark_words(module.ZERO_WINDOW | module.RETRANSMISSION) == "retransmission, zero window"
    assert set(COUNTED.values()) < set(module.MARK_NAMES)


@given(st.integers(0, 5000), st.integers(1, 300))
def test_thinning_keeps_the_ends_and_the_order(count, most):
    rows = thinned_rows(count, most)
    assert len(rows) == min(count, most)
    assert (np.diff(rows) > 0).all()
    if most > 1 and count:
        assert rows[0] == 0
        assert rows[-1] == count - 1


def test_flags_without_the_ack_bit_have_no_acknowledgement(lab):
    packets = packets_of(lab, flow_to(lab, 6016))
    assert (packets.ack[packets.flags & offsets.TCP_ACK_FLAG == 0] == -1).all()


def test_no_frames_are_no_packets():
    packets = flow_packets([], 0)
    assert len(packets) == 0
    assert not packets.any_tcp
    assert len(packets.volume()) == 0
