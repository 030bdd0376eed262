"""PacketRows: the values of every packet field over one batch, from the records and the frames' own bytes.

Everything is gathered for the whole batch at once; `headers` says where the headers are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dissectors import anomalies, encaps, offsets
from nvgre_inspect.flows import labels
from nvgre_inspect.flows.filter.field import Field, Scope, Type
from nvgre_inspect.flows.filter.headers import HeaderRows, Headers, Records, gre_length
from nvgre_inspect.flows.filter.packet_fields import (
    ARP_TARGET,
    PACKET_FIELDS,
    Address,
    Bits,
    Computed,
    LayerId,
    LayerKind,
    Presence,
    Union,
)
from nvgre_inspect.flows.filter.table_fields import Columns
from nvgre_inspect.flows.filter.table_rows import TableRows
from nvgre_inspect.flows.filter.values import (
    Addresses,
    Bools,
    ByteRanges,
    Ints,
    Numbers,
    Occurrences,
    Words,
    big_endian,
    concatenate,
    join,
)
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions

if TYPE_CHECKING:
    from dissectors.registry import Registry

_MAC_BYTES = 6


class PacketRows:
    """One batch of packets as a filter sees it."""

    def __init__(
        self,
        batch: PacketBatch,
        records: Records,
        number: int | npt.NDArray[np.int64],
        start_ns: int,
        flows: TableRows | None,
        frame_flow: npt.NDArray[np.integer[Any]] | None,
        options: DecodeOptions,
        registry: Registry | None,
    ) -> None:
        """`number` is that of the first frame, or of each; `frame_flow[i]` is the row of frame i's flow in `flows`, -1
        for none.
        """
        self._batch = batch
        self._options = options
        self._registry = registry
        self.records = records
        self.buffer = batch.buffer
        self.headers = Headers(batch, records, options)
        self.numbers = number + np.arange(len(records)) if isinstance(number, int) else number
        self.start_ns = start_ns
        self.flows = flows
        self.frame_flow = frame_flow
        self.layer_names: Mapping[int, str] = options.tables.names
        self._known: dict[tuple[str, Scope], Occurrences] = {}

    @property
    def size(self) -> int:
        """Number of packets."""
        return len(self.records)

    def occurrences(self, field: Field, scope: Scope) -> Occurrences:
        """The values of `field` in all packets of the batch."""
        key = field.name, scope
        if key not in self._known:
            self._known[key] = self._find(field, scope)
        return self._known[key]

    def _find(self, field: Field, scope: Scope) -> Occurrences:
        source = field.source
        match source:
            case Bits():
                return self._bits(source, scope, _MAC_BYTES if field.type is Type.MAC else 0)
            case Address():
                return self._address(source, scope)
            case Presence():
                rows = self.headers.rows(source.header).scoped(scope)
                return Occurrences(rows.frame, ByteRanges(self.buffer, rows.start, rows.stop))
            case Union():
                return concatenate(
                    [
                        self._bits(part, scope)
                        if isinstance(part, Bits)
                        else self.occurrences(PACKET_FIELDS[part], scope)
                        for part in source.parts
                    ]
                )
            case LayerId():
                return self._layers(source.kinds, scope, ids=True)
            case LayerKind():
                return self._layers(source.kinds, scope, ids=False)
            case Columns():
                return self._flow_column(field)
        assert isinstance(source, Computed)
        compute: Callable[[Scope], Occurrences] = getattr(self, "_" + source.name)
        return compute(scope)

    # --- by source -------------------------------------------------------------------------------------------------

    def _bits(self, source: Bits, scope: Scope, width: int = 0) -> Occurrences:
        rows = self._holding(source, scope)
        value = big_endian(self.buffer, rows.start + source.offset, source.size) >> source.shift
        if source.mask is not None:
            value &= source.mask
        found = Occurrences(rows.frame, Numbers(value * source.scale, width))
        return found if source.minimum == 0 else found.take(value >= source.minimum)

    def _holding(self, source: Bits | Address, scope: Scope) -> HeaderRows:
        """The headers that have the field, all of it captured."""
        rows = self.headers.rows(source.header).scoped(scope).holding(source.offset + source.size)
        where = source.where
        if where is None:
            return rows
        rows = rows.holding(where.offset + where.size)
        return rows.take(np.isin(big_endian(self.buffer, rows.start + where.offset, where.size), where.values))

    def _address(self, source: Address, scope: Scope) -> Occurrences:
        rows = self._holding(source, scope)
        at = rows.start + source.offset
        if source.size == 4:
            low = big_endian(self.buffer, at, 4).astype(np.uint64)
            high = np.zeros(len(low), dtype=np.uint64)
        else:
            high, low = self._quad(at), self._quad(at + 8)
        family = np.full(len(low), 4 if source.size == 4 else 6, dtype=np.uint8)
        return Occurrences(rows.frame, Addresses(family, high, low))

    def _quad(self, at: Ints) -> npt.NDArray[np.uint64]:
        upper = big_endian(self.buffer, at, 4).astype(np.uint64)
        lower = big_endian(self.buffer, at + 4, 4).astype(np.uint64)
        return upper << np.uint64(32) | lower

    def _layers(self, kinds: tuple[int, ...], scope: Scope, *, ids: bool) -> Occurrences:
        """Layers of these kinds: with `ids` those that have one; their ids are the values."""
        rows, values = [], []
        for index in range(self.headers.depth()):
            fits = self._layer_in_scope(index, scope) & np.isin(self.headers.kinds[:, index], kinds)
            if ids:
                fits &= (self.records["layer_kind"][:, index] & encaps.HAS_ID) != 0
            rows.append(np.flatnonzero(fits))
            values.append(self.records["layer_id"][rows[-1], index].astype(np.int64))
        return Occurrences(_chain(rows), Numbers(_chain(values)))

    def _layer_in_scope(self, index: int, scope: Scope) -> Bools:
        has = self.headers.has_layer(index)
        if scope is Scope.OUTER:
            return has if index == 0 else np.zeros(self.size, dtype=bool)
        if scope is Scope.INNER:
            return np.asarray(self.headers.n_layers == index + 1)
        return has

    def _flow_column(self, field: Field) -> Occurrences:
        """The column of each packet's flow."""
        if self.flows is None or self.frame_flow is None:
            raise ValueError(f"{field.name} is a column of flows: flows and frame_flow are needed")
        column = self.flows.occurrences(field, Scope.ANY)
        frames = np.flatnonzero(self.frame_flow >= 0)
        i, j = join(self.frame_flow[frames].astype(np.int64), column.rows)
        return Occurrences(frames[i], column.values.take(j))

    # --- computed fields -------------------------------------------------------------------------------------------

    def _all(self, values: npt.NDArray[Any]) -> Occurrences:
        return Occurrences(np.arange(self.size), Numbers(values.astype(np.int64)))

    def _where(self, there: Bools, name: str) -> Occurrences:
        rows = np.flatnonzero(there)
        return Occurrences(rows, Numbers(self.records[name][rows].astype(np.int64)))

    def _number(self, _: Scope) -> Occurrences:
        return self._all(self.numbers)

    def _time(self, _: Scope) -> Occurrences:
        return self._all(self.records["ts_ns"])

    def _time_relative(self, _: Scope) -> Occurrences:
        return self._all(self.records["ts_ns"] - self.start_ns)

    def _length(self, _: Scope) -> Occurrences:
        return self._all(self.records["wire_len"])

    def _cap_len(self, _: Scope) -> Occurrences:
        return self._all(self.records["cap_len"])

    def _interface(self, _: Scope) -> Occurrences:
        return self._all(self.records["interface"])

    def _flow(self, _: Scope) -> Occurrences:
        if self.flows is None or self.frame_flow is None:
            raise ValueError("flow needs flows and frame_flow")
        rows = np.flatnonzero(self.frame_flow >= 0)
        return Occurrences(rows, Numbers(self.flows.table["flow"].to_numpy(dtype=np.int64)[self.frame_flow[rows]]))

    def _tcp(self, scope: Scope, there: Bools, name: str) -> Occurrences:
        """A field that the record holds of the innermost packet, where it is TCP: which always ends a stack."""
        rows = self.headers.rows("tcp").scoped(scope).frame
        rows = rows[there[rows]]
        return Occurrences(rows, Numbers(self.records[name][rows].astype(np.int64)))

    def _tcp_len(self, scope: Scope) -> Occurrences:
        return self._tcp(scope, self.records["tcp_ok"] == 1, "payload_len")

    def _tcp_mss(self, scope: Scope) -> Occurrences:
        return self._tcp(scope, self.records["tcp_mss"] >= 0, "tcp_mss")

    def _tcp_wscale(self, scope: Scope) -> Occurrences:
        return self._tcp(scope, self.records["tcp_wscale"] >= 0, "tcp_wscale")

    def _tcp_payload(self, scope: Scope) -> Occurrences:
        rows = self.headers.rows("tcp").scoped(scope).holding(offsets.TCP_MIN_LEN)
        length = (self.buffer[rows.start + offsets.TCP_OFFSET] >> 4).astype(np.int64) * 4
        start = rows.start + np.maximum(length, offsets.TCP_MIN_LEN)
        return self._payload(rows, start, rows.stop, length >= offsets.TCP_MIN_LEN)

    def _udp_payload(self, scope: Scope) -> Occurrences:
        rows = self.headers.rows("udp").scoped(scope).holding(offsets.UDP_LEN)
        length = big_endian(self.buffer, rows.start + offsets.UDP_LENGTH, 2)
        stop = np.where(length >= offsets.UDP_LEN, np.minimum(rows.stop, rows.start + length), rows.stop)
        return self._payload(rows, rows.start + offsets.UDP_LEN, stop, np.ones(len(stop), dtype=bool))

    def _payload(self, rows: HeaderRows, start: Ints, stop: Ints, valid: Bools) -> Occurrences:
        valid = valid & (start < stop)
        return Occurrences(rows.frame[valid], ByteRanges(self.buffer, start[valid], stop[valid]))

    def _gre_key(self, scope: Scope) -> Occurrences:
        rows, key = self._keys(self.headers.rows("gre").scoped(scope))
        return Occurrences(rows.frame, Numbers(key))

    def _nvgre_flowid(self, scope: Scope) -> Occurrences:
        rows, key = self._keys(self.headers.rows("nvgre").scoped(scope))
        return Occurrences(rows.frame, Numbers(key & 0xFF))

    def _keys(self, rows: HeaderRows) -> tuple[HeaderRows, Ints]:
        """GRE headers of version 0 that have a key, and the keys."""
        rows = rows.holding(offsets.GRE_MIN_LEN)
        flags = big_endian(self.buffer, rows.start, 2)
        rows = rows.take(((flags & offsets.GRE_K) != 0) & ((flags & offsets.GRE_VERSION_MASK) == 0))
        rows = rows.holding(gre_length(self.buffer, rows))
        flags = big_endian(self.buffer, rows.start, 2)
        summed = (flags & (offsets.GRE_C | offsets.GRE_R)) != 0
        return rows, big_endian(self.buffer, rows.start + np.where(summed, 8, 4), 4)

    def _tunnel_type(self, scope: Scope) -> Occurrences:
        rows, codes = [], []
        for index in range(self.headers.depth()):
            rows.append(np.flatnonzero(self._layer_in_scope(index, scope)))
            codes.append(self.headers.kinds[rows[-1], index].astype(np.int64))
        return Occurrences(_chain(rows), Words(_chain(codes), self._kind_names()))

    def _encap(self, _: Scope) -> Occurrences:
        codes = self.records["encap"].astype(np.int64)
        return Occurrences(np.arange(self.size), Words(codes, self._kind_names()))

    def _kind_names(self) -> list[str]:
        return [labels.encap_name(kind, self.layer_names) for kind in range(256)]

    def _vsid(self, _: Scope) -> Occurrences:
        return self._where(self.records["vsid"] >= 0, "vsid")

    def _flow_id(self, _: Scope) -> Occurrences:
        return self._where(self.records["flow_id"] >= 0, "flow_id")

    def _stack(self, _: Scope) -> Occurrences:
        rows = np.flatnonzero(self.headers.n_layers > 0)
        if len(rows) == 0:
            return Occurrences(rows, Words(rows, []))
        depth = self.headers.depth()
        count = self.headers.n_layers[rows]
        kinds, ids = self.records["layer_kind"][rows, :depth], self.records["layer_id"][rows, :depth]
        columns = [count]
        for index in range(depth):
            columns.append(np.where(index < count, kinds[:, index], 0))
            columns.append(np.where(index < count, ids[:, index], 0))
        codes, first = labels.combine(columns)
        texts = [
            labels.stack_text(kinds[row, : count[row]].tolist(), ids[row, : count[row]].tolist(), self.layer_names)
            or ""
            for row in first.tolist()
        ]
        return Occurrences(rows, Words(codes, texts))

    def _record_address(self, family: str, words: str) -> Occurrences:
        rows = np.flatnonzero(self.records[family] != 0)
        word = self.records[words][rows].astype(np.uint64)
        shift = np.uint64(32)
        high, low = word[:, 0] << shift | word[:, 1], word[:, 2] << shift | word[:, 3]
        return Occurrences(rows, Addresses(self.records[family][rows], high, low))

    def _pa_src(self, _: Scope) -> Occurrences:
        return self._record_address("pa_family", "pa_src")

    def _pa_dst(self, _: Scope) -> Occurrences:
        return self._record_address("pa_family", "pa_dst")

    def _src_ip(self, _: Scope) -> Occurrences:
        return self._record_address("family", "src")

    def _dst_ip(self, _: Scope) -> Occurrences:
        return self._record_address("family", "dst")

    def _ca_src(self, _: Scope) -> Occurrences:
        return self._record_address("ca_family", "ca_ip")

    def _ca_dst(self, _: Scope) -> Occurrences:
        """Destination of the first IP header (else ARP packet) inside the tenant's frame, where ca.src is known."""
        parts = []
        starts = []
        for header, source in (
            ("ip", Address("ip", offsets.IP4_DST, 4)),
            ("ipv6", Address("ipv6", offsets.IP6_DST, 16)),
            ("arp", ARP_TARGET),
        ):
            rows = self._holding(source, Scope.ANY)
            parts.append(self._address(source, Scope.ANY))
            # Behind every IP header: an ARP packet is only asked where there is none.
            starts.append(rows.start + (len(self.buffer) if header == "arp" else 0))
        found, start = concatenate(parts), np.concatenate(starts)
        own = self.headers.base[found.rows] + self.records["inner_off"][found.rows]
        inside = (start >= own) & (self.records["ca_family"][found.rows] != 0)
        found, start = found.take(inside), start[inside]
        order = np.lexsort((start, found.rows))
        first = np.unique(found.rows[order], return_index=True)[1]
        return found.take(order[first])

    def _src_port(self, _: Scope) -> Occurrences:
        return self._where(self.records["src_port"] >= 0, "src_port")

    def _dst_port(self, _: Scope) -> Occurrences:
        return self._where(self.records["dst_port"] >= 0, "dst_port")

    def _protocol(self, _: Scope) -> Occurrences:
        records = self.records
        names = labels.protocol_names(records["family"], records["protocol"], records["ethertype"])
        codes = names.codes.astype(np.int64)
        rows = np.flatnonzero(codes >= 0)
        return Occurrences(rows, Words(codes[rows], names.words()))

    def _info(self, _: Scope) -> Occurrences:
        # Most filters do not ask for it, and it loads every dissector.
        from dissectors.registry import Registry
        from nvgre_inspect.flows.packet_info import info_texts

        registry = self._registry or Registry(self._options.tables)
        rows = np.arange(self.size)
        return Occurrences(rows, Words(rows, info_texts(self._batch, self.records, rows, self._options, registry)))

    def _anomalies(self, _: Scope) -> Occurrences:
        names = [name for name, _ in anomalies.NAMES.values()]
        rows, codes = [], []
        for index, code in enumerate(anomalies.NAMES):
            rows.append(np.flatnonzero(self.records["anomalies"] >> code & 1))
            codes.append(np.full(len(rows[-1]), index, dtype=np.int64))
        return Occurrences(_chain(rows), Words(_chain(codes), names))


def _chain(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
