"""The table `packets`: one row per frame of a batch, from its records and, for `info`, its bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import encaps
from dissectors.registry import Registry
from nvgre_inspect.flows import labels
from nvgre_inspect.flows.building import build
from nvgre_inspect.flows.packet_info import info_texts
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.columns import PACKETS
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.rows import Rows, Texts


def packet_table(
    batch: PacketBatch,
    records: npt.NDArray[np.void],
    frame_flow: npt.NDArray[Any],
    number: int | npt.NDArray[np.int64],
    *,
    flow_number: npt.NDArray[np.int64] | None = None,
    select: npt.NDArray[Any] | None = None,
    options: DecodeOptions | None = None,
    registry: Registry | None = None,
) -> Rows:
    """The rows of one batch, with the columns of `model.columns.PACKETS`.

    `records` (RECORD) and `frame_flow` (row of State.flows, -1: none) have one entry per frame of the batch;
    `number` is that of its first frame, from 1, or has an entry per frame where they do not follow each other.
    `flow_number` is that of the State.
    `select` (bool mask or frame indices) leaves the other frames out; `options` are those of decoding; `registry` is
    what `dissectors.registry.build` gave, so that users' dissectors have their say in `info`.
    """
    options = options or DecodeOptions()
    registry = registry or Registry(options.tables)
    frames = np.arange(len(batch), dtype=np.int64)
    if select is not None:
        frames = frames[select]
    rows = records[frames]
    flow = np.asarray(frame_flow)[frames].astype(np.int64)
    flow = np.where(flow < 0, -1, flow + 1) if flow_number is None else np.append(flow_number, -1)[flow]
    kinds = options.tables.names
    pa_src, pa_dst = labels.ip_columns(rows["pa_family"], [rows["pa_src"], rows["pa_dst"]])
    src_ip, dst_ip = labels.ip_columns(rows["family"], [rows["src"], rows["dst"]])
    info = info_texts(batch, rows, frames, options, registry)
    return build(
        PACKETS,
        {
            "number": number + frames if isinstance(number, int) else number[frames],
            "time": rows["ts_ns"],
            "interface": rows["interface"],
            "flow": flow,
            "encap": labels.column_of(rows["encap"], lambda kind: labels.encap_name(kind, kinds)),
            "vsid": rows["vsid"],
            "flow_id": rows["flow_id"],
            "stack": _stacks(rows, kinds),
            "pa_src": pa_src,
            "pa_dst": pa_dst,
            "src_ip": src_ip,
            "src_port": rows["src_port"],
            "dst_ip": dst_ip,
            "dst_port": rows["dst_port"],
            "protocol": labels.protocol_names(rows["family"], rows["protocol"], rows["ethertype"]),
            "length": rows["wire_len"],
            "info": labels.column_of_texts(info),
            "anomalies": labels.lists_of(rows["anomalies"], labels.anomaly_names),
        },
    )


def _stacks(rows: npt.NDArray[np.void], kinds: dict[int, str]) -> Texts:
    count = rows["n_layers"]
    depth = int(count.max(initial=0))
    columns: list[npt.NDArray[Any]] = [count]
    for layer in range(depth):
        # Where a record has fewer layers the entries mean nothing.
        there = count > layer
        columns.append(np.where(there, rows["layer_kind"][:, layer], encaps.NONE))
        columns.append(np.where(there, rows["layer_id"][:, layer], 0))
    codes, first = labels.combine(columns)
    texts = labels.stack_texts(count[first], rows["layer_kind"][first], rows["layer_id"][first], kinds)
    return labels.column(codes, texts)
