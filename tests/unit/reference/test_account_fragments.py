"""IP fragments: on the underlay they are one packet, in the tenant's packet one each; early ones wait, bounded."""

from __future__ import annotations

import numpy as np
import pytest

from dissectors import anomalies, encaps
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.state import State
from nvgre_inspect.reference.account import Accountant
from tests.builders.conversation import account
from tests.builders.fragments import CA1, CA2, PA1, PA2, THERE, UNDERLAY, both, inner, outer_first, outer_later
from tests.builders.records import (
    TCP,
    UDP,
    Frames,
    fragment_fields,
    ip_packet,
    ipv4_header,
    ipv6_header,
    layer,
    tunnel,
)

ALONE = 1 << anomalies.FRAGMENT_WITHOUT_FIRST
TIMEOUT_US = 30e6


@pytest.fixture
def frames() -> Frames:
    return Frames()


def codes(state: State) -> dict[int, int]:
    """Count of each anomaly code over all tunnels."""
    result: dict[int, int] = {}
    for row in state.anomalies:
        result[int(row["code"])] = result.get(int(row["code"]), 0) + int(row["count"])
    return result


# --- the underlay: one packet --------------------------------------------------------------------------------------


def check_merged(state: State) -> None:
    """Three fragments of 1000, 400 and 200 bytes are one packet of the tenant."""
    (flow,) = state.flows
    assert flow["packets"].tolist() == [1, 0]
    assert flow["bytes"].tolist() == [900 + 400 + 200, 0]
    assert flow["wire_bytes"].tolist() == [1034 + 434 + 234, 0]
    (placement,) = state.placements
    assert (placement["packets"], placement["wire_bytes"]) == (1, 1702)
    (row,) = state.tunnels
    assert row["packets"].tolist() == [1, 0]
    assert row["wire_bytes"].tolist() == [1702, 0]
    assert (row["fragments"], row["max_wire_len"]) == (3, 1034)
    (endpoint,) = state.endpoints
    assert (endpoint["mac"], endpoint["packets"]) == (5, 1)
    assert state.series.tolist() == [(encaps.NVGRE, 5001, 0)]
    assert state.bins[0].sum(axis=0).tolist() == [1, 1500, 1702, 0]
    assert state.frame_flow.tolist() == [0, 0, 0]
    assert codes(state) == {anomalies.UNDERLAY_FRAGMENT: 1}


def test_underlay_fragments_are_one_packet(frames: Frames) -> None:
    outer_first(frames, 0, 7)
    outer_later(frames, 10, 7, 1000, 400, last=False)
    outer_later(frames, 20, 7, 1400, 200)
    state = account(frames, finish=False)
    check_merged(state)
    assert state.flows["last_ns"][0] - state.flows["first_ns"][0] == 20_000
    assert state.tunnels["last_ns"][0] == state.placements["last_ns"][0] == state.flows["last_ns"][0]


def test_early_underlay_fragments_wait_for_their_first(frames: Frames) -> None:
    outer_later(frames, 0, 7, 1400, 200)
    outer_later(frames, 10, 7, 1000, 400, last=False)
    waiting = account_so_far(frames)
    assert len(waiting.flows) == 0
    assert waiting.frame_flow.tolist() == [-1, -1]
    outer_first(frames, 20, 7)
    state = account(frames, finish=False)
    check_merged(state)
    assert state.flows["last_ns"][0] - state.flows["first_ns"][0] == 20_000


def test_a_larger_later_fragment_is_the_largest_of_its_tunnel(frames: Frames) -> None:
    outer_first(frames, 0, 7, length=500)
    outer_later(frames, 1, 7, 500, 1400)
    assert account(frames).tunnels["max_wire_len"].tolist() == [1434]


def test_anomalies_of_later_fragments_go_to_the_flow_and_tunnel_of_the_first(frames: Frames) -> None:
    outer_first(frames, 100, 7)
    outer_later(frames, 50, 7, 1000, 100)
    state = account(frames)
    backward = state.anomalies[1]
    assert backward[["code", "tunnel", "encap", "vsid", "flow"]].tolist() == (
        anomalies.TIMESTAMP_BACKWARD, 0, encaps.NVGRE, 5001, 0,
    )  # fmt: skip
    mask = UNDERLAY | 1 << anomalies.TIMESTAMP_BACKWARD
    assert state.flows["anomalies"].tolist() == state.tunnels["anomalies"].tolist() == [mask]


@pytest.mark.parametrize("other", ["ident", "addresses", "protocol", "family"])
def test_what_tells_fragments_of_two_packets_apart(frames: Frames, other: str) -> None:
    outer_first(frames, 0, 7)
    if other == "addresses":
        fields = ip_packet(PA2, PA1, 47) | fragment_fields(7, 1000, 100, more=False)
        frames.add(10, fields, data=ipv4_header(PA2, PA1, 47), n_ip=1)
    elif other == "family":
        fields = ip_packet(PA1, PA2, 47) | fragment_fields(7, 1000, 100, more=False)
        frames.add(10, fields, data=ipv6_header("::c000:201", "::c000:202", 44), n_ip=1)
    elif other == "protocol":
        outer_later(frames, 10, 7, 1000, 100, outer_protocol=17)
    else:
        outer_later(frames, 10, 8, 1000, 100)
    state = account(frames)
    assert codes(state)[anomalies.FRAGMENT_WITHOUT_FIRST] == 1
    assert len(state.flows) == 2


def test_ipv6_fragments_find_each_other_whatever_their_next_header(frames: Frames) -> None:
    for at, src_header in ((0, 44), (10, 0)):
        fields = ip_packet("2001:db8::1", "2001:db8::2", UDP, *((5, 6) if at == 0 else ()))
        fields |= fragment_fields(2**32 - 1, 0 if at == 0 else 1000, 1000 if at == 0 else 10, more=at == 0)
        frames.add(at, fields, data=ipv6_header("2001:db8::1", "2001:db8::2", src_header), n_ip=1)
    assert account(frames).flows["packets"].tolist() == [[2, 0]]


def test_a_complete_set_is_forgotten(frames: Frames) -> None:
    outer_first(frames, 0, 7)
    outer_later(frames, 10, 7, 1000, 100)
    outer_later(frames, 20, 7, 1000, 100)  # again, as of another packet
    state = account(frames)
    assert codes(state)[anomalies.FRAGMENT_WITHOUT_FIRST] == 1


def test_a_set_without_its_first_is_never_complete(frames: Frames) -> None:
    for at in (0, 10, 20):
        outer_later(frames, at, 7, 100, 100)
    outer_first(frames, 30, 7, length=100)
    state = account(frames)
    assert state.flows["packets"].tolist() == [[1, 0]]
    assert state.frame_flow.tolist() == [0, 0, 0, 0]


def test_another_first_fragment_starts_another_packet(frames: Frames) -> None:
    outer_first(frames, 0, 7)
    outer_first(frames, 10, 7, src_port=9)
    outer_later(frames, 20, 7, 1000, 100)
    state = account(frames)
    assert state.flows["bytes"].tolist() == [[900, 0], [1000, 0]]
    assert state.frame_flow.tolist() == [0, 1, 1]


# --- the tenant's packet: fragments are packets --------------------------------------------------------------------


def test_inner_fragments_are_packets_of_the_flow_of_their_first(frames: Frames) -> None:
    inner(frames, 0, 7, 2000, 500, last=True, flow_id=3)
    inner(frames, 10, 7, 0, 1000, flow_id=1, ca_mac=5)
    inner(frames, 20, 7, 1000, 1000, flow_id=1, ca_mac=5)
    state = account(frames, finish=False)
    (flow,) = state.flows
    assert flow["packets"].tolist() == [3, 0]
    assert flow["bytes"].tolist() == [2500, 0]
    assert flow["port"].tolist() == [5, 6]
    assert state.tunnels["packets"].tolist() == [[3, 0]]
    assert state.placements[["flow_id", "packets"]].tolist() == [(1, 2), (3, 1)]
    assert state.endpoints["packets"].tolist() == [2]
    assert state.bins[0].sum(axis=0).tolist() == [3, 2500, 300, 0]
    assert state.frame_flow.tolist() == [0, 0, 0]
    assert codes(state) == {}


def test_the_side_of_a_later_fragment_is_that_of_its_first(frames: Frames) -> None:
    """By addresses alone the sides can differ: of equal addresses the lower port is side 0."""
    first = ip_packet(CA1, CA1, UDP, 6, 5) | fragment_fields(7, 0, 100, more=True)
    later = ip_packet(CA1, CA1, UDP) | fragment_fields(7, 100, 100, more=False)
    for at, fields in ((0, first), (10, later)):
        frames.add(at, fields, data=ipv4_header(CA1, CA1, UDP), n_ip=1)
    assert account(frames).flows["packets"].tolist() == [[0, 2]]


def test_the_same_identification_in_two_tenants_is_two_packets(frames: Frames) -> None:
    inner(frames, 0, 7, 0, 1000)
    inner(frames, 10, 7, 1000, 500, last=True, vsid=5002)
    state = account(frames)
    assert state.flows["vsid"].tolist() == [5001, 5002]
    assert codes(state) == {anomalies.FRAGMENT_WITHOUT_FIRST: 1}


def test_what_a_waiting_fragment_needs_is_noted_when_it_comes(frames: Frames) -> None:
    """Its packet's key and its path: rows are made in the order of the frames, not of what became of them."""
    label = (16 << 12 | 1 << 8).to_bytes(4)
    inner(frames, 0, 7, 1000, 500, last=True, path_kind=1, path_n=1, path_off=40, behind=label)
    state = account_so_far(frames)
    assert (len(state.flows), len(state.stacks), len(state.paths)) == (0, 1, 1)
    (placement,) = account(frames).placements
    assert placement["path"] == 0


def test_a_waiting_fragment_whose_path_found_no_room_has_none(frames: Frames) -> None:
    for at, label in ((0, 16), (1, 17)):
        stack = (label << 12 | 1 << 8).to_bytes(4)
        inner(frames, at, 7 + at, 1000, 500, last=True, path_kind=1, path_n=1, path_off=40, behind=stack)
    state = account(frames, AccountOptions(max_paths=1))
    assert state.placements["path"].tolist() == [0, -1]
    assert state.overflow == {}


def test_an_idle_flow_still_gets_its_fragments(frames: Frames) -> None:
    inner(frames, 0, 7, 0, 1000)
    inner(frames, 20e6, 7, 1000, 500, last=True)
    assert account(frames, AccountOptions(idle_timeout_ns=1)).flows["packets"].tolist() == [[2, 0]]


def test_a_later_fragment_is_no_duplicate_but_a_first_one_can_be(frames: Frames) -> None:
    for at in (0, 1):
        inner(frames, at, 7, 0, 1000, ip_id=7)
        inner(frames, at + 0.5, 7, 1000, 1000, ip_id=7)
    assert account(frames).flows["duplicates"].tolist() == [[1, 0]]


def test_fragments_of_the_underlays_own_packets(frames: Frames) -> None:
    fields = ip_packet(PA1, PA2, UDP, 5, 6) | fragment_fields(7, 0, 1000, more=True)
    frames.add(0, fields, data=ipv4_header(PA1, PA2, UDP), n_ip=1)
    later = ip_packet(PA1, PA2, UDP) | fragment_fields(7, 1000, 500, more=False)
    frames.add(10, later, data=ipv4_header(PA1, PA2, UDP), n_ip=1)
    assert account(frames).flows["packets"].tolist() == [[2, 0]]


# --- both at once --------------------------------------------------------------------------------------------------


def test_inner_fragments_that_are_fragmented_again(frames: Frames) -> None:
    both(frames, 0, 7, 90, 0)
    outer_later(frames, 1, 7, 1000, 200)
    both(frames, 2, 8, 90, 1100)
    outer_later(frames, 3, 8, 1000, 300)
    state = account(frames, finish=False)
    (flow,) = state.flows
    assert flow["packets"].tolist() == [2, 0]
    assert flow["bytes"].tolist() == [900 + 200 + 900 + 300, 0]
    assert state.frame_flow.tolist() == [0, 0, 0, 0]


def test_a_later_inner_fragment_on_the_underlays_first_does_not_wait(frames: Frames) -> None:
    both(frames, 0, 8, 90, 1100)
    outer_later(frames, 1, 8, 1000, 300)
    both(frames, 2, 7, 90, 0)
    state = account(frames, finish=False)
    assert state.flows["port"].tolist() == [[-1, -1], [5, 6]]
    assert state.flows["bytes"].tolist() == [[1200, 0], [900, 0]]
    assert codes(state)[anomalies.FRAGMENT_WITHOUT_FIRST] == 1


# --- given up ------------------------------------------------------------------------------------------------------


def test_at_the_end_fragments_without_a_first_are_accounted_alone(frames: Frames) -> None:
    inner(frames, 0, 8, 1000, 300)
    inner(frames, 10, 7, 1000, 500)
    inner(frames, 20, 8, 1300, 300)
    accountant = Accountant(AccountOptions())
    accountant.account(*frames.take())
    accountant.finish()
    state = accountant.state()
    (flow,) = state.flows
    assert flow["port"].tolist() == [-1, -1]
    assert flow["packets"].tolist() == [3, 0]
    assert flow["anomalies"] == ALONE
    (row,) = state.anomalies
    assert row[["code", "count", "first_frame", "last_frame"]].tolist() == (
        anomalies.FRAGMENT_WITHOUT_FIRST, 3, 1, 3,
    )  # fmt: skip
    accountant.finish()  # nothing is left
    assert accountant.state().flows["packets"].tolist() == [[3, 0]]


def test_what_waited_counts_at_the_place_of_its_frame(frames: Frames) -> None:
    inner(frames, 0, 7, 1000, 500, anomalies=1)
    frames.udp(10, "10.0.0.1:1", "10.0.0.2:2", THERE, anomalies=1)
    row = account(frames).anomalies[0]
    assert row[["code", "count", "first_frame", "last_frame", "flow"]].tolist() == (0, 2, 1, 2, 0)


def test_fragments_accounted_alone_are_no_duplicates(frames: Frames) -> None:
    for at in (0, 1):
        inner(frames, at, 7, 1000, 500, ip_id=7)
    assert account(frames).flows["duplicates"].tolist() == [[0, 0]]


@pytest.mark.parametrize(("late_us", "flows"), [(TIMEOUT_US, 1), (TIMEOUT_US + 0.001, 2)])
def test_a_first_fragment_must_come_in_time(frames: Frames, late_us: float, flows: int) -> None:
    inner(frames, 0, 7, 1000, 500, last=True)
    inner(frames, late_us, 7, 0, 1000)
    state = account(frames)
    assert len(state.flows) == flows
    assert state.frame_flow.tolist() == ([0, 0] if flows == 1 else [0, 1])


def test_only_frames_with_fragments_make_others_give_up(frames: Frames) -> None:
    inner(frames, 0, 7, 1000, 500, last=True)
    frames.udp(TIMEOUT_US + 1, "10.0.0.1:1", "10.0.0.2:2")
    assert account_so_far(frames).frame_flow.tolist() == [-1, 0]
    inner(frames, TIMEOUT_US + 2, 9, 0, 1000)
    assert account_so_far(frames).frame_flow.tolist() == [1, 0, 2]


def test_giving_up_stops_at_the_first_set_that_is_young_enough(frames: Frames) -> None:
    inner(frames, 10e6, 7, 1000, 500)
    inner(frames, 0, 8, 1000, 500)  # older by its time, but behind
    inner(frames, TIMEOUT_US + 5e6, 9, 0, 1000)
    assert account_so_far(frames).frame_flow.tolist() == [-1, -1, 0]


def test_without_room_for_a_set_the_oldest_is_given_up(frames: Frames) -> None:
    inner(frames, 0, 7, 0, 1000)
    inner(frames, 1, 8, 1000, 500)
    inner(frames, 2, 9, 0, 1000)  # set 7 goes
    inner(frames, 3, 7, 1000, 500, last=True)  # waits in a new set, for which set 8 goes
    state = account_so_far(frames, AccountOptions(fragment_sets=2))
    assert state.frame_flow.tolist() == [0, 1, 0, -1]
    assert state.flows["port"].tolist() == [[5, 6], [-1, -1]]


def test_without_room_to_wait_the_oldest_sets_are_given_up(frames: Frames) -> None:
    inner(frames, 0, 6, 0, 1000)  # nothing waits in it, but it is the oldest
    inner(frames, 1, 7, 1000, 500)
    inner(frames, 2, 8, 1000, 500)
    inner(frames, 3, 8, 1500, 500)
    options = AccountOptions(pending_fragments=2)
    assert account_so_far(frames, options).frame_flow.tolist() == [0, 1, -1, -1]
    inner(frames, 4, 8, 2000, 500)  # its own set goes, and it waits in a new one
    assert account_so_far(frames, options).frame_flow.tolist() == [0, 1, 1, 1, -1]
    inner(frames, 5, 6, 1000, 500)  # its first was given up
    assert account_so_far(frames, options).frame_flow.tolist() == [0, 1, 1, 1, -1, -1]


def test_fragments_of_a_packet_without_a_flow_have_none_either(frames: Frames) -> None:
    frames.udp(0, "10.0.0.9:1", "10.0.0.8:2")
    outer_first(frames, 1, 7)
    outer_later(frames, 2, 7, 1000, 400)
    inner(frames, 3, 9, 0, 1000)
    inner(frames, 4, 9, 1000, 1000)
    state = account(frames, AccountOptions(max_flows=1))
    assert state.overflow == {"flows": 4}
    assert state.frame_flow.tolist() == [0, -1, -1, -1, -1]
    # Inner fragments are packets, so the tunnel has them; what continues an underlay packet is not.
    assert state.tunnels["packets"].tolist() == [[3, 0]]
    assert state.tunnels["fragments"].tolist() == [1]
    assert codes(state)[anomalies.TABLE_OVERFLOW] == 3


def test_fragments_inside_nested_tunnels_are_keyed_by_the_outermost_addresses(frames: Frames) -> None:
    """Two hosts may carry the same tenant's packet with the same identification at once (multicast copies)."""
    for at, pa in ((0, PA1), (1, "192.0.2.9")):
        fields = tunnel(pa, PA2, more_layers=(layer(encaps.IPIP),)) | ip_packet(CA1, CA2, TCP, 5 + at, 6)
        fields |= fragment_fields(7, 0, 100, more=True, layers=1) | {"frag_a_ip": 1}
        frames.add(at, fields, data=ipv4_header(pa, PA2, 47) + ipv4_header(CA1, CA2, TCP), n_ip=2, ip_off=(0, 20))
    for at, pa in ((2, PA1), (3, "192.0.2.9")):
        fields = tunnel(pa, PA2) | ip_packet(CA1, CA2, TCP) | fragment_fields(7, 100, 50, more=False, layers=1)
        data = ipv4_header(pa, PA2, 47) + ipv4_header(CA1, CA2, TCP)
        frames.add(at, fields | {"frag_a_ip": 1}, data=data, n_ip=2, ip_off=(0, 20))
    assert account(frames).frame_flow.tolist() == [0, 1, 0, 1]


def account_so_far(frames: Frames, options: AccountOptions | None = None) -> State:
    accountant = Accountant(options or AccountOptions())
    accountant.account(*frames.peek())
    return accountant.state()


def test_packets_over_all_flows_and_bins_are_those_accounted(frames: Frames) -> None:
    rng = np.random.default_rng(7)
    for at in range(400):
        offset = int(rng.integers(0, 3)) * 1000
        inner(frames, at, int(rng.integers(0, 9)), offset, 1000, last=offset == 2000)
    options = AccountOptions(pending_fragments=5, fragment_sets=3)
    state = account(frames, options)
    assert state.flows["packets"].sum() == 400
    assert state.bins[:, :, 0].sum() == 400
    assert (state.frame_flow >= 0).all()
