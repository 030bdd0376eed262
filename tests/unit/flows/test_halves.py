"""Which flows are halves of one conversation, and which only look like it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import encaps
from nvgre_inspect.flows.tables import snapshot
from nvgre_inspect.model import state as model
from nvgre_inspect.model.options import DecodeOptions
from tests.unit.flows.state_builder import address, mac, rows, stack, state, words

SECOND = 1_000_000_000
REQUESTS = {
    "family": 4,
    "protocol": 6,
    "ethertype": 0x0800,
    "addr_a": words("10.0.0.1"),
    "addr_b": words("10.0.1.1"),
    "port": (50000, 443),
    "encap": encaps.NVGRE,
    "first_ns": 100 * SECOND,
    "last_ns": 110 * SECOND,
    "handshake_rtt_ns": 5,
    "lost_segments": (1, 1),
}


def halves(*flows, idle_timeout_ns=120 * SECOND):
    """The `flows` table; each flow is (vsid, sending side, changes), with one placement 192.0.2.1 -> .2 if side 0
    sends, and back if side 1 does. Further keys: `pas`, `inner` (VNI of a VXLAN inside).
    """
    stacks, flow_rows, placements = [], [], []
    for number, (vsid, side, changes) in enumerate(flows):
        changes = dict(changes)
        source, destination = changes.pop("pas", (0, 1) if side == 0 else (1, 0))
        inner = changes.pop("inner", None)
        layers = [(encaps.NVGRE, vsid)] + ([(encaps.VXLAN, inner)] if inner else [])
        stacks.append(stack(*layers))
        packets = (3, 0) if side == 0 else (0, 3)
        row = REQUESTS | {"vsid": vsid, "packets": packets, "initiator": side, "stack": number, "full_stack": number}
        flow_rows.append(row | changes)
        placements.append(
            {
                "flow": number,
                "side": side,
                "tunnel": 0 if {source, destination} == {0, 1} else 1,
                "pa_src": source,
                "pa_dst": destination,
                "packets": 3,
            }
        )
    made = state(
        stacks=rows(model.STACK, *stacks),
        addresses=rows(model.ADDRESS, *(address(f"192.0.2.{i}") for i in (1, 2, 3))),
        flows=rows(model.FLOW, *flow_rows),
        placements=rows(model.PLACEMENT, *placements),
    )
    return snapshot(made, [], options=DecodeOptions(idle_timeout_ns=idle_timeout_ns)).flows


def reverse(frame):
    return [
        None if value is None else int(value)
        for value in frame["reverse_flow"].astype(object).where(frame["reverse_flow"].notna(), None)
    ]


def test_the_reply_under_another_vsid_is_the_other_half():
    frame = halves((5001, 0, {}), (5002, 1, {}), (5001, 0, {"port": (50001, 443)}))
    assert reverse(frame) == [2, 1, None]
    for column in (
        "lost_segments_fwd",
        "lost_segments_rev",
        "acked_unseen_fwd",
        "acked_unseen_rev",
        "handshake_rtt_ms",
    ):
        assert frame[column].isna().tolist() == [True, True, False], column


@pytest.mark.parametrize(
    "change",
    [
        pytest.param((5001, 1, {}), id="same vsid"),
        pytest.param((5002, 0, {}), id="same direction"),
        pytest.param((5002, 1, {"packets": (1, 3)}), id="both directions"),
        pytest.param((5002, 1, {"encap": encaps.VXLAN}), id="another encapsulation"),
        pytest.param((5002, 1, {"port": (50000, 80)}), id="another port"),
        pytest.param((5002, 1, {"protocol": 17}), id="another protocol"),
        pytest.param((5002, 1, {"addr_b": words("10.0.1.2")}), id="another address"),
        pytest.param((5002, 1, {"n_vlan": 1, "vlan": (7, 0)}), id="another VLAN"),
        pytest.param((5002, 1, {"pas": (0, 1)}), id="same way on the underlay"),
        pytest.param((5002, 1, {"pas": (2, 0)}), id="another tunnel"),
        pytest.param((5002, 1, {"inner": 9}), id="a further network inside"),
        pytest.param((5002, 1, {"first_ns": 231 * SECOND, "last_ns": 240 * SECOND}), id="too late"),
        pytest.param((5002, 1, {"first_ns": -40 * SECOND, "last_ns": -21 * SECOND}), id="too early"),
    ],
)
def test_no_half(change):
    assert reverse(halves((5001, 0, {}), change)) == [None, None]


@pytest.mark.parametrize(
    ("first", "last"), [(105, 106), (230, 240), (-30, -20), (90, 300)], ids=["inside", "after", "before", "around"]
)
def test_near_in_time_is_enough(first, last):
    late = (5002, 1, {"first_ns": first * SECOND, "last_ns": last * SECOND})
    assert reverse(halves((5001, 0, {}), late)) == [2, 1]


def test_without_an_idle_timeout_any_time_will_do():
    late = (5002, 1, {"first_ns": 10**6 * SECOND, "last_ns": 10**6 * SECOND})
    assert reverse(halves((5001, 0, {}), late, idle_timeout_ns=0)) == [2, 1]


def test_two_possible_counterparts_are_none():
    assert reverse(halves((5001, 0, {}), (5002, 1, {}), (5003, 1, {}))) == [None, None, None]


def test_a_counterpart_in_the_same_vsid_does_not_count():
    # A restart within one vsid: flow 3 is of 5001 too, so flow 2 stays the only one for flow 1.
    assert reverse(halves((5001, 0, {}), (5002, 1, {}), (5001, 1, {}))) == [2, 1, None]


def test_flows_that_follow_each_other_find_their_own():
    again = {"first_ns": 1000 * SECOND, "last_ns": 1001 * SECOND}
    frame = halves((5001, 0, {}), (5002, 1, {}), (5001, 0, again), (5002, 1, again))
    assert reverse(frame) == [2, 1, 4, 3]


def test_halves_inside_a_nested_network_agree_on_it():
    assert reverse(halves((5001, 0, {"inner": 9}), (5002, 1, {"inner": 9}))) == [2, 1]


def test_frames_without_ip_are_matched_by_mac():
    arp = {
        "family": 0,
        "protocol": -1,
        "ethertype": 0x0806,
        "addr_a": 0,
        "addr_b": 0,
        "port": (-1, -1),
        "mac": (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")),
    }
    other = arp | {"mac": (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:03"))}
    assert reverse(halves((5001, 0, arp), (5002, 1, arp), (5002, 1, other))) == [2, 1, None]


FLOWS = st.lists(
    st.tuples(
        st.integers(5001, 5003),
        st.integers(0, 1),
        st.integers(0, 8).map(lambda t: t * 60),
        st.integers(0, 3).map(lambda d: d * 40),
        st.integers(443, 444),
    ),
    max_size=9,
)


@given(FLOWS)
@settings(deadline=None, max_examples=200)
def test_the_same_as_looking_at_every_pair(drawn):
    flows = []
    for vsid, side, start, duration, port in drawn:
        times = {"first_ns": start * SECOND, "last_ns": (start + duration) * SECOND}
        flows.append((vsid, side, times | {"port": (50000, port)}))

    def counterparts(i):
        vsid, side, start, duration, port = drawn[i]
        return [
            j
            for j, (vsid_j, side_j, start_j, duration_j, port_j) in enumerate(drawn)
            if (port_j, side_j) == (port, 1 - side)
            and vsid_j != vsid
            and start_j <= start + duration + 120
            and start <= start_j + duration_j + 120
        ]

    expected = [None] * len(drawn)
    for i in range(len(drawn)):
        match counterparts(i):
            case [j] if counterparts(j) == [i]:
                expected[i] = j + 1
    assert reverse(halves(*flows)) == expected


def test_very_many_alike_take_no_quadratic_time():
    # 2 x 3,000 flows of one identity: 9 million pairs, none of which is looked at.
    flows = [(5001, 0, {}), (5002, 1, {})] * 3000
    assert set(reverse(halves(*flows))) == {None}
