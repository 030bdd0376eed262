"""The table `flows`: one row per flow of a State."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.flows import labels
from nvgre_inspect.flows.building import build, distinct_per, side
from nvgre_inspect.flows.halves import reverse_flows
from nvgre_inspect.flows.placed import busiest
from nvgre_inspect.kernels.codes import STATE_NAMES
from nvgre_inspect.model import arrow
from nvgre_inspect.model.columns import FLOWS
from nvgre_inspect.model.rows import Lists, Rows, Texts
from nvgre_inspect.model.state import State

#: Counters of State.flows that become a column per direction as they are.
_COUNTERS = (
    "packets",
    "bytes",
    "wire_bytes",
    "retransmissions",
    "out_of_order",
    "duplicates",
    "duplicate_acks",
    "zero_windows",
    "resets",
    "mss",
    "window_scale",
)
#: Counters from which nothing can be concluded when the replies are in another flow.
_UNKNOWN_FOR_HALVES = ("lost_segments", "acked_unseen")


def flow_table(state: State, kinds: Mapping[int, str], idle_timeout_ns: int) -> Rows:
    """One row per flow, in order of appearance, with the columns of `model.columns.FLOWS`.

    `kinds` names the layer kinds (dissectors.encaps and users'); `idle_timeout_ns` is what accounting used (0: never).
    """
    flows = state.flows
    initiator = flows["initiator"]
    responder = 1 - initiator
    placed = busiest(state)
    reverse = reverse_flows(state, placed, idle_timeout_ns)
    half = reverse >= 0

    columns: dict[str, Any] = {
        "flow": state.flow_numbers,
        "encap": labels.column_of(flows["encap"], lambda kind: labels.encap_name(kind, kinds)),
        "vsid": flows["vsid"],
        "stack": stack_column(state.stacks, flows["full_stack"], kinds),
        "vlan": vlan_column(flows["n_vlan"], flows["vlan"]),
        "protocol": labels.protocol_names(flows["family"], flows["protocol"], flows["ethertype"]),
        "state": labels.column(flows["state"], STATE_NAMES),
        "first_seen": flows["first_ns"],
        "last_seen": flows["last_ns"],
        # The difference is taken in int64; only the result, which is small, becomes a float.
        "duration_s": (flows["last_ns"] - flows["first_ns"]) / 1e9,
        "handshake_rtt_ms": np.where(half | (flows["handshake_rtt_ns"] < 0), np.nan, flows["handshake_rtt_ns"] / 1e6),
        "tunnels": distinct_per(state.placements["flow"], state.placements["tunnel"], len(flows)),
        "flow_ids": distinct_per(state.placements["flow"], state.placements["flow_id"], len(flows)),
        "reverse_flow": state.numbers_of(reverse),
        "anomalies": labels.lists_of(flows["anomalies"], labels.anomaly_names),
    }
    columns |= _endpoints(flows, initiator)
    columns["pa_src"], columns["pa_dst"] = address_columns(state.addresses, placed.pa_src, placed.pa_dst)
    for direction, which in (("fwd", initiator), ("rev", responder)):
        for name in _COUNTERS:
            columns[f"{name}_{direction}"] = side(flows[name], which)
        for name in _UNKNOWN_FOR_HALVES:
            columns[f"{name}_{direction}"] = (side(flows[name], which), half)
        columns[f"dscp_{direction}"] = mask_lists(side(flows["dscp_lo"], which), side(flows["dscp_hi"], which))
    return build(FLOWS, columns)


def _endpoints(flows: npt.NDArray[Any], initiator: npt.NDArray[Any]) -> dict[str, Any]:
    """Addresses, ports and MACs, from the initiator's point of view."""
    lower, higher = labels.ip_columns(flows["family"], [flows["addr_a"], flows["addr_b"]])
    swapped = initiator == 1
    ports = flows["port"]
    # ICMP: (echo identifier, -1) as it stands, whoever asks.
    port_swapped = swapped & ~is_icmp(flows["family"], flows["protocol"])
    src_mac, dst_mac = labels.mac_columns(
        np.where(swapped, flows["mac"][:, 1], flows["mac"][:, 0]),
        np.where(swapped, flows["mac"][:, 0], flows["mac"][:, 1]),
    )
    return {
        "src_ip": _choose(swapped, higher, lower),
        "dst_ip": _choose(swapped, lower, higher),
        "src_port": np.where(port_swapped, ports[:, 1], ports[:, 0]),
        "dst_port": np.where(port_swapped, ports[:, 0], ports[:, 1]),
        "src_mac": src_mac,
        "dst_mac": dst_mac,
    }


def _choose(condition: npt.NDArray[np.bool_], yes: Texts, no: Texts) -> Texts:
    """np.where for columns that share their values."""
    return Texts(np.where(condition, yes.codes, no.codes), yes.values)


def is_icmp(family: npt.NDArray[Any], protocol: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether packets are ICMP or ICMPv6."""
    result: npt.NDArray[np.bool_] = (family != 0) & (
        (protocol == offsets.IPPROTO_ICMP) | (protocol == offsets.IPPROTO_ICMPV6)
    )
    return result


def stack_column(stacks: npt.NDArray[np.void], index: npt.NDArray[Any], kinds: Mapping[int, str]) -> Texts:
    """Text of interned stacks (model.state.STACK); `index` [rows] into them."""
    codes, used = arrow.numbered(index)
    rows = stacks[used]
    return labels.column(codes, labels.stack_texts(rows["n"], rows["kind"], rows["id"], kinds))


def vlan_column(count: npt.NDArray[Any], vlan: npt.NDArray[Any]) -> Texts:
    """Text of VLAN tags: `count` [rows], `vlan` [rows, 2]."""
    codes, first = labels.combine([count, vlan[:, 0], vlan[:, 1]])
    return labels.column(codes, [labels.vlan_text(int(count[i]), int(vlan[i, 0]), int(vlan[i, 1])) for i in first])


def address_columns(addresses: npt.NDArray[np.void], *indices: npt.NDArray[Any]) -> list[Texts]:
    """Text of interned addresses (model.state.ADDRESS); each index [rows] into them, -1: null."""
    (texts,) = labels.ip_columns(addresses["family"], [addresses["word"]])
    # One entry more, at the end: where index -1 points to.
    codes = np.append(texts.codes, -1).astype(np.int32)
    return [Texts(codes[index], texts.values) for index in indices]


def mask_lists(low: npt.NDArray[Any], high: npt.NDArray[Any]) -> Lists:
    """Numbers of the bits set in 64-bit masks given as two 32-bit halves."""
    return labels.lists_of(low.astype(np.uint64) | high.astype(np.uint64) << np.uint64(32), labels.bits)
