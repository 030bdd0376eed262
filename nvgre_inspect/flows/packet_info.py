"""The `info` column of `packets`: what the innermost packet says, in one line, worded as in Wireshark's Info column.

TCP, UDP and echo come from the record, whole batches at a time; of a SYN the TCP header is parsed for its options;
every other frame is walked by `dissectors.stack`.

Limits: TCP options are shown of a SYN only; sequence numbers are as on the wire.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dissectors import offsets
from dissectors.anomalies import LINKTYPE_UNSUPPORTED, TCP_HEADER_LENGTH_INVALID
from dissectors.registry import Registry
from dissectors.stack import dissect
from dissectors.tcp import TCP, flag_names
from dissectors.udp import APPLICATIONS
from nvgre_inspect.capture.linktype import linktype_name
from nvgre_inspect.model import arrow
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions

_FLAGS = arrow.strings([flag_names(flags) for flags in range(256)])
#: Bytes: the data offset has four bits.
_MAX_TCP_HEADER = 60


def _applications() -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Port -> row of the texts; row 0 is none."""
    texts = [""]
    rows = np.zeros(0x10000, np.int64)
    for port, name in APPLICATIONS.items():
        rows[port] = len(texts)
        texts.append(name + " ")
    return rows, arrow.strings(texts)


_APPLICATION_ROW, _APPLICATION_TEXT = _applications()


def info_texts(
    batch: PacketBatch,
    records: npt.NDArray[np.void],
    frames: npt.NDArray[np.int64],
    options: DecodeOptions,
    registry: Registry,
) -> list[str]:
    """One line for each of `frames` (rows of the batch); `records` are theirs, in the same order."""
    texts = np.full(len(frames), "", dtype=object)
    rest = np.ones(len(frames), bool)
    tcp, syn = _is_tcp(records, registry), (records["tcp_flags"] & offsets.TCP_SYN) != 0
    kinds = (
        (tcp & ~syn, _tcp_texts),
        (tcp & syn, _syn_texts),
        (_is_udp(records, options, registry), _udp_texts),
        (_is_echo(batch, records, frames), _echo_texts),
    )
    for chosen, make in kinds:
        if chosen.any():
            texts[chosen] = make(batch, records[chosen], frames[chosen]).to_pylist()
            rest &= ~chosen
    for row in np.flatnonzero(rest).tolist():
        frame = int(frames[row])
        stack = dissect(
            batch.frame(frame),
            int(batch.wirelen[frame]),
            int(batch.linktype[frame]),
            options.gre_key,  # type: ignore[arg-type]  # DecodeOptions checks that it is one of GRE_KEYS
            registry,
        )
        texts[row] = _safe(stack.info) or _undecoded(records[row])
    return texts.tolist()


def _safe(text: str) -> str:
    """Dissectors promise text without control characters; whoever adds one may forget."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _undecoded(record: np.void) -> str:
    """What can be said of a frame that no dissector has a word for."""
    if int(record["anomalies"]) >> LINKTYPE_UNSUPPORTED & 1:
        return f"link type {linktype_name(int(record['linktype']))}: not decoded"
    return f"{int(record['cap_len'])} bytes captured" if record["cap_len"] < record["wire_len"] else ""


def _leaf(records: npt.NDArray[np.void], ports: Any) -> npt.NDArray[np.bool_]:
    """Whether a port announces a protocol that has a dissector of its own."""
    known = np.array(list(ports), np.int64)
    found: npt.NDArray[np.bool_] = np.isin(records["src_port"], known) | np.isin(records["dst_port"], known)
    return found


def _is_tcp(records: npt.NDArray[np.void], registry: Registry) -> npt.NDArray[np.bool_]:
    fixed = (records["protocol"] == offsets.IPPROTO_TCP) & (records["tcp_ok"] == 1)
    # Where the header's length is wrong the walk knows what of it is there.
    sound = (records["anomalies"] >> TCP_HEADER_LENGTH_INVALID & 1) == 0
    chosen: npt.NDArray[np.bool_] = fixed & sound & ~_leaf(records, registry.leaves.tcp)
    return chosen


def _is_udp(records: npt.NDArray[np.void], options: DecodeOptions, registry: Registry) -> npt.NDArray[np.bool_]:
    tunnels = np.frombuffer(options.tables.udp, np.uint8)
    ports = (records["src_port"] >= 0) & (records["dst_port"] >= 0)
    whole = ports & (records["protocol"] == offsets.IPPROTO_UDP) & (records["payload_len"] >= 0)
    # A tunnel of which no more could be decoded has something better to say than UDP.
    plain = (tunnels[records["dst_port"]] == 0) & (tunnels[records["src_port"]] == 0)
    chosen: npt.NDArray[np.bool_] = whole & plain & ~_leaf(records, registry.leaves.udp)
    return chosen


def _is_echo(batch: PacketBatch, records: npt.NDArray[np.void], frames: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Echo of ICMP or ICMPv6 whose eight bytes were captured."""
    protocol, kind = records["protocol"], records["icmp_type"]
    four = (protocol == offsets.IPPROTO_ICMP) & np.isin(kind, (offsets.ICMP_ECHO, offsets.ICMP_ECHO_REPLY))
    six = (protocol == offsets.IPPROTO_ICMPV6) & np.isin(kind, (offsets.ICMPV6_ECHO, offsets.ICMPV6_ECHO_REPLY))
    there = (records["l4_off"] >= 0) & (records["l4_off"] + offsets.ICMP_LEN <= batch.caplen[frames])
    chosen: npt.NDArray[np.bool_] = (four | six) & (records["family"] != 0) & (records["src_port"] >= 0) & there
    return chosen


def _number(values: npt.NDArray[Any]) -> pa.Array:
    return arrow.numbers(values.astype(np.int64)).cast(pa.string())


def _labelled(label: str, values: npt.NDArray[Any], shown: npt.NDArray[np.bool_]) -> pa.Array:
    """` label=value` where shown, else nothing."""
    return pc.if_else(arrow.booleans(shown), arrow.joined(f" {label}=", _number(values)), arrow.text(""))


def _word(batch: PacketBatch, records: npt.NDArray[np.void], frames: npt.NDArray[np.int64], at: int) -> Any:
    """The 16 bits at that offset of the transport header, which must be within the captured bytes."""
    place = batch.offset[frames] + records["l4_off"] + at
    return batch.buffer[place].astype(np.int64) << 8 | batch.buffer[place + 1]


def _tcp_texts(batch: PacketBatch, records: npt.NDArray[np.void], frames: npt.NDArray[np.int64]) -> pa.Array:
    flags = records["tcp_flags"]
    return arrow.joined(
        _number(records["src_port"]),
        " → ",
        _number(records["dst_port"]),
        " [",
        _FLAGS.take(arrow.numbers(flags)),
        "] Seq=",
        _number(records["tcp_seq"]),
        _labelled("Ack", records["tcp_ack"], (flags & offsets.TCP_ACK_FLAG) != 0),
        " Win=",
        _number(records["tcp_window"]),
        _labelled("Urg", _word(batch, records, frames, 18), (flags & offsets.TCP_URG) != 0),
        " Len=",
        _number(np.maximum(records["payload_len"], 0)),
    )


def _syn_texts(batch: PacketBatch, records: npt.NDArray[np.void], frames: npt.NDArray[np.int64]) -> pa.Array:
    starts = (batch.offset[frames] + records["l4_off"]).tolist()
    ends = (batch.offset[frames] + batch.caplen[frames]).tolist()
    lengths = records["payload_len"].tolist()
    return arrow.strings(
        [
            TCP(batch.buffer[start : min(end, start + _MAX_TCP_HEADER)].tobytes()).info(max(length, 0))
            for start, end, length in zip(starts, ends, lengths, strict=True)
        ]
    )


def _udp_texts(batch: PacketBatch, records: npt.NDArray[np.void], frames: npt.NDArray[np.int64]) -> pa.Array:
    to, origin = _APPLICATION_ROW[records["dst_port"]], _APPLICATION_ROW[records["src_port"]]
    return arrow.joined(
        _APPLICATION_TEXT.take(arrow.numbers(np.where(to > 0, to, origin))),
        _number(records["src_port"]),
        " → ",
        _number(records["dst_port"]),
        " Len=",
        _number(records["payload_len"]),
    )


def _echo_texts(batch: PacketBatch, records: npt.NDArray[np.void], frames: npt.NDArray[np.int64]) -> pa.Array:
    request = np.isin(records["icmp_type"], (offsets.ICMP_ECHO, offsets.ICMPV6_ECHO))
    identifiers = [f"{identifier:04x}" for identifier in records["src_port"].tolist()]
    return arrow.joined(
        "Echo (ping) ",
        pc.if_else(arrow.booleans(request), arrow.text("request"), arrow.text("reply")),
        " id=0x",
        arrow.strings(identifiers),
        ", seq=",
        _number(_word(batch, records, frames, 6)),
    )
