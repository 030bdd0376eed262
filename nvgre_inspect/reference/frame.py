"""FrameRecord: a record (`model/record.py`) as plain Python, which is what the reference accountant works on.

NumPy scalars cost a microsecond a touch, so the columns of a batch are turned into Python objects at once. Addresses
are 16 bytes as on the wire (IPv4 in the last four), which compare in the order of their words. The few things
that accounting needs of the frame's own bytes (paths, the addresses of fragmented headers) are taken here, so that
a fragment that waits for its first keeps no packet alive.

Limits: of more than MAX_IP IP headers a record knows the place of the last one only, so fragments of a fourth nested
header that itself carries further IP headers do not find each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dissectors import anomalies, encaps, offsets
from nvgre_inspect.model.batch import PacketBatch

#: Layers as (kind with HAS_ID, id), outermost first; the id of a layer without one is 0.
Layers = tuple[tuple[int, int], ...]
#: Path as (kind, items of 16 bytes): MPLS labels as numbers, SRv6 segments as addresses.
Path = tuple[int, tuple[bytes, ...]]

MPLS_PATH = 1
NO_ADDRESS = bytes(16)


class Fragment(NamedTuple):
    """A fragmented IP header of a frame. `stack` and `packet` are the same for all fragments of a packet."""

    stack: Layers  # key stack of the layers outside the header
    #: Family and addresses of the frame's first IP header (empty if that is this one); of this one: family, source,
    #: destination, identification, protocol byte (IPv6: 0).
    packet: tuple[bytes, int, bytes, bytes, int, int]
    offset: int
    length: int
    more: bool


class FrameRecord(NamedTuple):
    """One frame. Fields are those of RECORD unless a comment says otherwise."""

    ts_ns: int
    anomalies: int
    wire_len: int
    interface: int
    encap: int
    vsid: int
    flow_id: int
    pa_family: int
    pa_ttl: int
    pa_tos: int
    inner_len: int
    ca_mac: int
    ca_family: int
    src_mac: int
    dst_mac: int
    n_vlan: int
    ethertype: int
    family: int
    protocol: int
    tos: int
    ip_id: int
    src_port: int
    dst_port: int
    payload_len: int
    tcp_ok: int
    tcp_flags: int
    tcp_seq: int
    tcp_ack: int
    tcp_window: int
    tcp_mss: int
    tcp_wscale: int
    icmp_type: int
    quote_encap: int
    quote_family: int
    side: int

    pa_src: bytes
    pa_dst: bytes
    ca_ip: bytes
    src: bytes
    dst: bytes
    quote_src: bytes
    quote_dst: bytes

    number: int  # of the frame, from 1
    vlans: tuple[int, ...]  # the n_vlan ids that are there
    layers: Layers
    path: Path | None  # None: no path, or encap is none
    underlay_fragment: Fragment | None  # "U" of docs/accounting.md: an outer header, its first fragment
    inner_fragment: Fragment | None  # "F": the innermost fragmented header that is not U


_NUMBERS = FrameRecord._fields[: FrameRecord._fields.index("pa_src")]
_ADDRESSES = FrameRecord._fields[len(_NUMBERS) : FrameRecord._fields.index("number")]


def frame_records(batch: PacketBatch, records: np.ndarray, first_number: int) -> Iterator[FrameRecord]:
    """The records of a batch as Python objects; the first frame gets `first_number`."""
    columns = [records[name].tolist() for name in _NUMBERS]
    columns += [_addresses(records[name]) for name in _ADDRESSES]
    columns.append(list(range(first_number, first_number + len(records))))
    columns += [_vlans(records), _layers(records)]
    paths = _paths(batch, records)
    fragments = _fragments(batch, records, columns[-1])
    for i, row in enumerate(zip(*columns, strict=True)):
        underlay, inner = fragments.get(i, (None, None))
        yield FrameRecord._make((*row, paths.get(i), underlay, inner))


def key_stack(layers: Layers) -> Layers:
    """The tenant layer and every later virtual layer with an id: what tells tenants and nested tenants apart."""
    tenant = next((i for i, layer in enumerate(layers) if _names_tenant(layer)), None)
    if tenant is None:
        tenant = next((i for i, (kind, _) in enumerate(layers) if kind & ~encaps.HAS_ID not in encaps.MIRRORS), None)
    if tenant is None:
        return ()
    return (layers[tenant], *(layer for layer in layers[tenant + 1 :] if _names_tenant(layer)))


def _names_tenant(layer: tuple[int, int]) -> bool:
    kind = layer[0] & ~encaps.HAS_ID
    return bool(layer[0] & encaps.HAS_ID) and (kind in encaps.VIRTUAL or kind >= encaps.USER)


def _addresses(words: np.ndarray) -> list[bytes]:
    """uint32 [n, 4] as n addresses of 16 bytes."""
    big_endian = np.ascontiguousarray(words, dtype=">u4")
    result: list[bytes] = big_endian.view("V16").ravel().tolist()
    return result


def _vlans(records: np.ndarray) -> list[tuple[int, ...]]:
    counts, ids = records["n_vlan"].tolist(), records["vlan"].tolist()
    return [tuple(pair[:n]) for n, pair in zip(counts, ids, strict=True)]


def _layers(records: np.ndarray) -> list[Layers]:
    counts = records["n_layers"].tolist()
    deepest = max(counts, default=0)
    kinds = records["layer_kind"][:, :deepest].tolist()
    ids = records["layer_id"][:, :deepest].tolist()
    return [
        tuple((kind, id_ if kind & encaps.HAS_ID else 0) for kind, id_ in zip(row[:n], row_ids[:n], strict=True))
        for n, row, row_ids in zip(counts, kinds, ids, strict=True)
    ]


def _paths(batch: PacketBatch, records: np.ndarray) -> dict[int, Path]:
    """Paths by row. Items that were not captured are left out."""
    rows = np.flatnonzero((records["path_kind"] > 0) & (records["encap"] != encaps.NONE))
    return {int(i): _path(batch.frame(int(i)), records[i]) for i in rows}


def _path(frame: bytes, record: Any) -> Path:
    kind, n, start = int(record["path_kind"]), int(record["path_n"]), int(record["path_off"])
    size = offsets.MPLS_LEN if kind == MPLS_PATH else 16
    n = min(n, (len(frame) - start) // size)
    items = [frame[start + i * size : start + (i + 1) * size] for i in range(n)]
    if kind != MPLS_PATH:
        return kind, tuple(items)
    labels = []
    entries = iter(int.from_bytes(item) >> 12 for item in items)
    for label in entries:
        if label == offsets.MPLS_ELI:
            next(entries, None)  # the entropy label: it says nothing about the way
        else:
            labels.append(label.to_bytes(16))
    return kind, tuple(labels)


def _fragments(
    batch: PacketBatch, records: np.ndarray, layers: list[Layers]
) -> dict[int, tuple[Fragment | None, Fragment | None]]:
    """(U, F) of docs/accounting.md by row, for the frames that have a fragmented header."""
    result: dict[int, tuple[Fragment | None, Fragment | None]] = {}
    for i in np.flatnonzero(records["frag_a_ip"] >= 0).tolist():
        record, frame = records[i], batch.frame(i)
        outer = _fragment(frame, record, "frag_a", layers[i])
        inner = _fragment(frame, record, "frag_b", layers[i]) if record["frag_b_ip"] >= 0 else None
        if int(record["anomalies"]) >> anomalies.UNDERLAY_FRAGMENT & 1:
            result[i] = (outer, inner)
        else:
            result[i] = (None, inner or outer)
    return result


def _fragment(frame: bytes, record: Any, which: str, layers: Layers) -> Fragment:
    index = int(record[f"{which}_ip"])
    family, src, dst, protocol = _ip_header(frame, int(record["ip_off"][index]))
    outermost = b""
    if index > 0:
        outer_family, outer_src, outer_dst, _ = _ip_header(frame, int(record["ip_off"][0]))
        outermost = bytes((outer_family,)) + outer_src + outer_dst
    return Fragment(
        key_stack(layers[: int(record[f"{which}_layers"])]),
        (outermost, family, src, dst, int(record[f"{which}_id"]), protocol),
        int(record[f"{which}_off"]),
        int(record[f"{which}_len"]),
        bool(record[f"{which}_more"]),
    )


def _ip_header(frame: bytes, start: int) -> tuple[int, bytes, bytes, int]:
    """(family, source, destination, protocol byte of IPv4 or 0) of the IP header at `start`, which the decoder read."""
    if frame[start] >> 4 == 4:
        src = frame[start + offsets.IP4_SRC : start + offsets.IP4_SRC + 4]
        dst = frame[start + offsets.IP4_DST : start + offsets.IP4_DST + 4]
        return 4, bytes(12) + src, bytes(12) + dst, frame[start + offsets.IP4_PROTOCOL]
    src = frame[start + offsets.IP6_SRC : start + offsets.IP6_SRC + 16]
    dst = frame[start + offsets.IP6_DST : start + offsets.IP6_DST + 16]
    return 6, src, dst, 0
