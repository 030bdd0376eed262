"""Headers: what the outer headers of a batch say, and of the tenants' frames what the outer headers follow from.

Everything is an int64 array with one entry per frame, -1 where it is not there; bytes are gathered by the offsets in
the records, without a loop over frames.

Limits: of frames with more IP or Ethernet headers than records keep offsets of (`MAX_IP`, `MAX_ETH`), the entropy of
those is not checked whose tenant's header is not among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from nvgre_inspect.encapsulation.entropy import MULTIPLIER, SEED, WITH_PORTS
from nvgre_inspect.encapsulation.outer import CARRIES_IP, PORTS
from nvgre_inspect.encapsulation.policy import Kind
from nvgre_inspect.encapsulation.policy_keys import GRE_KINDS
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.record import MAX_IP

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: The policy's name for what decoders tell apart.
KINDS: dict[int, Kind] = {
    encaps.NVGRE: "nvgre",
    encaps.GRETAP: "gretap",
    encaps.GRE: "gre",
    encaps.VXLAN: "vxlan",
    encaps.GENEVE: "geneve",
    encaps.IPIP: "ipip",
    encaps.SIXINFOUR: "ipip",
    encaps.FOURINSIX: "ipip",
    encaps.SIXINSIX: "ipip",
    encaps.MPLS_IN_GRE: "mpls-in-gre",
    encaps.MPLS_IN_UDP: "mpls-in-udp",
}
#: A label stack entry without its label: traffic class 0, bottom of the stack, TTL 64.
_LAST_LABEL = 0x140
#: Tags that are looked behind; decoding gives up behind as many.
_MAX_TAGS = 8
_GRE = frozenset({"nvgre", "gretap", "gre", "mpls-in-gre"})


class Bytes:
    """The captured bytes of frames, as numbers at a place in each of them."""

    def __init__(self, batch: PacketBatch, rows: Ints) -> None:
        self._buffer = batch.buffer
        self._start = batch.offset[rows]
        self._length = np.minimum(batch.caplen[rows], batch.wirelen[rows])

    def number(self, at: npt.NDArray[Any], size: int) -> Ints:
        """The big-endian number of `size` bytes (at most 6) at `at` in each frame; -1 where not all of it is there."""
        at = at.astype(np.int64)
        there = (at >= 0) & (at + size <= self._length)
        begin = np.where(there, self._start + at, 0)
        number = np.zeros(len(at), np.int64)
        if len(self._buffer):
            for i in range(size):
                number = number << 8 | self._buffer[np.where(there, begin + i, 0)]
        return np.where(there, number, -1)


def _first_at(offsets_of: npt.NDArray[Any], count: npt.NDArray[Any], start: Ints) -> Ints:
    """[frames, n] offsets of which `count` are valid: the index of the first one not before `start`, -1."""
    index = np.arange(offsets_of.shape[1])
    found = (offsets_of >= start[:, None]) & (index < count[:, None])
    return np.where(found.any(axis=1), found.argmax(axis=1), -1)


def _last_before(offsets_of: npt.NDArray[Any], count: npt.NDArray[Any], end: Ints) -> Ints:
    """The index of the last one before `end`, -1."""
    index = np.arange(offsets_of.shape[1])
    found = (offsets_of < end[:, None]) & (index < count[:, None])
    return np.where(found.any(axis=1), offsets_of.shape[1] - 1 - found[:, ::-1].argmax(axis=1), -1)


def _picked(offsets_of: npt.NDArray[Any], index: Ints) -> Ints:
    """[frames, n] -> the entry of each frame at its index, -1 where that is -1."""
    picked = offsets_of[np.arange(len(index)), np.maximum(index, 0)].astype(np.int64)
    return np.where(index >= 0, picked, -1)


def _mixed(columns: list[Ints]) -> Ints:
    """`entropy.mix` of each row."""
    mixed = np.full(len(columns[0]), SEED, np.uint64)
    for column in columns:
        # The product is modulo 2^64, of which the mask leaves it modulo 2^63.
        mixed = (mixed ^ column.astype(np.uint64)) * np.uint64(MULTIPLIER) & np.uint64((1 << 63) - 1)
        mixed ^= mixed >> np.uint64(32)
    return (mixed & np.uint64(0xFFFFFFFF)).astype(np.int64)


@dataclass(frozen=True)
class Headers:
    """Frames of one kind of encapsulation: `records` (RECORD) are theirs alone, `rows` their places in `batch`."""

    kind: Kind
    batch: PacketBatch
    records: npt.NDArray[np.void]
    rows: Ints

    @cached_property
    def bytes(self) -> Bytes:
        """The frames' bytes."""
        return Bytes(self.batch, self.rows)

    @property
    def ts_ns(self) -> Ints:
        """When each frame came."""
        return self.batch.ts_ns[self.rows]

    # --- outside -----------------------------------------------------------------------------------------------------

    @cached_property
    def vsid(self) -> Ints:
        """The identifier: VSID, VNI, key or label."""
        layer = self.records["tenant_layer"].astype(np.int64)
        kind = _picked(self.records["layer_kind"], layer)
        return np.where(kind & encaps.HAS_ID != 0, _picked(self.records["layer_id"], layer), -1)

    @property
    def pa_src(self) -> list[npt.NDArray[Any]]:
        """IP version and four words."""
        return [self.records["pa_family"], *self.records["pa_src"].T]

    @property
    def pa_dst(self) -> list[npt.NDArray[Any]]:
        """IP version and four words."""
        return [self.records["pa_family"], *self.records["pa_dst"].T]

    @cached_property
    def to_group(self) -> Flags:
        """Whether the receiving PA is a multicast group."""
        words = self.records["pa_dst"].astype(np.int64)
        group: Flags = np.where(self.records["pa_family"] == 4, words[:, 3] >> 28 == 0xE, words[:, 0] >> 24 == 0xFF)
        return group

    @cached_property
    def _inner_off(self) -> Ints:
        return self.records["inner_off"].astype(np.int64)

    @cached_property
    def _pa_index(self) -> Ints:
        return _last_before(self.records["ip_off"], self.records["n_ip"], self._inner_off)

    @cached_property
    def ip_at(self) -> Ints:
        """Where the outer IP header starts."""
        return _picked(self.records["ip_off"], self._pa_index)

    @cached_property
    def behind_ip(self) -> Ints:
        """Where GRE, UDP, or what is carried, starts behind the outer IP header."""
        return _picked(self.records["ip_l4_off"], self._pa_index)

    @cached_property
    def _link_at(self) -> Ints:
        outer = _last_before(self.records["eth_off"], self.records["n_eth"], self.ip_at)
        return _picked(self.records["eth_off"], outer)

    def mac(self, at: int) -> Ints:
        """The MAC address at `at` (`offsets.ETH_DST`, `ETH_SRC`) of the outer Ethernet header."""
        return self.bytes.number(np.where(self._link_at >= 0, self._link_at + at, -1), 6)

    @cached_property
    def tag(self) -> Ints:
        """The outer tag: its 16 bits of control information, -1: none, -2: something that no single tag is."""
        length = np.where(self._link_at >= 0, self.ip_at - self._link_at - offsets.ETH_LEN, 0)
        control = self.bytes.number(self._link_at + offsets.ETH_LEN, 2)
        kind = self.bytes.number(self._link_at + offsets.ETH_TYPE, 2)
        tagged = (length == offsets.VLAN_LEN) & (kind == offsets.ETHERTYPE_VLAN)
        return np.where(length == 0, -1, np.where(tagged, control, -2))

    @cached_property
    def df(self) -> Ints:
        """1: do not fragment; -1 over IPv6."""
        flags = self.bytes.number(self.ip_at + offsets.IP4_FRAGMENT, 2)
        return np.where(self.records["pa_family"] == 4, (flags & offsets.IP4_DF != 0).astype(np.int64), -1)

    @cached_property
    def flow_label(self) -> Ints:
        """That of the outer IPv6 header, -1 over IPv4."""
        label = self.bytes.number(self.ip_at, 4) & offsets.IP6_FLOW_LABEL_MASK
        return np.where(self.records["pa_family"] == 6, label, -1)

    @cached_property
    def port(self) -> Ints:
        """UDP destination port."""
        return self.bytes.number(self.behind_ip + 2, 2) if self.kind in PORTS else self._none()

    @cached_property
    def udp_checksum(self) -> Ints:
        """1: there is one, 0: none; -1 without UDP, and over IPv6, where there always is one."""
        checksum = self.bytes.number(self.behind_ip + 6, 2) if self.kind in PORTS else self._none()
        there = np.where(checksum > 0, 1, checksum)
        return np.where(self.records["pa_family"] == 6, -1, there)

    @cached_property
    def gre_flags(self) -> Ints:
        """The first 16 bits of the GRE header."""
        return self.bytes.number(self.behind_ip, 2) if self.kind in _GRE else self._none()

    @cached_property
    def gre_type(self) -> Ints:
        """The protocol type of the GRE header."""
        return self.bytes.number(self.behind_ip + 2, 2) if self.kind in _GRE else self._none()

    @cached_property
    def usual(self) -> Flags:
        """Whether the header of the encapsulation has no more in it than an encapsulator of ours writes."""
        usual: Flags = np.ones(len(self.rows), dtype=bool)
        if self.kind in _GRE:
            varying = offsets.GRE_C | offsets.GRE_K | offsets.GRE_S if self.kind in GRE_KINDS else 0
            usual &= self.gre_flags & ~varying == (offsets.GRE_K if self.kind == "nvgre" else 0)
        if self.kind in ("vxlan", "geneve"):
            first = self.bytes.number(self.behind_ip + offsets.UDP_LEN, 4)
            last = self.bytes.number(self.behind_ip + offsets.UDP_LEN + 7, 1)
            usual &= first == (offsets.VXLAN_I << 24 if self.kind == "vxlan" else offsets.ETHERTYPE_TEB)
            usual &= last == 0
        if self.kind in ("mpls-in-gre", "mpls-in-udp"):
            label_at = self.behind_ip + (offsets.GRE_MIN_LEN if self.kind == "mpls-in-gre" else offsets.UDP_LEN)
            usual &= self.bytes.number(label_at, 4) & 0xFFF == _LAST_LABEL
            usual &= self.bytes.number(label_at + offsets.MPLS_LEN, 4) == 0  # the control word
        return usual

    # --- inside ------------------------------------------------------------------------------------------------------

    @cached_property
    def inner_at(self) -> Ints:
        """Where the tenant's frame (or packet) starts; -1 where it is not what the kind carries, or not captured."""
        if self.kind in CARRIES_IP:
            return _picked(self.records["ip_off"], self._bare_index)
        first = _first_at(self.records["eth_off"], self.records["n_eth"], self._inner_off)
        at = _picked(self.records["eth_off"], first)
        return np.where(at <= self._inner_off + offsets.MPLS_LEN, at, -1)  # behind a control word

    @cached_property
    def _bare_index(self) -> Ints:
        index = _first_at(self.records["ip_off"], self.records["n_ip"], self._inner_off)
        return np.where(_picked(self.records["ip_off"], index) == self._inner_off, index, -1)

    def inner_mac(self, at: int) -> Ints:
        """The MAC address at `at` of the tenant's frame."""
        if self.kind in CARRIES_IP:
            return self._none()
        return self.bytes.number(np.where(self.inner_at >= 0, self.inner_at + at, -1), 6)

    @cached_property
    def _behind_tags(self) -> tuple[Ints, Ints]:
        """Of the tenant's frame: the EtherType behind its tags, and where what it announces starts."""
        if self.kind in CARRIES_IP:
            return self._none(), self.inner_at
        at = np.where(self.inner_at >= 0, self.inner_at + offsets.ETH_TYPE, -1)
        ethertype = self.bytes.number(at, 2)
        for _ in range(_MAX_TAGS):
            tagged = np.isin(ethertype, offsets.VLAN_ETHERTYPES)
            following = self.bytes.number(np.where(tagged, at + offsets.VLAN_LEN, -1), 2)
            tagged &= following >= 0
            if not tagged.any():
                break
            at = np.where(tagged, at + offsets.VLAN_LEN, at)
            ethertype = np.where(tagged, following, ethertype)
        return ethertype, at + 2

    @cached_property
    def inner_tags(self) -> Ints:
        """Bytes of tags in the tenant's frame."""
        if self.kind in CARRIES_IP:
            return np.zeros(len(self.rows), np.int64)
        _, behind = self._behind_tags
        return np.where(self.inner_at >= 0, behind - self.inner_at - offsets.ETH_LEN, 0)

    @cached_property
    def _inner_ip_index(self) -> Ints:
        """The IP header that follows directly behind the tags; -1: not IP; -2: not known."""
        _, behind = self._behind_tags
        index = _first_at(self.records["ip_off"], self.records["n_ip"], self._inner_off)
        at = _picked(self.records["ip_off"], index)
        overwritten = (self.records["n_ip"] == MAX_IP) & (index == MAX_IP - 1)
        return np.where(overwritten, -2, np.where((at >= 0) & (at == behind), index, -1))

    @cached_property
    def inner_ip_at(self) -> Ints:
        """Where the tenant's IP header starts; -1: not IP."""
        return _picked(self.records["ip_off"], np.maximum(self._inner_ip_index, -1))

    @cached_property
    def inner_version(self) -> Ints:
        """The IP version of the tenant's packet; 0: not IP."""
        return np.where(self.inner_ip_at >= 0, self.bytes.number(self.inner_ip_at, 1) >> 4, 0)

    @cached_property
    def inner_tos(self) -> Ints:
        """DSCP and ECN of the tenant's packet; 0: not IP; -1: not known."""
        tos = self.bytes.number(self.inner_ip_at, 2) >> np.where(self.inner_version == 6, 4, 0) & 0xFF
        return np.where(self._inner_ip_index == -2, -1, np.where(self.inner_ip_at >= 0, tos, 0))

    def inner_address(self, which: str) -> list[Ints]:
        """IP version (0: none) and four words of the `src` or `dst` address of the tenant's packet."""
        at4, at6 = (offsets.IP4_SRC, offsets.IP6_SRC) if which == "src" else (offsets.IP4_DST, offsets.IP6_DST)
        version, at = self.inner_version, self.inner_ip_at
        words = [self.bytes.number(np.where(version == 6, at + at6 + 4 * i, -1), 4) for i in range(4)]
        words[3] = np.where(version == 4, self.bytes.number(at + at4, 4), words[3])
        return [version, *(np.maximum(word, 0) for word in words)]

    @cached_property
    def entropy(self) -> Ints:
        """The hash of the tenant's frame, as `entropy.FlowHash` has it; -1 where it is not known: later fragments, and
        what is nested too deeply.
        """
        ethertype, _ = self._behind_tags
        macs = (self.inner_mac(offsets.ETH_SRC), self.inner_mac(offsets.ETH_DST))
        halves = [half for mac in macs for half in (mac >> 32, mac & 0xFFFFFFFF)]
        other = _mixed([np.zeros_like(ethertype), np.where(ethertype < offsets.ETHERTYPE_MIN, 0, ethertype), *halves])
        index = np.maximum(self._inner_ip_index, -1)
        protocol = _picked(self.records["ip_proto"], index)
        transport = _picked(self.records["ip_l4_off"], index)
        with_ports = np.isin(protocol, list(WITH_PORTS))
        ports = np.maximum(self.bytes.number(np.where(with_ports, transport, -1), 4), 0)
        ip = _mixed(
            [
                *(self.inner_version, protocol),
                *self.inner_address("src")[1:],
                *self.inner_address("dst")[1:],
                *(ports >> 16, ports & 0xFFFF),
            ]
        )
        known = (self.inner_at >= 0) & np.where(index >= 0, (protocol >= 0) & (transport >= 0), ethertype >= 0)
        return np.where(known & (self._inner_ip_index != -2), np.where(index >= 0, ip, other), -1)

    def _none(self) -> Ints:
        return np.full(len(self.rows), -1, np.int64)
