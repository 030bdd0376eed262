"""Where the headers of a batch's frames are, found from the records without walking the frames again.

A record holds the offsets of IP and Ethernet headers and the list of layers; from these follow all other headers, for
the whole batch at once. Frames about which a record cannot say everything (as many IP or Ethernet headers as it holds,
null-encrypted ESP, several MPLS stacks, encapsulations of users) are walked one by one (`walked`).

Positions are indices into the batch's buffer. Every position handed out lies within the captured bytes of its frame and
within the packet by the lengths of the IP headers around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from nvgre_inspect.flows.filter.field import Scope
from nvgre_inspect.flows.filter.values import Bools, Ints, big_endian
from nvgre_inspect.flows.filter.walked import walk_frames
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import MAX_ETH, MAX_IP

Records = npt.NDArray[np.void]

#: Headers that stand where an IP header's protocol field announces them.
PROTOCOLS = {
    "icmp": offsets.IPPROTO_ICMP,
    "igmp": offsets.IPPROTO_IGMP,
    "tcp": offsets.IPPROTO_TCP,
    "udp": offsets.IPPROTO_UDP,
    "icmpv6": offsets.IPPROTO_ICMPV6,
    "ospf": offsets.IPPROTO_OSPF,
    "sctp": offsets.IPPROTO_SCTP,
}
_MAX_AH = 16
_MAX_TAGS = 8
_KIND = encaps.HAS_ID - 1
_BY_GRE = (
    encaps.NVGRE,
    encaps.GRETAP,
    encaps.GRE,
    encaps.MPLS_IN_GRE,
    encaps.ERSPAN1,
    encaps.ERSPAN2,
    encaps.ERSPAN3,
)
_BY_UDP = (encaps.VXLAN, encaps.VXLAN_GPE, encaps.GENEVE, encaps.GRE_IN_UDP, encaps.MPLS_IN_UDP)
_MPLS_KINDS = (encaps.MPLS, encaps.MPLS_IN_GRE, encaps.MPLS_IN_UDP)
_MPLS_TYPES = (offsets.ETHERTYPE_MPLS, offsets.ETHERTYPE_MPLS_MCAST)
_SNAP = 0xAAAA03000000


@dataclass(frozen=True, slots=True)
class HeaderRows:
    """All headers of one kind in a batch."""

    #: int64: the frame that each is in
    frame: Ints
    #: int64: its first byte, and the end of what may be read: `start < stop`
    start: Ints
    stop: Ints
    #: Whether it belongs to the outermost packet of the frame, and to the innermost.
    outer: Bools
    inner: Bools

    def take(self, index: Ints | Bools) -> HeaderRows:
        """The headers at `index`."""
        return HeaderRows(*(getattr(self, field.name)[index] for field in fields(self)))

    def scoped(self, scope: Scope) -> HeaderRows:
        """Those that belong to the scope."""
        if scope is Scope.ANY:
            return self
        return self.take(self.outer if scope is Scope.OUTER else self.inner)

    def holding(self, size: int | Ints) -> HeaderRows:
        """Those of which the first `size` bytes are there."""
        return self.take(self.start + size <= self.stop)


def _concatenate(parts: list[HeaderRows]) -> HeaderRows:
    if not parts:
        none, no = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        return HeaderRows(none, none, none, no, no)
    return HeaderRows(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(HeaderRows)))


def _nowhere(rows: HeaderRows) -> HeaderRows:
    """The same headers, belonging to neither the outermost nor the innermost packet."""
    none = np.zeros(len(rows.frame), dtype=bool)
    return replace(rows, outer=none, inner=none)


class Headers:
    """The headers of one batch; each kind is located when it is first asked for."""

    def __init__(self, batch: PacketBatch, records: Records, options: DecodeOptions) -> None:
        self.buffer = batch.buffer
        self.records = records
        self.base = batch.offset.astype(np.int64, copy=False)
        self.cap = self.base + batch.caplen
        self.kinds = records["layer_kind"] & _KIND
        # Records are wide: whole columns are copied out of them once, and never whole records.
        self.n_layers = records["n_layers"].astype(np.int64)
        self.n_ip = records["n_ip"].astype(np.int64)
        self._innermost_is_ip = records["family"] != 0
        #: The greatest number of IP headers of any frame.
        self._most_ip = int(self.n_ip.max(initial=0))
        self._batch = batch
        self._options = options
        self._known: dict[str, HeaderRows] = {}
        self._locate: dict[str, Callable[[], HeaderRows]] = {
            "frame": self._frame,
            "eth": self._eth,
            "vlan": lambda: self._tags_and_arp[0],
            "arp": lambda: self._tags_and_arp[1],
            "ip": lambda: self._ip(4),
            "ipv6": lambda: self._ip(6),
            "gre": self._gre,
            "nvgre": self._nvgre,
            "mpls": self._mpls,
        }

    def rows(self, kind: str) -> HeaderRows:
        """All headers of that kind: a key of PROTOCOLS, or frame, eth, vlan, arp, ip, ipv6, gre, nvgre, mpls.

        `mpls` are label stack entries, `vlan` tags, `nvgre` GRE headers.
        """
        if kind not in self._known:
            located = self._locate[kind]() if kind in self._locate else self._transport(PROTOCOLS[kind])
            if kind != "frame" and self._slow.any():
                located = located.take(~self._slow[located.frame])
                located = _concatenate([located, self._walked_rows(kind)])
            self._known[kind] = located
        return self._known[kind]

    def has_layer(self, index: int) -> Bools:
        """Whether each frame has a layer of that index."""
        has: Bools = self.n_layers > index
        return has

    def depth(self) -> int:
        """The greatest number of layers of any frame."""
        return int(self.n_layers.max(initial=0))

    # --- frames that are walked ------------------------------------------------------------------------------------

    @cached_property
    def _slow(self) -> Bools:
        """Frames whose records do not hold all that is needed."""
        records = self.records
        slow = (self.n_ip == MAX_IP) | (records["n_eth"] == MAX_ETH)
        mpls = np.zeros(len(records), dtype=np.int64)
        esp = np.zeros(len(records), dtype=bool)
        for index in range(self.depth()):
            kind = np.where(self.has_layer(index), self.kinds[:, index], encaps.NONE)
            slow |= kind >= encaps.USER
            mpls += np.isin(kind, _MPLS_KINDS)
            # An ESP layer with another inside was not opaque.
            slow |= esp & (kind != encaps.NONE)
            esp |= kind == encaps.ESP
        slow |= (mpls > 1) | ((mpls > 0) & (records["path_kind"] != 1))
        # A label stack that the packet ends in: the record does not say where it is.
        slow |= np.isin(records["ethertype"], _MPLS_TYPES) & (mpls == 0)
        last = np.maximum(self.n_ip - 1, 0)
        behind_udp = (records["protocol"] == offsets.IPPROTO_UDP) & (
            records["l4_off"] == records["ip_l4_off"][np.arange(len(records)), last]
        )
        slow |= esp & (records["protocol"] != offsets.IPPROTO_ESP) & ~behind_udp
        return np.asarray(slow)

    @cached_property
    def _walked(self) -> list[tuple[str, int, int, int, bool, bool]]:
        """(kind, frame, start, stop, outer, inner) of each header of the slow frames."""
        frames = np.flatnonzero(self._slow).tolist()
        return list(walk_frames(self._batch, self.records, frames, self._options))

    def _walked_rows(self, kind: str) -> HeaderRows:
        found = [row[1:] for row in self._walked if row[0] == kind]
        if not found:
            return _concatenate([])
        frame, start, stop, outer, inner = zip(*found, strict=True)
        return HeaderRows(
            np.array(frame, dtype=np.int64),
            np.array(start, dtype=np.int64),
            np.array(stop, dtype=np.int64),
            np.array(outer),
            np.array(inner),
        )

    # --- IP and what it carries ------------------------------------------------------------------------------------

    @cached_property
    def _ends(self) -> Ints:
        """int64 [frames, IP headers]: where each IP packet ends, captured or not; of fewer headers, as the last one."""
        end = self.base + np.maximum(self.records["wire_len"], self.cap - self.base)
        ends = np.empty((len(end), max(self._most_ip, 1)), dtype=np.int64)
        ends[:, 0] = end
        for k in range(self._most_ip):
            start = self.base + self.records["ip_off"][:, k]
            fits = (self.n_ip > k) & (start >= self.base) & (start + offsets.IP4_MIN_LEN <= self.cap)
            at = np.where(fits, start, 0)
            frames = np.flatnonzero(fits)
            first = np.zeros(len(end), dtype=np.int64)
            first[frames] = self.buffer[at[frames]]
            total = np.zeros(len(end), dtype=np.int64)
            four = frames[first[frames] >> 4 == 4]
            length = big_endian(self.buffer, at[four] + offsets.IP4_TOTAL_LEN, 2)
            # A length below its own header says nothing (0: offload).
            total[four] = np.where(length < (first[four] & 15) * 4, 0, length)
            six = frames[first[frames] >> 4 == 6]
            length = big_endian(self.buffer, at[six] + offsets.IP6_PAYLOAD_LEN, 2)
            total[six] = np.where(length == 0, 0, length + offsets.IP6_LEN)
            end = np.where(total > 0, np.minimum(end, start + total), end)
            ends[:, k] = end
        return ends

    @cached_property
    def _carried(self) -> tuple[Ints, Ints]:
        """int64 [frames, IP headers] twice: protocol and position of what each IP header carries, behind any AH; -1."""
        protocols = np.full((len(self.base), self._most_ip), -1, dtype=np.int64)
        positions = np.full((len(self.base), self._most_ip), -1, dtype=np.int64)
        for k in range(self._most_ip):
            offset = self.records["ip_l4_off"][:, k].astype(np.int64)
            there = (self.n_ip > k) & (offset >= 0)
            protocol = np.where(there, self.records["ip_proto"][:, k], -1).astype(np.int64)
            position = np.where(there, self.base + offset, -1)
            stop = np.minimum(self.cap, self._ends[:, k])
            for _ in range(_MAX_AH):
                ah = np.flatnonzero(protocol == offsets.IPPROTO_AH)
                if len(ah) == 0:
                    break
                whole = position[ah] + offsets.AH_MIN_LEN <= stop[ah]
                protocol[ah[~whole]] = -1
                ah = ah[whole]
                length = (self.buffer[position[ah] + 1].astype(np.int64) + 2) * 4
                valid = (length >= offsets.AH_MIN_LEN) & (position[ah] + length <= stop[ah])
                following = self.buffer[position[ah]].astype(np.int64)
                protocol[ah] = np.where(valid, following, -1)
                position[ah] += length
            protocols[:, k] = np.where(position < stop, protocol, -1)
            positions[:, k] = position
        return protocols, positions

    @cached_property
    def _layer_of(self) -> Ints:
        """int64 [frames, IP headers]: index of the layer that the GRE or UDP header behind each IP header enters, -1.

        The layers stand in the order of the headers that enter them; every GRE or UDP header but the last enters one.
        """
        protocols, _ = self._carried
        result = np.full(protocols.shape, -1, dtype=np.int64)
        cursor = np.zeros(len(protocols), dtype=np.int64)
        previous = np.zeros(len(protocols), dtype=np.uint8)
        for index in range(self.depth()):
            kind = np.where(self.has_layer(index), self.kinds[:, index], encaps.NONE)
            wanted = np.where(np.isin(kind, _BY_UDP), offsets.IPPROTO_UDP, -2)
            # ERSPAN in GRE-in-UDP has a layer of its own behind that of the UDP header.
            wanted[np.isin(kind, _BY_GRE) & (previous != encaps.GRE_IN_UDP)] = offsets.IPPROTO_GRE
            for k in range(self._most_ip):
                hit = (cursor <= k) & (protocols[:, k] == wanted)
                result[hit, k] = index
                cursor[hit] = k + 1
                wanted[hit] = -2
            previous = kind
        return result

    def _row(self, k: int, frame: Ints, start: Ints) -> HeaderRows:
        """Headers at `start` behind IP header `k` of each frame."""
        stop = np.minimum(self.cap[frame], self._ends[frame, k])
        inner = (self.n_ip[frame] == k + 1) & self._innermost_is_ip[frame]
        rows = HeaderRows(frame, start, stop, np.full(len(frame), k == 0), inner)
        return rows.holding(1)

    def _frame(self) -> HeaderRows:
        every = np.ones(len(self.base), dtype=bool)
        rows = HeaderRows(np.arange(len(self.base)), self.base, self.cap, every, every)
        return rows.holding(0)

    def _ip(self, version: int) -> HeaderRows:
        parts = []
        size = offsets.IP4_MIN_LEN if version == 4 else offsets.IP6_LEN
        for k in range(self._most_ip):
            frame = np.flatnonzero(self.n_ip > k)
            rows = self._row(k, frame, self.base[frame] + self.records["ip_off"][frame, k]).holding(size)
            parts.append(rows.take(self.buffer[rows.start] >> 4 == version))
        return _concatenate(parts)

    def _transport(self, protocol: int) -> HeaderRows:
        protocols, positions = self._carried
        parts = []
        for k in range(self._most_ip):
            frame = np.flatnonzero(protocols[:, k] == protocol)
            parts.append(self._row(k, frame, positions[frame, k]))
        return _concatenate(parts)

    def _gre(self) -> HeaderRows:
        _, positions = self._carried
        parts = [self._transport(offsets.IPPROTO_GRE)]
        for k in range(self._most_ip):
            frame = self._entering(k, encaps.GRE_IN_UDP)
            parts.append(self._row(k, frame, positions[frame, k] + offsets.UDP_LEN))
        return _concatenate(parts)

    def _nvgre(self) -> HeaderRows:
        _, positions = self._carried
        parts = []
        for k in range(self._most_ip):
            frame = self._entering(k, encaps.NVGRE)
            parts.append(self._row(k, frame, positions[frame, k]))
        return _concatenate(parts)

    def _entering(self, k: int, kind: int) -> Ints:
        """Frames in which what IP header `k` carries enters a layer of that kind."""
        layer = self._layer_of[:, k]
        frames = np.arange(len(layer))
        return np.flatnonzero((layer >= 0) & (self.kinds[frames, layer] == kind))

    # --- Ethernet, what its type announces, MPLS -------------------------------------------------------------------

    def _eth(self) -> HeaderRows:
        records = self.records
        parts = []
        for k in range(MAX_ETH):
            frame = np.flatnonzero(records["n_eth"] > k)
            offset = records["eth_off"][frame, k].astype(np.int64)
            start = self.base[frame] + offset
            # The packet around it is that of the last IP header before it.
            before = ((records["ip_off"][frame] < offset[:, None]) & (np.arange(MAX_IP) < self.n_ip[frame, None])).sum(
                axis=1
            )
            end = self._ends[frame, np.maximum(before - 1, 0)]
            stop = np.where(before > 0, np.minimum(self.cap[frame], end), self.cap[frame])
            inner = (records["n_eth"][frame] == k + 1) & (records["src_mac"][frame] != -1)
            parts.append(HeaderRows(frame, start, stop, offset == 0, inner).holding(offsets.ETH_LEN))
        return _concatenate(parts)

    def _link(self, linktype: int, type_at: int, length: int) -> tuple[HeaderRows, Ints, Ints]:
        frame = np.flatnonzero(self.records["linktype"] == linktype)
        inner = (self.records["n_eth"][frame] == 0) & (self.n_layers[frame] == 0)
        rows = HeaderRows(frame, self.base[frame], self.cap[frame], np.ones(len(frame), dtype=bool), inner)
        rows = rows.holding(length)
        return rows, rows.start + type_at, rows.start + length

    @cached_property
    def _tags_and_arp(self) -> tuple[HeaderRows, HeaderRows]:
        """VLAN tags, and ARP packets: what stands behind a header that ends in an EtherType."""
        eth, gre = self._eth(), _nowhere(self._gre().holding(offsets.GRE_MIN_LEN))
        gre = gre.holding(gre_length(self.buffer, gre))
        carriers = [
            (eth, eth.start + offsets.ETH_TYPE, eth.start + offsets.ETH_LEN),
            self._link(offsets.DLT_SLL, offsets.SLL_PROTOCOL, offsets.SLL_LEN),
            self._link(offsets.DLT_SLL2, offsets.SLL2_PROTOCOL, offsets.SLL2_LEN),
            self._link(offsets.DLT_C_HDLC, offsets.CHDLC_PROTOCOL, offsets.CHDLC_LEN),
            (gre, gre.start + 2, gre.start + gre_length(self.buffer, gre)),
            *self._geneve(),
        ]
        rows = _concatenate([carrier[0] for carrier in carriers])
        kind = big_endian(self.buffer, np.concatenate([carrier[1] for carrier in carriers]), 2)
        payload = np.concatenate([carrier[2] for carrier in carriers])
        tags = []
        for _ in range(_MAX_TAGS):
            tagged = np.flatnonzero(np.isin(kind, offsets.VLAN_ETHERTYPES) & (payload + offsets.VLAN_LEN <= rows.stop))
            if len(tagged) == 0:
                break
            tags.append(replace(rows.take(tagged), start=payload[tagged]))
            kind[tagged] = big_endian(self.buffer, payload[tagged] + offsets.VLAN_TYPE, 2)
            payload[tagged] += offsets.VLAN_LEN
        short = np.flatnonzero((kind < offsets.ETHERTYPE_MIN) & (payload + offsets.SNAP_LEN <= rows.stop))
        short = short[big_endian(self.buffer, payload[short], 6) == _SNAP]
        kind[short] = big_endian(self.buffer, payload[short] + 6, 2)
        payload[short] += offsets.SNAP_LEN
        arp = replace(rows, start=payload).take(kind == offsets.ETHERTYPE_ARP).holding(offsets.ARP_SHA)
        # ARP ends a stack: it is the innermost packet, and the outermost where no IP header came before.
        first = self.n_ip[arp.frame] == 0
        return _concatenate(tags), replace(arp, outer=first, inner=np.ones(len(first), dtype=bool))

    def _geneve(self) -> Iterator[tuple[HeaderRows, Ints, Ints]]:
        _, positions = self._carried
        for k in range(self._most_ip):
            frame = self._entering(k, encaps.GENEVE)
            rows = self._row(k, frame, positions[frame, k] + offsets.UDP_LEN).holding(offsets.GENEVE_LEN)
            options = (self.buffer[rows.start] & 0x3F).astype(np.int64) * 4
            rows = _nowhere(rows)
            yield rows, rows.start + offsets.GENEVE_PROTOCOL, rows.start + offsets.GENEVE_LEN + options

    def _mpls(self) -> HeaderRows:
        records = self.records
        parts = []
        most = int(np.where(records["path_kind"] == 1, records["path_n"], 0).max(initial=0))
        for index in range(most):
            frame = np.flatnonzero((records["path_kind"] == 1) & (records["path_n"] > index))
            start = self.base[frame] + records["path_off"][frame] + index * offsets.MPLS_LEN
            every = np.ones(len(frame), dtype=bool)
            inner = self.n_layers[frame] == 1
            rows = HeaderRows(frame, start, self.cap[frame], every, inner)
            parts.append(rows.holding(offsets.MPLS_LEN))
        return _concatenate(parts)


def gre_length(buffer: npt.NDArray[np.uint8], rows: HeaderRows) -> Ints:
    """Length of GRE headers of version 0 without source routes, of which four bytes are there."""
    flags = big_endian(buffer, rows.start, 2)
    words = 1 + ((flags & (offsets.GRE_C | offsets.GRE_R)) != 0) + ((flags & offsets.GRE_K) != 0)
    return np.asarray((words + ((flags & offsets.GRE_S) != 0)) * 4, dtype=np.int64)
