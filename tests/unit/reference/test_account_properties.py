"""What holds for every input: nothing is lost, sides and sequence numbers are symmetric, batches do not matter."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import encaps
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.state import FLOW
from nvgre_inspect.reference.account import Accountant
from tests.builders.conversation import account
from tests.builders.segments import Segment, told
from tests.builders.states import assert_arrays_equal, assert_states_equal

CAPS = AccountOptions(gaps_per_direction=3, placements_per_flow=2, pas_per_endpoint=2)
#: Fields of a flow that have one value per side.
PER_SIDE = [name for name in FLOW.names or () if FLOW[name].shape == (2,) and name not in ("vlan", "addr_a", "addr_b")]


SEGMENT = st.builds(
    Segment,
    step_us=st.sampled_from([-500, 0, 1, 100, 2_000, 5_000, 200_000_000]),
    from_client=st.booleans(),
    flags=st.sampled_from([0x10, 0x10, 0x10, 0x18, 0x02, 0x12, 0x11, 0x01, 0x04, 0x14, 0x03, 0x06, 0x00, 0xFF]),
    seq=st.integers(0, 12).map(lambda n: n * 50) | st.sampled_from([1, 49, 51, 2**31, 2**32 - 1]),
    ack=st.integers(0, 12).map(lambda n: n * 50) | st.sampled_from([1, 51, 2**31]),
    length=st.sampled_from([-1, 0, 0, 1, 2, 50, 100, 500]),
    window=st.sampled_from([0, 1000, 1000, 2000]),
    ip_id=st.sampled_from([-1, 0, 5, 6]),
    readable=st.sampled_from([True, True, True, False]),
    vsid=st.sampled_from([5001, 5001, 5002, -1]),
    host=st.integers(1, 3),
)
SEGMENTS = st.lists(SEGMENT, max_size=40)


@given(SEGMENTS)
@settings(deadline=None)
def test_every_frame_is_counted_once_in_every_table(segments: list[Segment]) -> None:
    state = account(told(segments), CAPS)
    assert state.overflow == {}
    assert state.flows["packets"].sum() == state.bins[:, :, 0].sum() == state.endpoints["packets"].sum()
    assert state.flows["packets"].sum() == len(segments)
    assert state.flows["bytes"].sum() == state.bins[:, :, 1].sum()
    assert state.flows["retransmissions"].sum() == state.bins[:, :, 3].sum()
    assert (state.frame_flow >= 0).all()
    tunnelled = state.flows[state.flows["encap"] != encaps.NONE]
    for name in ("packets", "wire_bytes"):
        assert state.placements[name].sum() == state.tunnels[name].sum() == tunnelled[name].sum()
    for number, flow in enumerate(state.flows):
        assert (state.frame_flow == number).sum() == flow["packets"].sum()
        of_flow = state.placements[state.placements["flow"] == number]
        assert (of_flow["tunnel"] >= 0).sum() <= CAPS.placements_per_flow
        for side in (0, 1) if flow["encap"] else ():
            assert of_flow["packets"][of_flow["side"] == side].sum() == flow["packets"][side]


@given(SEGMENTS)
@settings(deadline=None)
def test_words_never_exceed_what_there_was(segments: list[Segment]) -> None:
    for flow in account(told(segments), CAPS).flows:
        assert flow["first_ns"] <= flow["last_ns"]
        for side in (0, 1):
            packets, data = flow["packets"][side], flow["data_segments"][side]
            assert data + flow["duplicates"][side] + flow["resets"][side] <= packets
            assert flow["retransmissions"][side] + flow["out_of_order"][side] <= data
            assert flow["duplicate_acks"][side] + flow["zero_windows"][side] <= packets
            # A segment opens one gap at most, or splits one in two.
            assert 0 <= flow["lost_segments"][side] <= data
            # An acknowledgement counts the gaps that it closes or trims, and a tail.
            assert flow["acked_unseen"][side] <= data + flow["packets"][1 - side]
            assert not PER_SIDE_NEGATIVE.intersection(name for name in PER_SIDE if flow[name][side] < 0)


#: None of these can be "unknown".
PER_SIDE_NEGATIVE = set(PER_SIDE) - {"port", "mac", "mss", "window_scale"}


@given(SEGMENTS)
@settings(deadline=None)
def test_sides_are_symmetric(segments: list[Segment]) -> None:
    """Which end has the lower address changes nothing but the side."""
    state, mirrored = account(told(segments), CAPS), account(told(segments, swapped=True), CAPS)
    assert len(state.flows) == len(mirrored.flows)
    for flow, mirror in zip(state.flows, mirrored.flows, strict=True):
        for name in set(FLOW.names or ()) - {"addr_a", "addr_b", "port", "mac"}:
            if name in PER_SIDE:
                assert flow[name].tolist() == mirror[name].tolist()[::-1], name
            elif name == "initiator":
                assert flow[name] == 1 - mirror[name]
            else:
                assert flow[name].tolist() == mirror[name].tolist(), name
    assert_states_equal(
        state,
        mirrored,
        without=("flows", "placements", "tunnels", "addresses", "endpoints", "frame_position"),
    )
    # The near end is the higher PA at first and the lower one when swapped.
    assert state.tunnels["packets"][:, ::-1].tolist() == mirrored.tunnels["packets"].tolist()


@given(SEGMENTS, st.sampled_from([1, 2**31, 2**32 - 300, 2**32 - 1]))
@settings(deadline=None)
def test_sequence_numbers_have_no_origin(segments: list[Segment], shift: int) -> None:
    # A packet without a readable header is remembered with sequence number 0, so none must be compared with it.
    readable = [segment for segment in segments if segment.readable]
    assert_states_equal(account(told(readable), CAPS), account(told(readable, seq_shift=shift), CAPS))


@given(SEGMENTS, st.lists(st.integers(0, 40), max_size=5))
@settings(deadline=None)
def test_batches_and_looking_on_change_nothing(segments: list[Segment], cuts: list[int]) -> None:
    whole = account(told(segments), CAPS)
    batch, records = told(segments).take()
    accountant = Accountant(CAPS)
    edges = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
    for start, end in pairwise(edges):
        part = type(batch)(batch.buffer, *(getattr(batch, field.name)[start:end] for field in fields(batch)[1:]))
        accountant.account(part, records[start:end])
        accountant.state()
    accountant.finish()
    assert_states_equal(accountant.state(), whole)


@given(SEGMENTS)
@settings(deadline=None)
def test_tenants_do_not_touch_each_other(segments: list[Segment]) -> None:
    """The flows of one tenant are the same whether or not others use the same addresses and ports."""
    mixed = account(told(segments), CAPS).flows
    at, times = 0, []
    for segment in segments:
        at += segment.step_us
        times.append(at)
    for vsid in {segment.vsid for segment in segments}:
        frames, previous = [], 0
        for segment, time in zip(segments, times, strict=True):
            if segment.vsid == vsid:
                frames.append(Segment(**(vars(segment) | {"step_us": time - previous})))
                previous = time
        alone = account(told(frames), CAPS).flows
        together = mixed[mixed["vsid"] == vsid]
        assert len(together) == len(alone)
        for name in set(FLOW.names or ()) - {"stack", "full_stack", "tunnel", "anomalies"}:
            assert_arrays_equal(name, together[name], alone[name])
