"""Flows, tunnels, placements, endpoints, timeline, anomalies: which row a frame goes to, and what the caps do."""

from __future__ import annotations

import numpy as np
import pytest

from dissectors import anomalies, encaps
from nvgre_inspect.kernels.codes import BINS, FIRST_BIN_NS
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.state import State
from nvgre_inspect.reference.account import Accountant
from tests.builders.conversation import account
from tests.builders.records import EPOCH_NS, ICMP, ICMPV6, SECOND, UDP, Frames, ip_packet, layer, tunnel, words

A, B = "10.0.0.1:1000", "10.0.0.2:2000"
THERE, BACK = tunnel("192.0.2.1", "192.0.2.2"), tunnel("192.0.2.2", "192.0.2.1")
OVERFLOW = 1 << anomalies.TABLE_OVERFLOW


@pytest.fixture
def frames() -> Frames:
    return Frames()


def packets(state: State) -> list[list[int]]:
    return [row["packets"].tolist() for row in state.flows]


# --- flow keys -----------------------------------------------------------------------------------------------------


def test_both_directions_are_one_flow(frames: Frames) -> None:
    frames.udp(0, B, A, BACK, wire_len=150, inner_len=100)
    frames.udp(10, A, B, THERE, wire_len=250, inner_len=200, tos=0xB8, src_mac=1, dst_mac=2)
    frames.udp(5, A, B, THERE, wire_len=250, inner_len=200, tos=-1)
    (flow,) = account(frames).flows
    assert flow["initiator"] == 1
    assert flow["port"].tolist() == [1000, 2000]
    assert (flow["addr_a"].tolist(), flow["addr_b"].tolist()) == (list(words("10.0.0.1")), list(words("10.0.0.2")))
    assert flow["mac"].tolist() == [0x020000000001, 0x020000000002]  # of the first frame
    assert flow["packets"].tolist() == [2, 1]
    assert flow["bytes"].tolist() == [400, 100]
    assert flow["wire_bytes"].tolist() == [500, 150]
    assert (flow["first_ns"], flow["last_ns"]) == (EPOCH_NS, EPOCH_NS + 10_000)
    assert flow["dscp_lo"].tolist() == [0, 1]
    assert flow["dscp_hi"].tolist() == [1 << (46 - 32), 0]


@pytest.mark.parametrize(
    "other",
    [
        tunnel("192.0.2.1", "192.0.2.2", vsid=5002),
        tunnel("192.0.2.1", "192.0.2.2", encap=encaps.VXLAN),
        tunnel("192.0.2.1", "192.0.2.2", more_layers=(layer(encaps.VXLAN, 7),)),
        THERE | {"vlan": (5,)},
        THERE | {"vlan": (0,)},
        THERE | {"vlan": (0, 0)},
        THERE | {"protocol": 136},
        THERE | {"src_port": 1001},
        THERE | {"family": 6},
        {},
    ],
    ids=["vsid", "encap", "nested tenant", "vlan", "vlan 0", "two vlans", "protocol", "port", "family", "no tunnel"],
)
def test_what_tells_flows_apart(frames: Frames, other: dict[str, object]) -> None:
    frames.udp(0, A, B, THERE)
    frames.udp(10, A, B, other)
    assert packets(account(frames)) == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    "same",
    [
        tunnel("192.0.2.7", "192.0.2.2", flow_id=9),
        tunnel("2001:db8::1", "2001:db8::2"),
        tunnel("192.0.2.1", "192.0.2.2", more_layers=(layer(encaps.IPIP), layer(encaps.VXLAN))),
        THERE | {"layers": (layer(encaps.ERSPAN2, 5), layer(encaps.NVGRE, 5001)), "tenant_layer": 1},
        THERE | {"src_mac": 99, "ethertype": 0x86DD},
    ],
    ids=["other tunnel", "other underlay", "layers without id", "mirrored", "macs"],
)
def test_what_does_not_tell_flows_apart(frames: Frames, same: dict[str, object]) -> None:
    frames.udp(0, A, B, THERE)
    frames.udp(10, A, B, same)
    assert packets(account(frames)) == [[2, 0]]


def test_without_vsid_the_tunnel_stands_in_its_place(frames: Frames) -> None:
    def gre(src: str, dst: str) -> dict[str, object]:
        return tunnel(src, dst, encap=encaps.GRE, vsid=None)

    frames.udp(0, A, B, gre("192.0.2.1", "192.0.2.2"))
    frames.udp(10, B, A, gre("192.0.2.2", "192.0.2.1"))
    frames.udp(20, A, B, gre("192.0.2.1", "192.0.2.3"))
    state = account(frames)
    assert packets(state) == [[1, 1], [1, 0]]
    assert state.flows["tunnel"].tolist() == [0, 1]


def test_an_echo_and_its_reply_share_the_identifier(frames: Frames) -> None:
    for at, src, dst, icmp_type in ((0, "10.0.0.1", "10.0.0.2", 8), (10, "10.0.0.2", "10.0.0.1", 0)):
        frames.add(at, ip_packet(src, dst, ICMP, 77), icmp_type=icmp_type)
    frames.add(20, ip_packet("10.0.0.2", "10.0.0.1", ICMP, 78))
    frames.add(30, ip_packet("10.0.0.2", "10.0.0.1", ICMP))
    frames.add(40, ip_packet("2001:db8::2", "2001:db8::1", ICMPV6, 77))
    state = account(frames)
    assert packets(state) == [[1, 1], [0, 1], [0, 1], [0, 1]]
    assert state.flows["port"].tolist() == [[77, -1], [78, -1], [-1, -1], [77, -1]]


def test_what_is_not_ip_is_keyed_by_macs_and_ethertype(frames: Frames) -> None:
    for at, src, dst, ethertype in ((0, 5, 9, 0x0806), (1, 9, 5, 0x0806), (2, 5, 9, 0x88CC), (3, 5, 8, 0x0806)):
        frames.add(at, src_mac=src, dst_mac=dst, ethertype=ethertype, side=int(src > dst))
    state = account(frames)
    assert packets(state) == [[1, 1], [1, 0], [1, 0]]
    assert state.flows["mac"].tolist() == [[5, 9], [5, 9], [5, 8]]
    assert state.flows["ethertype"].tolist() == [0x0806, 0x88CC, 0x0806]


@pytest.mark.parametrize(("timeout_s", "flows"), [(120, 2), (121, 1), (0, 1)])
def test_an_idle_flow_ends(frames: Frames, timeout_s: int, flows: int) -> None:
    frames.udp(0, A, B)
    frames.udp(120e6 + 0.001, A, B)
    assert len(account(frames, AccountOptions(idle_timeout_ns=timeout_s * SECOND)).flows) == flows


def test_idleness_counts_from_the_latest_packet_and_is_not_reached_at_the_timeout(frames: Frames) -> None:
    for at in (100e6, 0, 220e6):
        frames.udp(at, A, B)
    assert packets(account(frames)) == [[3, 0]]


def test_key_stack_and_full_stack(frames: Frames) -> None:
    layers = (layer(encaps.ERSPAN2, 5), layer(encaps.IPIP), layer(encaps.NVGRE, 5001), layer(encaps.GRE), layer(4, 1))
    frames.udp(0, A, B, THERE | {"layers": layers, "tenant_layer": 2})
    frames.udp(1, A, B)
    state = account(frames)
    has_id = encaps.HAS_ID
    stacks = [(row["n"], row["kind"][: row["n"]].tolist(), row["id"][: row["n"]].tolist()) for row in state.stacks]
    assert stacks == [
        (2, [encaps.NVGRE | has_id, encaps.VXLAN | has_id], [5001, 1]),
        (5, [encaps.ERSPAN2 | has_id, encaps.IPIP, encaps.NVGRE | has_id, encaps.GRE, encaps.VXLAN | has_id],
         [5, 0, 5001, 0, 1]),
        (0, [], []),
    ]  # fmt: skip
    assert state.flows["stack"].tolist() == [0, 2]
    assert state.flows["full_stack"].tolist() == [1, 2]


def test_a_users_kind_with_an_id_is_a_tenant(frames: Frames) -> None:
    layers = (layer(encaps.GRE, None), layer(encaps.USER, 9), layer(encaps.USER + 1, 8))
    frames.udp(0, A, B, THERE | {"layers": layers, "tenant_layer": 1, "encap": encaps.USER, "vsid": 9})
    stack = account(frames).stacks[0]
    assert stack["id"][: stack["n"]].tolist() == [9, 8]


# --- tunnels -------------------------------------------------------------------------------------------------------


def test_a_tunnel_is_an_unordered_pair(frames: Frames) -> None:
    frames.udp(0, B, A, BACK, wire_len=200, pa_ttl=255, pa_tos=0xB8)
    frames.udp(10, A, B, THERE, wire_len=300, pa_ttl=0)
    state = account(frames)
    (row,) = state.tunnels
    assert row["initiator"] == 1
    addresses = state.addresses["word"].tolist()
    assert addresses == [list(words("192.0.2.2")), list(words("192.0.2.1"))]  # as first needed, source first
    assert (row["pa_a"], row["pa_b"]) == (1, 0)  # the lower address is side 0
    assert row["packets"].tolist() == [1, 1]
    assert row["wire_bytes"].tolist() == [300, 200]
    assert row["max_wire_len"] == 300
    assert (row["ttl_a"].tolist(), row["ttl_b"].tolist()) == ([1] + [0] * 7, [0] * 7 + [1 << 31])
    assert (row["dscp_lo"], row["dscp_hi"]) == (1, 1 << (46 - 32))


def test_equal_or_missing_addresses_make_the_sender_side_0(frames: Frames) -> None:
    frames.udp(0, A, B, tunnel("192.0.2.1", "192.0.2.1"))
    frames.udp(1, A, B, THERE, pa_family=0, pa_src=(0,) * 4, pa_dst=(0,) * 4, pa_ttl=-1, pa_tos=-1)
    rows = account(frames).tunnels
    assert rows["packets"].tolist() == [[1, 0], [1, 0]]
    assert rows["ttl_a"][1].tolist() == [0] * 8
    assert rows["dscp_lo"].tolist() == [1, 0]


def test_ipv4_and_ipv6_addresses_with_the_same_words_differ(frames: Frames) -> None:
    frames.udp(0, A, B, tunnel("192.0.2.1", "192.0.2.2"))
    frames.udp(0, A, B, tunnel("::c000:201", "::c000:202"))
    assert account(frames).addresses["family"].tolist() == [4, 4, 6, 6]


def test_an_icmp_error_counts_for_the_tunnel_that_it_quotes(frames: Frames) -> None:
    quote = {
        "quote_encap": encaps.NVGRE,
        "quote_family": 4,
        "quote_src": words("192.0.2.2"),
        "quote_dst": words("192.0.2.1"),
    }
    frames.add(5, ip_packet("192.0.2.99", "192.0.2.2", ICMP), quote)
    frames.udp(9, A, B, THERE)
    frames.add(20, ip_packet("192.0.2.99", "192.0.2.2", ICMP), quote)
    (row,) = account(frames).tunnels
    assert row["icmp_errors"] == 2
    assert row["initiator"] == 1  # the quoted source
    assert row["packets"].tolist() == [1, 0]
    assert (row["first_ns"], row["last_ns"]) == (EPOCH_NS + 5_000, EPOCH_NS + 9_000)


# --- placements and paths ------------------------------------------------------------------------------------------


def test_a_placement_is_a_way_in_one_direction(frames: Frames) -> None:
    frames.udp(0, A, B, THERE, flow_id=1)
    frames.udp(1, A, B, THERE, flow_id=2, wire_len=500)
    frames.udp(2, A, B, THERE, flow_id=2, wire_len=500)
    frames.udp(3, B, A, BACK, flow_id=2)
    frames.udp(4, A, B)  # no tunnel, no placement
    rows = account(frames).placements
    named = rows[["flow", "tunnel", "side", "pa_src", "pa_dst", "flow_id", "path", "packets", "wire_bytes"]]
    assert named.tolist() == [
        (0, 0, 0, 0, 1, 1, -1, 1, 100),
        (0, 0, 0, 0, 1, 2, -1, 2, 1000),
        (0, 0, 1, 1, 0, 2, -1, 1, 100),
    ]


def test_placements_beyond_the_cap_share_a_row_per_side(frames: Frames) -> None:
    for at, flow_id in enumerate((1, 2, 3, 4, 1)):
        frames.udp(at, A, B, THERE, flow_id=flow_id)
    frames.udp(9, B, A, BACK, flow_id=3)
    state = account(frames, AccountOptions(placements_per_flow=2))
    named = state.placements[["side", "tunnel", "pa_src", "pa_dst", "flow_id", "path", "packets"]]
    assert named.tolist() == [
        (0, 0, 0, 1, 1, -1, 2),
        (0, 0, 0, 1, 2, -1, 1),
        (0, -1, -1, -1, -1, -1, 2),
        (1, -1, -1, -1, -1, -1, 1),
    ]
    assert state.overflow == {}
    (row,) = state.anomalies
    assert (row["code"], row["count"], row["first_frame"]) == (anomalies.PLACEMENTS_OVERFLOW, 3, 3)
    assert state.flows["anomalies"][0] == state.tunnels["anomalies"][0] == 1 << anomalies.PLACEMENTS_OVERFLOW


def mpls(*labels: int) -> bytes:
    return b"".join((label << 12 | (label == labels[-1]) << 8 | 64).to_bytes(4) for label in labels)


def test_an_mpls_path_has_its_labels_without_entropy(frames: Frames) -> None:
    for at, entropy in ((0, 999), (1, 888)):
        data = b"\xff" * 14 + mpls(16, 7, entropy, 17)
        frames.udp(at, A, B, THERE, data=data, path_kind=1, path_n=4, path_off=14)
    state = account(frames)
    (path,) = state.paths
    assert (path["kind"], path["n"]) == (1, 2)
    assert path["item"][:9].tolist() == [0, 0, 0, 16, 0, 0, 0, 17, 0]
    assert state.placements["path"].tolist() == [0]


def test_an_srv6_path_has_its_segments_in_the_order_of_the_header(frames: Frames) -> None:
    segments = bytes(range(32))
    frames.udp(0, A, B, THERE, data=b"\xff" * 48 + segments, path_kind=2, path_n=2, path_off=48)
    (path,) = account(frames).paths
    assert (path["kind"], path["n"]) == (2, 2)
    assert path["item"][:8].astype(">u4").tobytes() == segments


def test_a_path_outside_any_tunnel_is_none(frames: Frames) -> None:
    frames.udp(0, A, B, data=mpls(16), path_kind=1, path_n=1, path_off=0)
    assert len(account(frames).paths) == 0


def test_a_path_ends_where_the_captured_bytes_do(frames: Frames) -> None:
    frames.udp(0, A, B, THERE, data=mpls(16, 7), path_kind=1, path_n=3, path_off=0)
    assert account(frames).paths["n"].tolist() == [1]


# --- endpoints -----------------------------------------------------------------------------------------------------


def endpoint(mac: int = 5, ip: str = "10.0.0.1") -> dict[str, object]:
    return {"ca_mac": mac, "ca_family": 4, "ca_ip": words(ip)}


def test_an_endpoint_moves_when_its_pa_changes(frames: Frames) -> None:
    for at, pa in enumerate(("192.0.2.1", "192.0.2.1", "192.0.2.3", "192.0.2.1")):
        frames.udp(at, A, B, tunnel(pa, "192.0.2.2"), endpoint())
    state = account(frames)
    (row,) = state.endpoints
    assert (row["packets"], row["moves"], row["n_pas"], row["last_pa"]) == (4, 2, 2, 0)
    assert state.endpoint_pas.tolist() == [(0, 0), (0, 2)]


def test_pas_of_an_endpoint_are_capped_but_its_moves_are_not(frames: Frames) -> None:
    for at, pa in enumerate(("192.0.2.1", "192.0.2.3", "192.0.2.4")):
        frames.udp(at, A, B, tunnel(pa, "192.0.2.2"), endpoint())
    state = account(frames, AccountOptions(pas_per_endpoint=2))
    assert (state.endpoints["moves"][0], state.endpoints["n_pas"][0]) == (2, 2)
    assert len(state.endpoint_pas) == 2
    assert state.overflow == {}


def test_what_tells_endpoints_apart(frames: Frames) -> None:
    gre = tunnel("192.0.2.1", "192.0.2.2", encap=encaps.GRE, vsid=None)
    other_gre = tunnel("192.0.2.1", "192.0.2.9", encap=encaps.GRE, vsid=None)
    ways = (THERE, tunnel("192.0.2.1", "192.0.2.2", vsid=5002), gre, other_gre, {})
    for way in ways:
        frames.udp(0, A, B, way, endpoint())
    frames.udp(0, A, B, THERE, endpoint(mac=6))
    frames.udp(0, A, B, THERE, endpoint(ip="10.0.0.9"))
    state = account(frames)
    assert state.endpoints["packets"].tolist() == [1] * 7
    assert state.endpoints["tunnel"].tolist() == [-1, -1, 1, 2, -1, -1, -1]
    assert state.endpoints["last_pa"].tolist() == [0, 0, 0, 0, -1, 0, 0]


def test_the_unspecified_address_is_none(frames: Frames) -> None:
    frames.udp(0, A, B, endpoint(ip="0.0.0.0"))
    frames.udp(1, A, B, ca_mac=5)
    frames.udp(2, A, B, endpoint(mac=-1, ip="0.0.0.0"))  # neither: no endpoint
    frames.udp(3, A, B, endpoint(mac=-1))
    rows = account(frames).endpoints
    assert rows[["mac", "family", "packets"]].tolist() == [(5, 0, 2), (-1, 4, 1)]


# --- timeline ------------------------------------------------------------------------------------------------------


def test_bins_by_series(frames: Frames) -> None:
    frames.udp(1500, A, B, THERE, wire_len=150, inner_len=100)
    frames.udp(1600, A, B, THERE, wire_len=150, inner_len=100)
    frames.udp(3000, A, B, wire_len=60)
    state = account(frames)
    assert state.series.tolist() == [(encaps.NVGRE, 5001, 0), (0, -1, -1)]
    assert (state.bin_start_ns, state.bin_width_ns) == (EPOCH_NS + FIRST_BIN_NS, FIRST_BIN_NS)
    assert state.bins[0, 0].tolist() == [2, 200, 300, 0]
    assert state.bins[1, 2].tolist() == [1, 60, 60, 0]
    assert state.bins[:, :, 0].sum() == 3


def test_bins_widen_until_all_fit(frames: Frames) -> None:
    for at_ms in (0, 3, BINS - 1):
        frames.udp(at_ms * 1000, A, B)
    assert account_so_far(frames).bin_width_ns == FIRST_BIN_NS
    frames.udp(BINS * 1000, A, B)
    state = account_so_far(frames)
    assert state.bin_width_ns == 2 * FIRST_BIN_NS
    assert np.flatnonzero(state.bins[0, :, 0]).tolist() == [0, 1, (BINS - 1) // 2, BINS // 2]
    frames.udp(10e6, A, B)
    state = account(frames)
    assert state.bin_width_ns == 64 * FIRST_BIN_NS
    assert state.bin_start_ns % state.bin_width_ns == 0
    assert state.bins[0, :, 0].sum() == 5


def test_the_order_of_frames_does_not_matter_to_bins() -> None:
    times = [7e6, 0.5, 3e6, 9e6, 4]
    states = []
    for order in (times, sorted(times), sorted(times, reverse=True)):
        frames = Frames()
        for at in order:
            frames.udp(at, A, B)
        states.append(account(frames))
    for state in states:
        assert (state.bin_start_ns, state.bin_width_ns) == (states[0].bin_start_ns, states[0].bin_width_ns)
        assert np.array_equal(state.bins, states[0].bins)


def test_bins_reach_over_all_times_that_a_file_can_claim(frames: Frames) -> None:
    frames.add_at(-(2**63))
    frames.add_at(2**63 - 1)
    state = account(frames)
    assert state.bins[0, :, 0].sum() == 2
    assert state.bin_start_ns <= -(2**63)


def account_so_far(frames: Frames) -> State:
    accountant = Accountant(AccountOptions())
    accountant.account(*frames.peek())
    return accountant.state()


# --- anomalies -----------------------------------------------------------------------------------------------------


def test_anomalies_are_counted_per_code_and_tunnel(frames: Frames) -> None:
    both = 1 << anomalies.NVGRE_FLAGS_INVALID | 1 << anomalies.NVGRE_INNER_VLAN
    frames.udp(0, A, B, THERE)
    frames.udp(1, A, B, THERE, anomalies=both)
    frames.udp(2, B, A, BACK, anomalies=1 << anomalies.NVGRE_INNER_VLAN)
    frames.udp(3, A, B, anomalies=1 << anomalies.UDP_LENGTH_INVALID)
    state = account(frames)
    assert state.anomalies.tolist() == [
        (anomalies.NVGRE_FLAGS_INVALID, 0, encaps.NVGRE, 5001, 0, 1, 2, 2),
        (anomalies.NVGRE_INNER_VLAN, 0, encaps.NVGRE, 5001, 0, 2, 2, 3),
        (anomalies.UDP_LENGTH_INVALID, -1, 0, -1, 1, 1, 4, 4),
    ]
    assert state.flows["anomalies"].tolist() == [both, 1 << anomalies.UDP_LENGTH_INVALID]
    assert state.tunnels["anomalies"].tolist() == [both]


def test_time_that_runs_backward_on_an_interface(frames: Frames) -> None:
    for at, interface in ((10, 0), (5, 1), (9, 0), (9, 0), (4, 1), (10, 0)):
        frames.udp(at, A, B, interface=interface)
    (row,) = account(frames).anomalies
    assert (row["code"], row["count"], row["first_frame"], row["last_frame"]) == (
        anomalies.TIMESTAMP_BACKWARD, 2, 3, 5,
    )  # fmt: skip


# --- caps ----------------------------------------------------------------------------------------------------------


def overflowing(option: str, *frame_fields: dict[str, object], cap: int = 1) -> State:
    frames = Frames()
    for at, fields in enumerate(frame_fields):
        frames.add(at, ip_packet("10.0.0.1", "10.0.0.2", UDP, 1, 2), fields)
    return account(frames, AccountOptions(**{option: cap}))


def test_without_room_for_a_flow_a_frame_has_neither_placement_nor_endpoint() -> None:
    state = overflowing("max_flows", THERE, THERE | endpoint() | {"src_port": 9}, THERE | {"src_port": 9})
    assert packets(state) == [[1, 0]]
    assert state.overflow == {"flows": 2}
    assert state.placements["packets"].tolist() == [1]
    assert state.tunnels["packets"].tolist() == [[3, 0]]
    assert len(state.endpoints) == 0
    assert state.bins[0, :, 0].sum() == 3
    assert state.frame_flow.tolist() == [0, -1, -1]
    assert state.flows["anomalies"].tolist() == [0]
    assert state.tunnels["anomalies"].tolist() == [OVERFLOW]
    assert state.anomalies[["code", "flow", "count"]].tolist() == [(anomalies.TABLE_OVERFLOW, -1, 2)]


def test_a_flow_that_ended_does_not_take_the_frames_of_its_successor() -> None:
    frames = Frames()
    frames.udp(0, A, B)
    frames.udp(200e6, A, B)
    state = account(frames, AccountOptions(max_flows=1))
    assert packets(state) == [[1, 0]]
    assert state.overflow == {"flows": 1}


def test_without_room_for_a_tunnel_there_is_no_placement_and_no_pa() -> None:
    here, other = THERE | endpoint(), tunnel("192.0.2.3", "192.0.2.9") | endpoint()
    state = overflowing("max_tunnels", here, other, here)
    assert packets(state) == [[3, 0]]
    assert state.overflow == {"tunnels": 1}
    assert state.placements["packets"].tolist() == [2]
    assert state.endpoints[["packets", "moves", "last_pa", "n_pas"]].tolist() == [(3, 0, 0, 1)]
    assert state.series.tolist() == [(encaps.NVGRE, 5001, 0), (encaps.NVGRE, 5001, -1)]


def test_without_room_for_an_address_there_is_no_tunnel() -> None:
    state = overflowing("max_addresses", THERE, endpoint() | tunnel("192.0.2.9", "192.0.2.8"))
    assert len(state.addresses) == 1
    assert len(state.tunnels) == 0
    assert state.overflow == {"addresses": 2}  # once a frame, though both addresses of the second found no room
    assert state.endpoints[["last_pa", "n_pas"]].tolist() == [(-1, 0)]


def test_without_room_for_a_key_stack_there_is_no_flow() -> None:
    state = overflowing("max_stacks", {}, THERE, {})
    assert packets(state) == [[2, 0]]
    assert state.overflow == {"stacks": 1}


def test_without_room_for_the_full_stack_a_flow_has_its_key_stack_there() -> None:
    layers = (layer(encaps.ERSPAN1), layer(encaps.NVGRE, 5001))
    state = overflowing("max_stacks", THERE | {"layers": layers, "tenant_layer": 1})
    assert state.flows[["stack", "full_stack"]].tolist() == [(0, 0)]
    assert state.overflow == {"stacks": 1}


def test_without_room_for_a_path_a_placement_has_none() -> None:
    fields = THERE | {"path_kind": 1, "path_n": 1, "path_off": 0}
    frames = Frames()
    for label in (16, 17):
        frames.udp(label, A, B, fields, data=mpls(label))
    state = account(frames, AccountOptions(max_paths=1))
    assert state.placements["path"].tolist() == [0, -1]
    assert state.overflow == {"paths": 1}


def test_placements_that_found_no_room_do_not_count_against_the_flows_cap() -> None:
    frames = Frames()
    for flow_id in (1, 2, 3):
        frames.udp(flow_id, A, B, THERE, flow_id=flow_id)
    state = account(frames, AccountOptions(max_placements=1, placements_per_flow=2))
    assert state.overflow == {"placements": 2}
    assert state.anomalies["code"].tolist() == [anomalies.TABLE_OVERFLOW]


def test_without_room_for_placements_endpoints_and_series() -> None:
    other = tunnel("192.0.2.1", "192.0.2.2", vsid=5002)
    state = overflowing("max_placements", THERE, THERE | {"flow_id": 3})
    assert state.placements["packets"].tolist() == [1]
    assert state.overflow == {"placements": 1}
    assert state.flows["anomalies"].tolist() == [OVERFLOW]
    state = overflowing("max_endpoints", THERE | endpoint(), THERE | endpoint(mac=6))
    assert state.endpoints["packets"].tolist() == [1]
    assert state.overflow == {"endpoints": 1}
    state = overflowing("max_series", THERE, other)
    assert state.bins[:, :, 0].sum() == 1
    assert state.overflow == {"series": 1}
    assert state.flows["anomalies"].tolist() == [0, OVERFLOW]
    assert state.tunnels["anomalies"].tolist() == [OVERFLOW]
    assert state.anomalies[["code", "count"]].tolist() == [(anomalies.TABLE_OVERFLOW, 1)]


# --- the accountant itself -----------------------------------------------------------------------------------------


def test_the_empty_state() -> None:
    state = Accountant(AccountOptions()).state()
    assert state.frames == len(state.flows) == len(state.anomalies) == 0
    assert state.bins.shape == (0, BINS, 4)
    assert (state.bin_start_ns, state.bin_width_ns) == (0, FIRST_BIN_NS)


def test_batches_go_on_where_the_last_one_ended_and_a_state_does_not_change(frames: Frames) -> None:
    accountant = Accountant(AccountOptions())
    frames.udp(0, A, B, THERE)
    accountant.account(*frames.take())
    first = accountant.state()
    frames.udp(1, B, A, BACK, anomalies=2)
    accountant.account(*frames.take())
    second = accountant.state()
    assert packets(first) == [[1, 0]]
    assert packets(second) == [[1, 1]]
    assert second.frame_flow.tolist() == [0, 0]
    assert second.frame_position.tolist() == [0, 1]
    assert second.anomalies["first_frame"].tolist() == [2]
    with pytest.raises(ValueError, match="read-only"):
        first.flows["packets"] = 0


def test_a_batch_and_its_records_must_have_one_length(frames: Frames) -> None:
    frames.udp(0, A, B)
    batch, records = frames.take()
    with pytest.raises(ValueError, match="1 frames with 0 records"):
        Accountant(AccountOptions()).account(batch, records[:0])


def test_options_out_of_range() -> None:
    with pytest.raises(ValueError, match="idle_timeout_ns"):
        AccountOptions(idle_timeout_ns=-1)
    with pytest.raises(ValueError, match="max_flows"):
        AccountOptions(max_flows=0)
