"""State to tables: a Snapshot whose tables have exactly the columns of `model.columns`, in that order.

Vectorised throughout: no Python work per row, each different address or stack is formatted once.
docs/accounting.md says how the numbers came about; docs/tables.md what they mean to a user.

Limits: rows that exceeded a cap of accounting are not in any table; State.overflow counts them, and the anomaly
`table-overflow` tells of them. Flows that were evicted are in `tenants` and `tunnels` only, with what they counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dissectors import anomalies
from nvgre_inspect.capture.linktype import linktype_name
from nvgre_inspect.flows import labels
from nvgre_inspect.flows.building import build, distinct_per
from nvgre_inspect.flows.flow_table import address_columns, flow_table, mask_lists
from nvgre_inspect.flows.placed import forward
from nvgre_inspect.flows.tenants import tenants_table
from nvgre_inspect.model import arrow
from nvgre_inspect.model.columns import CAPTURES, ENDPOINTS, FINDINGS, PLACEMENTS, TIMELINE, TUNNELS
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.rows import Lists, Rows
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.model.state import State


def snapshot(
    state: State,
    interfaces: Sequence[InterfaceInfo],
    names: Names | None = None,
    options: DecodeOptions | None = None,
) -> Snapshot:
    """An immutable view of `state`; its tables are built when they are first asked for."""
    return Snapshot(state, interfaces, names or Names(), options or DecodeOptions(), _build)


def _build(view: Snapshot, name: str) -> Rows:
    kinds = view.options.tables.names
    builders: dict[str, Callable[[], Rows]] = {
        "captures": lambda: captures_table(view.interfaces),
        "flows": lambda: flow_table(view.state, kinds, view.options.idle_timeout_ns),
        "tenants": lambda: tenants_table(view.state, kinds, view.names),
        "tunnels": lambda: tunnels_table(view.state, kinds),
        "endpoints": lambda: endpoints_table(view.state, kinds),
        "placements": lambda: placements_table(view.state),
        "timeline": lambda: timeline_table(view.state, kinds),
        "findings": lambda: findings_table(view.state, kinds),
    }
    return builders[name]()


def _encaps(values: Any, kinds: Mapping[int, str]) -> Any:
    return labels.column_of(values, lambda kind: labels.encap_name(kind, kinds))


def captures_table(interfaces: Sequence[InterfaceInfo]) -> Rows:
    """One row per interface of every capture file, in the order in which they appeared."""

    def text(values: list[str]) -> Any:
        return labels.column(np.arange(len(values)), [value or None for value in values])

    def integers(values: list[int | None]) -> Any:
        return _optional(values)

    return build(
        CAPTURES,
        {
            "file": text([i.file for i in interfaces]),
            "interface": np.arange(len(interfaces)),
            "name": text([i.name for i in interfaces]),
            "linktype": text([linktype_name(i.linktype) for i in interfaces]),
            "snaplen": integers([i.snaplen or None for i in interfaces]),
            "packets": [i.packets for i in interfaces],
            "bytes": [i.bytes for i in interfaces],
            "first_seen": _optional([i.first_ns for i in interfaces]),
            "last_seen": _optional([i.last_ns for i in interfaces]),
            "dropped_kernel": integers([i.dropped_kernel for i in interfaces]),
            "dropped_interface": integers([i.dropped_interface for i in interfaces]),
            "unsupported": [i.unsupported for i in interfaces],
            "damage": text([i.damage for i in interfaces]),
        },
    )


def _optional(values: Sequence[int | None]) -> tuple[Any, Any]:
    """(int64 values, mask of nulls); numbers a file claims beyond int64 are clamped."""
    largest = np.iinfo(np.int64).max
    numbers = np.array([min(value or 0, largest) for value in values], np.int64)
    return numbers, np.array([value is None for value in values], bool)


def tunnels_table(state: State, kinds: Mapping[int, str]) -> Rows:
    """One row per tunnel, in order of appearance; forward is from the sender of its first packet."""
    tunnels, placements = state.tunnels, state.placements
    swapped = tunnels["initiator"] == 1
    lower, higher = tunnels["pa_a"], tunnels["pa_b"]
    pa_src, pa_dst = address_columns(
        state.addresses, np.where(swapped, higher, lower), np.where(swapped, lower, higher)
    )
    ttl_a, ttl_b, by_b = tunnels["ttl_a"], tunnels["ttl_b"], swapped[:, np.newaxis]
    columns: dict[str, Any] = {
        "tunnel": np.arange(1, len(tunnels) + 1),
        "encap": _encaps(tunnels["encap"], kinds),
        "pa_src": pa_src,
        "pa_dst": pa_dst,
        "vsids": _vsids(state),
        "flows": distinct_per(placements["tunnel"], placements["flow"], len(tunnels)),
        "flow_ids": distinct_per(placements["tunnel"], placements["flow_id"], len(tunnels)),
        "max_wire_len": tunnels["max_wire_len"],
        "fragments": tunnels["fragments"],
        "icmp_errors": tunnels["icmp_errors"],
        "ttl_fwd": _ttl_lists(np.where(by_b, ttl_b, ttl_a)),
        "ttl_rev": _ttl_lists(np.where(by_b, ttl_a, ttl_b)),
        "dscp": mask_lists(tunnels["dscp_lo"], tunnels["dscp_hi"]),
        "first_seen": tunnels["first_ns"],
        "last_seen": tunnels["last_ns"],
        "anomalies": labels.lists_of(tunnels["anomalies"], labels.anomaly_names),
    }
    for name in ("packets", "wire_bytes"):
        a, b = tunnels[name][:, 0], tunnels[name][:, 1]
        columns[f"{name}_fwd"] = np.where(swapped, b, a)
        columns[f"{name}_rev"] = np.where(swapped, a, b)
    return build(TUNNELS, columns)


def _vsids(state: State) -> Any:
    """How many vsids there were on each tunnel; the timeline knows those of flows that were evicted."""
    tunnel, vsid = state.placements["tunnel"], state.flows["vsid"][state.placements["flow"]]
    if len(state.evicted):
        tunnel = np.concatenate([tunnel, state.series["tunnel"]])
        vsid = np.concatenate([vsid, state.series["vsid"]])
    return distinct_per(tunnel, vsid, len(state.tunnels))


def _ttl_lists(masks: Any) -> Lists:
    """The TTL values in masks of eight 32-bit words: [rows, 8]."""
    codes, first = labels.combine([masks[:, word] for word in range(8)])
    return Lists(codes, [labels.bits(int.from_bytes(masks[i].astype("<u4").tobytes(), "little")) for i in first])


def endpoints_table(state: State, kinds: Mapping[int, str]) -> Rows:
    """One row per endpoint, in order of appearance."""
    endpoints, seen = state.endpoints, state.endpoint_pas
    (mac,) = labels.mac_columns(endpoints["mac"])
    (ip,) = labels.ip_columns(endpoints["family"], [endpoints["ip"]])
    return build(
        ENDPOINTS,
        {
            "encap": _encaps(endpoints["encap"], kinds),
            "vsid": endpoints["vsid"],
            "mac": mac,
            "ip": ip,
            "pas": _pa_lists(state, seen["endpoint"], seen["pa"]),
            "packets": endpoints["packets"],
            "moves": endpoints["moves"],
            "first_seen": endpoints["first_ns"],
            "last_seen": endpoints["last_ns"],
        },
    )


def _pa_lists(state: State, endpoint: Any, pa: Any) -> Lists:
    """For each endpoint its provider addresses, in order of appearance."""
    (texts,) = address_columns(state.addresses, pa)
    known = np.flatnonzero(texts.codes >= 0)
    # Stable: appearance stays in order within an endpoint.
    order = known[np.argsort(endpoint[known], kind="stable")]
    owner = endpoint[order]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    single = np.diff(starts, append=len(order)) == 1
    words = texts.words()
    # None, or one: nearly all.
    values: list[tuple[str, ...]] = [(), *((word,) for word in words)]
    codes = np.zeros(len(state.endpoints), np.int64)
    codes[owner[starts[single]]] = texts.codes[order[starts[single]]] + 1
    ends = np.append(starts[1:], len(order))
    for start, end in zip(starts[~single].tolist(), ends[~single].tolist(), strict=True):
        codes[owner[start]] = len(values)
        values.append(tuple(words[code] for code in texts.codes[order[start:end]].tolist()))
    return Lists(codes, values)


def placements_table(state: State) -> Rows:
    """One row per placement, in order of appearance."""
    rows = state.placements
    pa_src, pa_dst = address_columns(state.addresses, rows["pa_src"], rows["pa_dst"])
    return build(
        PLACEMENTS,
        {
            "flow": state.numbers_of(rows["flow"]),
            "tunnel": _number(rows["tunnel"]),
            "direction": labels.column(np.where(forward(state), 0, 1), ("fwd", "rev")),
            "pa_src": pa_src,
            "pa_dst": pa_dst,
            "flow_id": rows["flow_id"],
            "path": _path_column(state, rows["path"]),
            "packets": rows["packets"],
            "wire_bytes": rows["wire_bytes"],
            "first_seen": rows["first_ns"],
            "last_seen": rows["last_ns"],
        },
    )


def _path_column(state: State, index: Any) -> Any:
    codes, used = arrow.numbered(index)
    texts: list[str | None] = []
    for i in used.tolist():
        path = state.paths[i] if i >= 0 else None
        texts.append(None if path is None else _path_text(path))
    return labels.column(codes, texts)


def _path_text(path: Any) -> str | None:
    return labels.path_text(int(path["kind"]), path["item"][: 4 * int(path["n"])].tolist()) or None


def _number(index: Any) -> Any:
    """Row numbers as users see them: from 1, -1 (null) where there is none."""
    values = index.astype(np.int64)
    return np.where(values < 0, -1, values + 1)


def timeline_table(state: State, kinds: Mapping[int, str]) -> Rows:
    """One row per bin that has packets, by time, then in the order in which tenants appeared."""
    bin_number, line = np.nonzero(state.bins[:, :, 0].T)
    series, values = state.series[line], state.bins[line, bin_number]
    return build(
        TIMELINE,
        {
            "start": state.bin_start_ns + bin_number * state.bin_width_ns,
            "encap": _encaps(series["encap"], kinds),
            "vsid": series["vsid"],
            "tunnel": _number(series["tunnel"]),
            "packets": values[:, 0],
            "bytes": values[:, 1],
            "wire_bytes": values[:, 2],
            "retransmissions": values[:, 3],
        },
    )


def findings_table(state: State, kinds: Mapping[int, str]) -> Rows:
    """One row per anomaly and tunnel, in order of appearance, severity `note`."""
    rows = state.anomalies
    codes = rows["code"].tolist()
    known = [anomalies.NAMES.get(code, (f"anomaly-{code}", "an anomaly without a name")) for code in codes]
    spans = list(zip(rows["count"].tolist(), rows["first_frame"].tolist(), rows["last_frame"].tolist(), strict=True))
    plain = np.arange(len(rows))
    return build(
        FINDINGS,
        {
            "code": labels.column(plain, [name for name, _ in known]),
            "severity": labels.column(np.zeros(len(rows), np.int64), ["note"]),
            "title": labels.column(plain, [title for _, title in known]),
            "encap": _encaps(rows["encap"], kinds),
            "vsid": rows["vsid"],
            "tunnel": _number(rows["tunnel"]),
            "flow": state.numbers_of(rows["flow"]),
            "count": rows["count"],
            "frames": Lists(plain, [(a, b) if b > a else (a,) for _, a, b in spans]),
            "summary": labels.column(
                plain,
                [f"{n} frames, {a} to {b}" if n > 1 else f"1 frame, {a}" for n, a, b in spans],
            ),
            "advice": labels.column(plain, [f"look at frame {a} with dissect" for _, a, _ in spans]),
        },
    )
