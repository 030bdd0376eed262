"""Connections: which SYN starts a new flow, who the initiator is, states, and the handshake's round trip."""

from __future__ import annotations

import pytest

from nvgre_inspect.kernels.codes import STATE_NAMES
from tests.builders.conversation import C, Conversation, S, counts
from tests.builders.records import tunnel


@pytest.fixture(params=[(1000, 5000), (2**32 - 1, 2**32 - 1)], ids=["plain", "wrap"])
def talk(request: pytest.FixtureRequest) -> Conversation:
    return Conversation(*request.param)


def states(talk: Conversation) -> list[str]:
    return [STATE_NAMES[flow["state"]] for flow in talk.flows()]


def initiators(talk: Conversation) -> list[int]:
    return talk.flows()["initiator"].tolist()


# --- the SYN rules -------------------------------------------------------------------------------------------------


def test_a_syn_after_both_fins_starts_a_new_flow(talk: Conversation) -> None:
    talk.handshake()
    talk.client(1000, "F", 1, ack=1)
    talk.server(1100, "F", 1, ack=2)
    talk.client(1200, "", 2, ack=2)
    talk.client(2000, "S", 0)
    assert states(talk) == ["closed", "syn-sent"]


def test_a_syn_after_a_reset_starts_a_new_flow(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.server(100, "R", 0, ack=1)
    talk.client(1000, "S", 0)
    assert states(talk) == ["reset", "syn-sent"]


def test_what_is_no_syn_stays_with_a_flow_that_ended(talk: Conversation) -> None:
    talk.client(0, "R", 1)
    talk.client(1000, "", 1, ack=1)
    assert states(talk) == ["reset"]


def test_another_initial_sequence_number_starts_a_new_flow(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.client(1000, "S", 0)  # the same again
    talk.client(9000, "S", 77_777)
    flows = talk.flows()
    assert flows["packets"].tolist() == [[2, 0], [1, 0]]
    assert counts(flows[0], C) == {"retransmissions": 1}


def test_the_newest_flow_takes_what_follows(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.client(9000, "S", 77_777)
    talk.server(9100, "S", 0, ack=77_778)
    assert talk.flows()["packets"].tolist() == [[1, 0], [1, 1]]


def test_a_syn_that_fits_what_was_seen_before_it_belongs_to_it(talk: Conversation) -> None:
    talk.client(0, "", 1, ack=1)
    talk.client(100, "S", 0)
    assert states(talk) == ["syn-sent"]


def test_a_syn_that_does_not_fit_what_was_seen_before_starts_a_new_flow(talk: Conversation) -> None:
    talk.client(0, "P", 1, ack=1, length=10)
    talk.client(100, "S", 500)
    assert states(talk) == ["midstream", "syn-sent"]


def test_a_syn_that_the_peer_acknowledges_belongs_to_its_flow(talk: Conversation) -> None:
    talk.server(0, "P", 1, ack=1, length=10)
    talk.client(100, "S", 0)
    assert states(talk) == ["established"]


def test_a_syn_that_the_peer_does_not_acknowledge_starts_a_new_flow(talk: Conversation) -> None:
    talk.server(0, "P", 1, ack=400, length=10)
    talk.client(100, "S", 0)
    assert states(talk) == ["midstream", "syn-sent"]


def test_a_syn_ack_must_acknowledge_what_the_peer_sent_first(talk: Conversation) -> None:
    talk.client(0, "P", 1, ack=1, length=10)
    talk.server(50, "S", 0, ack=1)
    assert states(talk) == ["syn-received"]
    talk = Conversation()
    talk.client(0, "P", 1, ack=1, length=10)
    talk.server(50, "S", 0, ack=900)
    assert states(talk) == ["midstream", "syn-received"]


def test_a_late_syn_ack_with_another_isn_belongs_to_the_flow_and_counts_while_nothing_is_acknowledged(
    talk: Conversation,
) -> None:
    talk.client(0, "S", 0)
    talk.server(100, "S", 0, ack=1)
    talk.server(200, "S", 70_000, ack=1)
    talk.client(300, "", 1, ack=70_001)
    talk.server(400, "P", 70_001, ack=1, length=10)
    flow = talk.flow()
    assert counts(flow, S) == {}
    assert flow["handshake_rtt_ns"] == 300_000


def test_another_isn_makes_gaps_meaningless(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.server(100, "S", 0, ack=1)
    talk.server(110, "P", 101, ack=1, length=10)
    assert counts(talk.flow_so_far(), S) == {"lost_segments": 1}
    talk.server(200, "S", 70_000, ack=1)
    assert counts(talk.flow(), S) == {}


def test_a_late_syn_ack_with_another_isn_is_left_alone_once_the_first_is_acknowledged(talk: Conversation) -> None:
    talk.handshake()
    talk.server(300, "S", 70_000, ack=1, tcp_mss=536)
    talk.server(400, "P", 1, ack=1, length=10)
    talk.client(500, "", 1, ack=11)
    flow = talk.flow()
    assert counts(flow, S) == counts(flow, C) == {}
    assert flow["data_segments"].tolist() == [1, 2]
    assert flow["mss"].tolist() == [-1, -1]


def test_a_syn_ack_that_acknowledges_another_syn_starts_a_new_flow(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.server(100, "S", 0, ack=1)
    talk.server(9000, "S", 70_000, ack=600)
    assert len(talk.flows()) == 2


def test_tcp_never_ends_by_idleness(talk: Conversation) -> None:
    talk.handshake()
    talk.client(1e12, "P", 1, ack=1, length=10)
    assert states(talk) == ["established"]


# --- the initiator -------------------------------------------------------------------------------------------------


def test_the_sender_of_the_syn_is_the_initiator() -> None:
    talk = Conversation()
    talk.server(0, "S", 0)
    talk.client(100, "S", 0, ack=1)
    assert initiators(talk) == [S]


def test_the_receiver_of_a_syn_ack_is_the_initiator(talk: Conversation) -> None:
    talk.server(0, "S", 0, ack=1)
    assert initiators(talk) == [C]


def test_a_syn_that_comes_late_swaps_the_sides_for_good() -> None:
    talk = Conversation()
    talk.server(0, "S", 0, ack=1)  # so the client would be the initiator
    assert talk.flow_so_far()["initiator"] == C
    talk.server(100, "S", 0)
    assert talk.flow_so_far()["initiator"] == S
    talk.client(200, "S", 0, ack=1)
    talk.server(300, "S", 0, ack=1)
    assert initiators(talk) == [S]


def test_else_the_sender_of_the_first_packet_is_the_initiator(talk: Conversation) -> None:
    talk.server(0, "P", 1, ack=1, length=10)
    talk.client(100, "", 1, ack=11)
    assert initiators(talk) == [S]


def test_a_syn_ack_swaps_the_sides_of_a_midstream_flow(talk: Conversation) -> None:
    talk.server(0, "P", 1, ack=1, length=10)
    talk.server(100, "S", 0, ack=1)
    assert initiators(talk) == [C]


# --- states --------------------------------------------------------------------------------------------------------


def test_states_of_a_whole_connection(talk: Conversation) -> None:
    seen = []
    for step in (
        lambda: talk.client(0, "S", 0),
        lambda: talk.server(100, "S", 0, ack=1),
        lambda: talk.client(200, "", 1, ack=1),
        lambda: talk.server(300, "F", 1, ack=1),
        lambda: talk.client(400, "F", 1, ack=2),
        lambda: talk.server(500, "R", 2),
    ):
        step()
        seen.append(STATE_NAMES[talk.flow_so_far()["state"]])
    assert seen == ["syn-sent", "syn-received", "established", "closing", "closed", "closed"]


def test_a_syn_ack_again_does_not_lead_back(talk: Conversation) -> None:
    talk.handshake()
    talk.server(1_000_000, "S", 0, ack=1)
    assert states(talk) == ["established"]


def test_nothing_leads_out_of_reset_but_a_syn(talk: Conversation) -> None:
    talk.handshake()
    talk.server(300, "R", 1)
    talk.client(400, "F", 1, ack=1)
    talk.server(500, "F", 1, ack=2)
    assert states(talk) == ["reset"]


def test_one_direction_of_a_handshake_is_enough(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.client(100, "", 1, ack=1)
    assert states(talk) == ["established"]


def test_data_of_the_responder_completes_the_handshake_but_its_empty_ack_does_not(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.server(100, "", 1, ack=1)
    assert STATE_NAMES[talk.flow_so_far()["state"]] == "syn-sent"
    talk.server(200, "P", 1, ack=1, length=10)
    assert states(talk) == ["established"]


def test_a_first_reset_makes_a_flow_that_is_reset(talk: Conversation) -> None:
    talk.client(0, "R", 1)
    flow = talk.flow()
    assert STATE_NAMES[flow["state"]] == "reset"
    assert counts(flow, C) == {"resets": 1}


def test_a_first_fin_is_closing(talk: Conversation) -> None:
    talk.client(0, "F", 1, ack=1)
    assert states(talk) == ["closing"]


def test_packets_without_a_readable_header_are_active_until_one_has_it(talk: Conversation) -> None:
    talk.client(0, "", 1, tcp_ok=0)
    assert STATE_NAMES[talk.flow_so_far()["state"]] == "active"
    talk.client(100, "S", 0)
    assert states(talk) == ["syn-sent"]


def test_a_flow_without_any_readable_header_ends_by_idleness(talk: Conversation) -> None:
    talk.client(0, "", 1, tcp_ok=0)
    talk.client(120e6 + 1, "", 1, tcp_ok=0)
    assert states(talk) == ["active", "active"]


# --- options and the round trip ------------------------------------------------------------------------------------


def test_options_of_each_syn_are_those_of_its_side(talk: Conversation) -> None:
    talk.client(0, "S", 0, tcp_mss=1460, tcp_wscale=7)
    talk.server(100, "S", 0, ack=1, tcp_mss=1400)
    flow = talk.flow()
    assert flow["mss"].tolist() == [1460, 1400]
    assert flow["window_scale"].tolist() == [7, -1]


def test_the_round_trip_is_from_the_latest_syn_to_the_initiators_ack(talk: Conversation) -> None:
    talk.client(0, "S", 0)
    talk.client(1_000_000, "S", 0)
    talk.server(1_000_100, "S", 0, ack=1)
    talk.client(1_000_250, "", 1, ack=1)
    talk.client(2_000_000, "", 1, ack=1)
    assert talk.flow()["handshake_rtt_ns"] == 250_000


@pytest.mark.parametrize(
    ("ack", "at_us"), [(2, 200), (0, 200), (1, -1)], ids=["later data", "not the SYN", "before the SYN"]
)
def test_no_round_trip_without_an_ack_of_the_syn_ack_after_it(talk: Conversation, ack: int, at_us: int) -> None:
    talk.client(0, "S", 0)
    talk.server(100, "S", 0, ack=1)
    talk.client(at_us, "", 1, ack=ack)
    flow = talk.flow()
    assert flow["handshake_rtt_ns"] == -1
    assert STATE_NAMES[flow["state"]] == "established"


def test_no_round_trip_without_the_syn(talk: Conversation) -> None:
    talk.server(100, "S", 0, ack=1)
    talk.client(200, "", 1, ack=1)
    assert talk.flow()["handshake_rtt_ns"] == -1


# --- one direction only --------------------------------------------------------------------------------------------


def test_halves_in_two_tenants_are_two_flows_without_false_words() -> None:
    """Distributed routing: replies carry the destination's VSID, so each direction is a flow of its own."""
    talk = Conversation()
    talk.carry = (tunnel("192.0.2.1", "192.0.2.2"), tunnel("192.0.2.2", "192.0.2.1", vsid=5002))
    talk.handshake()
    talk.client(300, "P", 1, ack=1, length=100)
    talk.server(400, "P", 1, ack=101, length=500)
    talk.client(500, "F", 101, ack=501)
    talk.server(600, "F", 501, ack=102)
    there, back = talk.flows()
    assert (there["vsid"], back["vsid"]) == (5001, 5002)
    for flow in (there, back):
        assert counts(flow, C) == counts(flow, S) == {}
        assert flow["initiator"] == C
        assert flow["handshake_rtt_ns"] == -1
    assert [STATE_NAMES[flow["state"]] for flow in (there, back)] == ["closing", "closing"]
