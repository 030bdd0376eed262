"""The TCP words, each on a conversation that a person can follow; all of them also across the wrap of 2^32."""

from __future__ import annotations

import pytest

from dissectors import anomalies
from nvgre_inspect.model.account_options import AccountOptions
from tests.builders.conversation import C, Conversation, S, account, counts
from tests.builders.records import TCP, Frames, fragment_fields, ip_packet, ipv4_header, tunnel


@pytest.fixture(params=[(1000, 5000), (2**32 - 150, 2**32 - 150), (2**31 - 150, 0)], ids=["plain", "wrap", "half"])
def talk(request: pytest.FixtureRequest) -> Conversation:
    """A conversation after its handshake (RTT 200 µs); bytes 1 to 100 of the client are sent and acknowledged."""
    talk = Conversation(*request.param)
    talk.handshake()
    talk.client(1000, "P", 1, ack=1, length=100)
    talk.server(1100, "", 1, ack=101)
    return talk


def test_nothing_is_said_of_a_clean_conversation(talk: Conversation) -> None:
    talk.server(2000, "P", 1, ack=101, length=1000)
    talk.client(2100, "", 101, ack=1001)
    talk.client(3000, "F", 101, ack=1001)
    talk.server(3100, "F", 1001, ack=102)
    talk.client(3200, "", 102, ack=1002)
    flow = talk.flow()
    assert counts(flow, C) == counts(flow, S) == {}
    assert flow["data_segments"].tolist() == [3, 3]  # SYN and FIN take sequence numbers


# --- retransmission ------------------------------------------------------------------------------------------------


def test_data_seen_before_is_a_retransmission(talk: Conversation) -> None:
    talk.client(9000, "P", 1, ack=1, length=100)
    assert counts(talk.flow(), C) == {"retransmissions": 1}


def test_a_retransmission_that_brings_new_data_moves_on(talk: Conversation) -> None:
    talk.client(9000, "P", 51, ack=1, length=100)
    talk.client(9100, "P", 151, ack=1, length=100)
    assert counts(talk.flow(), C) == {"retransmissions": 1}


def test_syn_and_fin_are_retransmitted_too(talk: Conversation) -> None:
    talk.client(9000, "F", 101, ack=1)
    talk.client(9500, "F", 101, ack=1)
    talk.client(9900, "S", 0)
    assert counts(talk.flow(), C) == {"retransmissions": 2}


def test_retransmissions_reach_the_timeline_bin_of_their_time(talk: Conversation) -> None:
    talk.client(9000, "P", 1, ack=1, length=100)
    state = account(talk.frames)
    # Bins of 1 ms: the retransmission is 9 ms after the first frame.
    assert state.bins[0, 9, 3] == 1
    assert state.bins[0, :, 3].sum() == 1


# --- gaps: lost, out of order, filled late -------------------------------------------------------------------------


def test_a_gap_that_stays_open_is_lost(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    assert counts(talk.flow(), C) == {"lost_segments": 1}


def test_a_gap_filled_within_the_handshake_rtt_is_out_of_order(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    talk.client(2200, "P", 101, ack=1, length=100)
    assert counts(talk.flow(), C) == {"out_of_order": 1}


def test_a_gap_filled_after_the_handshake_rtt_is_a_retransmission(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    talk.client(2201, "P", 101, ack=1, length=100)
    assert counts(talk.flow(), C) == {"retransmissions": 1}


@pytest.mark.parametrize(("late_us", "word"), [(3000, "out_of_order"), (3001, "retransmissions")])
def test_without_handshake_the_limit_is_three_milliseconds(late_us: int, word: str) -> None:
    talk = Conversation()
    talk.client(0, "P", 1, ack=1, length=100)
    talk.client(1000, "P", 201, ack=1, length=100)
    talk.client(1000 + late_us, "P", 101, ack=1, length=100)
    assert counts(talk.flow(), C) == {word: 1}


def test_a_gap_filled_from_its_middle_is_split(talk: Conversation) -> None:
    talk.client(2000, "P", 401, ack=1, length=100)  # gap 101-400
    talk.client(2100, "P", 201, ack=1, length=100)  # leaves 101-200 and 301-400
    assert counts(talk.flow_so_far(), C) == {"out_of_order": 1, "lost_segments": 2}
    talk.client(2150, "P", 301, ack=1, length=100)
    talk.client(2190, "P", 101, ack=1, length=100)
    assert counts(talk.flow(), C) == {"out_of_order": 3}


def test_parts_of_a_gap_keep_its_time(talk: Conversation) -> None:
    talk.client(2000, "P", 401, ack=1, length=100)
    talk.client(2100, "P", 201, ack=1, length=100)
    talk.client(2201, "P", 301, ack=1, length=100)  # within 200 µs of the split, not of the gap
    assert counts(talk.flow(), C) == {"out_of_order": 1, "retransmissions": 1, "lost_segments": 1}


def test_one_segment_may_fill_several_gaps_and_the_oldest_decides(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    talk.client(2150, "P", 401, ack=1, length=100)
    talk.client(2250, "P", 101, ack=1, length=300)  # 250 µs after the first gap, 100 after the second
    assert counts(talk.flow(), C) == {"retransmissions": 1}


def test_a_gap_trimmed_at_either_end_stays_open(talk: Conversation) -> None:
    talk.client(2000, "P", 401, ack=1, length=100)
    talk.client(2050, "P", 101, ack=1, length=50)
    talk.client(2060, "P", 351, ack=1, length=50)
    assert counts(talk.flow_so_far(), C) == {"out_of_order": 2, "lost_segments": 1}
    talk.client(2100, "P", 151, ack=1, length=200)
    assert counts(talk.flow(), C) == {"out_of_order": 3}


def test_time_that_runs_backward_counts_as_within_the_limit(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    talk.client(1900, "P", 101, ack=1, length=100)
    assert counts(talk.flow(), C) == {"out_of_order": 1}


def test_gaps_beyond_the_cap_are_lost_for_good(talk: Conversation) -> None:
    for i in range(4):
        talk.client(2000 + i, "P", 201 + 200 * i, ack=1, length=100)
    for i in range(4):
        talk.client(2010 + i, "P", 101 + 200 * i, ack=1, length=100)
    flow = talk.flow(AccountOptions(gaps_per_direction=3))
    # The first gap was dropped, so what fills it fills nothing that is known.
    assert counts(flow, C) == {"lost_segments": 1, "retransmissions": 1, "out_of_order": 3}
    assert flow["anomalies"] == 1 << anomalies.TCP_GAPS_OVERFLOW


def test_a_split_counts_against_the_cap(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)  # gap 101-200
    talk.client(2010, "P", 601, ack=1, length=100)  # gap 301-600
    talk.client(2020, "P", 401, ack=1, length=100)  # splits the second
    flow = talk.flow(AccountOptions(gaps_per_direction=2))
    assert counts(flow, C) == {"lost_segments": 3, "out_of_order": 1}
    assert flow["anomalies"] == 1 << anomalies.TCP_GAPS_OVERFLOW


# --- acknowledged, but not seen ------------------------------------------------------------------------------------


def test_a_gap_that_is_acknowledged_was_missed_by_the_capture(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    talk.server(2100, "", 1, ack=301)
    assert counts(talk.flow(), C) == {"acked_unseen": 1}


def test_a_gap_acknowledged_in_part_is_both(talk: Conversation) -> None:
    talk.client(2000, "P", 301, ack=1, length=100)
    talk.server(2100, "", 1, ack=201)
    assert counts(talk.flow_so_far(), C) == {"acked_unseen": 1, "lost_segments": 1}
    talk.client(2150, "P", 101, ack=1, length=100)  # acknowledged by now: not in the gap any more
    assert counts(talk.flow(), C) == {"acked_unseen": 1, "lost_segments": 1, "retransmissions": 1}


def test_an_acknowledgement_that_only_touches_a_gap_says_nothing(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    talk.server(2100, "", 1, ack=101, tcp_window=2000)
    assert counts(talk.flow(), C) == {"lost_segments": 1}


def test_an_unseen_tail_counts_once_until_data_goes_on(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=201)
    talk.server(2100, "", 1, ack=301)
    assert counts(talk.flow_so_far(), C) == {"acked_unseen": 1}
    talk.client(2200, "P", 301, ack=1, length=100)
    assert counts(talk.flow_so_far(), C) == {"acked_unseen": 1}  # what is acknowledged is no gap again
    talk.server(2300, "", 1, ack=501)
    assert counts(talk.flow(), C) == {"acked_unseen": 2}


def test_a_gap_starts_where_the_acknowledgements_end(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=151)
    talk.client(2100, "P", 201, ack=1, length=100)
    assert counts(talk.flow_so_far(), C) == {"acked_unseen": 1, "lost_segments": 1}
    talk.client(2150, "P", 151, ack=1, length=50)
    assert counts(talk.flow(), C) == {"acked_unseen": 1, "out_of_order": 1}


def test_an_old_acknowledgement_changes_nothing(talk: Conversation) -> None:
    talk.client(2000, "P", 201, ack=1, length=100)
    talk.server(2100, "", 1, ack=51)
    assert counts(talk.flow(), C) == {"lost_segments": 1}


# --- duplicates ----------------------------------------------------------------------------------------------------


def test_the_very_same_packet_again_is_a_duplicate_and_nothing_else(talk: Conversation) -> None:
    for at in (2000, 2010):
        talk.client(at, "R", 101, ack=1, ip_id=77, tcp_window=0)
    flow = talk.flow()
    assert counts(flow, C) == {"duplicates": 1, "resets": 1}
    assert flow["anomalies"] == 1 << anomalies.DUPLICATE_PACKET


@pytest.mark.parametrize("ip_ids", [(77, 78), (0, 0), (-1, -1)])
def test_another_or_no_identification_makes_it_a_retransmission(talk: Conversation, ip_ids: tuple[int, int]) -> None:
    for at, ip_id in zip((2000, 2010), ip_ids, strict=True):
        talk.client(at, "P", 101, ack=1, length=10, ip_id=ip_id)
    assert counts(talk.flow(), C) == {"retransmissions": 1}


def test_a_tcp_duplicate_may_come_late_but_only_the_last_four_packets_are_known(talk: Conversation) -> None:
    for i in range(5):
        talk.client(2000 + i, "P", 101 + 10 * i, ack=1, length=10, ip_id=50 + i)
    talk.client(9_000_000, "P", 111, ack=1, length=10, ip_id=51)  # the fourth last
    talk.client(9_000_001, "P", 101, ack=1, length=10, ip_id=50)  # the fifth last
    assert counts(talk.flow(), C) == {"duplicates": 1, "retransmissions": 1}


def test_ipv6_has_no_duplicates(talk: Conversation) -> None:
    for at in (2000, 2010):
        talk.client(at, "P", 101, ack=1, length=10, ip_id=77, family=6)
    flow = talk.flows()[1]
    assert counts(flow, C) == {"retransmissions": 1}


@pytest.mark.parametrize(("late_us", "duplicates"), [(5000, 1), (5001, 0)])
def test_copies_of_other_packets_count_within_five_milliseconds(late_us: int, duplicates: int) -> None:
    frames = Frames()
    for at in (0, late_us):
        frames.udp(at, "10.0.0.1:1", "10.0.0.2:2", tunnel("192.0.2.1", "192.0.2.2"), ip_id=9)
    assert counts(account(frames).flows[0], 0) == ({"duplicates": 1} if duplicates else {})


# --- keep-alives, probes, windows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1])
def test_a_keep_alive_and_its_answer_are_nothing(talk: Conversation, length: int) -> None:
    for at in (2000, 3000):
        talk.client(at, "", 100, ack=1, length=length)
        talk.server(at + 100, "", 1, ack=101)
    flow = talk.flow()
    assert counts(flow, C) == counts(flow, S) == {}
    assert flow["data_segments"].tolist() == [2, 1]


def test_two_bytes_are_no_keep_alive(talk: Conversation) -> None:
    talk.client(2000, "", 100, ack=1, length=2)
    assert counts(talk.flow(), C) == {"retransmissions": 1}


def test_zero_windows_are_counted_except_on_syn_and_fin(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=101, tcp_window=0)
    talk.server(3000, "F", 1, ack=101, tcp_window=0)
    talk.server(4000, "R", 2, tcp_window=0)
    assert counts(talk.flow(), S) == {"zero_windows": 1, "resets": 1}


def test_a_zero_window_probe_is_no_data_whether_its_byte_is_taken_or_not(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=101, tcp_window=0)
    talk.client(3000, "", 101, ack=1, length=1)
    talk.server(3100, "", 1, ack=101, tcp_window=0)  # not taken
    talk.client(4000, "", 101, ack=1, length=1)
    talk.server(4100, "", 1, ack=102)  # taken
    talk.client(4200, "P", 102, ack=1, length=50)
    talk.server(4300, "", 1, ack=152)
    flow = talk.flow()
    assert counts(flow, C) == {}
    assert counts(flow, S) == {"zero_windows": 2}
    assert flow["data_segments"][C] == 3


def test_data_behind_a_probe_of_which_no_acknowledgement_was_seen_is_no_gap(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=101, tcp_window=0)
    talk.client(3000, "", 101, ack=1, length=1)
    talk.client(4200, "P", 102, ack=1, length=50)
    assert counts(talk.flow(), C) == {}


def test_a_capture_that_starts_with_a_keep_alive_has_nothing_unseen() -> None:
    talk = Conversation()
    talk.client(0, "", 100, ack=1)
    talk.server(100, "", 1, ack=101)
    talk.client(200, "P", 101, ack=1, length=10)
    flow = talk.flow()
    assert counts(flow, C) == counts(flow, S) == {}


def test_a_probe_is_forgotten_when_its_byte_comes_as_data(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=101, tcp_window=0)
    talk.client(3000, "", 101, ack=1, length=1)
    talk.client(4000, "", 101, ack=1, length=50)
    talk.client(4100, "", 152, ack=1, length=50)
    assert counts(talk.flow(), C) == {"lost_segments": 1}


def test_one_byte_in_an_open_window_is_data(talk: Conversation) -> None:
    talk.client(2000, "P", 101, ack=1, length=1)
    talk.client(2100, "P", 102, ack=1, length=1)
    flow = talk.flow()
    assert counts(flow, C) == {}
    assert flow["data_segments"][C] == 4


def test_a_window_that_was_zero_makes_two_new_bytes_no_probe(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=101, tcp_window=0)
    talk.client(3000, "", 101, ack=1, length=2)
    talk.client(3100, "", 101, ack=1, length=2)
    assert counts(talk.flow(), C) == {"retransmissions": 1}


# --- duplicate acknowledgements ------------------------------------------------------------------------------------


def test_the_same_acknowledgement_again_is_a_duplicate_ack(talk: Conversation) -> None:
    talk.server(2000, "", 1, ack=101)
    talk.server(2001, "", 1, ack=101)
    assert counts(talk.flow(), S) == {"duplicate_acks": 2}


@pytest.mark.parametrize(
    "difference",
    [
        {"tcp_window": 999},  # a window update
        {"tcp_window": 0},
        {"ack": 102},
        {"ack": 100},
        {"length": 5},
        {"flags": "F"},
        {"flags": "R"},
        {"seq": 2},
        {"seq": 0},
    ],
    ids=str,
)
def test_whatever_differs_makes_it_no_duplicate_ack(talk: Conversation, difference: dict[str, object]) -> None:
    segment = {"flags": "", "seq": 1, "ack": 101} | difference
    talk.server(2000, **segment)  # type: ignore[arg-type]  # a dictionary of keyword arguments
    assert "duplicate_acks" not in counts(talk.flow(), S)


def test_an_acknowledgement_like_that_of_a_data_segment_is_a_duplicate_ack(talk: Conversation) -> None:
    talk.server(2000, "P", 1, ack=101, length=10)
    talk.server(2010, "", 11, ack=101)
    assert counts(talk.flow(), S) == {"duplicate_acks": 1}


# --- fragments of TCP ----------------------------------------------------------------------------------------------


def test_after_a_fragmented_segment_nothing_is_concluded_from_the_next() -> None:
    """Only the first fragment's length is known: no gap behind it, nothing unseen in its acknowledgement."""
    talk = Conversation(tunnelled=False)
    talk.handshake()
    header = ipv4_header("10.0.0.1", "10.0.0.2", TCP)
    first = fragment_fields(7, 0, 120, more=True)
    later = fragment_fields(7, 120, 80, more=False)
    talk.client(1000, "P", 1, ack=1, length=100, data=header, n_ip=1, **first)
    talk.frames.add(1001, ip_packet("10.0.0.1", "10.0.0.2", TCP), later, data=header, n_ip=1)
    talk.server(1100, "", 1, ack=181)
    talk.client(1200, "P", 181, ack=1, length=100)
    assert counts(talk.flow_so_far(), C) == {}
    talk.client(1300, "P", 381, ack=1, length=100)  # a gap again
    assert counts(talk.flow(), C) == {"lost_segments": 1}
