"""The tunnel that each frame of a batch is taken out of: `decapsulator.origin_of` for all frames at once, by NumPy.

For the tenant's layer the record says all of it. For others (mirrors, layers that were asked for by number, or the last
of several) the addresses and the entropy field stand in the headers before the inner frame.

Limits: frames in which other headers stand between IP and the tunnel's (AH, ESP), or with more than four IP headers,
are walked again one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from nvgre_inspect.encapsulation.decapsulator import walked
from nvgre_inspect.encapsulation.inner_places import layer_kind, removed_layers
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import MAX_IP

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]

#: What stands in UDP, whose source port is entropy.
_IN_UDP = np.array(
    [encaps.VXLAN, encaps.VXLAN_GPE, encaps.GENEVE, encaps.GRE_IN_UDP, encaps.MPLS_IN_UDP], dtype=np.uint8
)
_WITH_ENTROPY = np.append(_IN_UDP, np.uint8(encaps.NVGRE))
_HIDING = np.array([encaps.AH, encaps.ESP], dtype=np.uint8)
_OUTER_FIELDS = offsets.GRE_C | offsets.GRE_R


class Tunnels(NamedTuple):
    """One entry per frame."""

    #: Of dissectors.encaps.
    kind: npt.NDArray[np.uint8]
    #: Identifier, -1: none.
    ident: Ints
    #: IP version of the header outside, 0: there is none; its addresses as in RECORD.
    family: npt.NDArray[np.uint8]
    src: Words
    dst: Words
    #: FlowID or UDP source port, -1: the encapsulation has neither.
    entropy: Ints


def find(batch: PacketBatch, records: Records, options: DecodeOptions) -> Tunnels:
    """`records` were made with these `options`, and have the layer that they ask for."""
    index = removed_layers(records, options.inner) - 1
    kind = layer_kind(records, index)
    rows = np.arange(len(records))
    keyed = records["layer_kind"][rows, index] & encaps.HAS_ID != 0
    ident = np.where(keyed, records["layer_id"][rows, index], np.int64(-1))
    entropy = np.where(np.isin(kind, _WITH_ENTROPY), records["flow_id"], -1)
    found = Tunnels(kind, ident, records["pa_family"], records["pa_src"], records["pa_dst"], entropy)
    # A user's header need not stand in UDP.
    other = np.flatnonzero((records["tenant_layer"] != index) | (kind >= encaps.USER))
    if not len(other):
        return found
    family, src, dst, entropy = _look(batch, records, other, index[other], kind[other], options)
    found = found._replace(family=found.family.copy(), src=found.src.copy(), dst=found.dst.copy())
    found.family[other] = family
    found.src[other], found.dst[other] = src, dst
    found.entropy[other] = entropy
    return found


def _look(
    batch: PacketBatch, records: Records, rows: Ints, index: Ints, kind: npt.NDArray[np.uint8], options: DecodeOptions
) -> tuple[npt.NDArray[np.uint8], Words, Words, Ints]:
    """Family, addresses and entropy of these frames, from the headers outside the layer with that index."""
    some = records[rows]
    at, l4, protocol, unsure = _last_ip(some, some["inner_off"])
    for depth in range(int(index.max(initial=-1)) + 1):
        unsure |= (depth <= index) & np.isin(some["layer_kind"][:, depth] & 0x7F, _HIDING)
    family, src, dst = _addresses(batch, rows, at)
    entropy = _entropy(batch, rows, l4, protocol, kind)
    for i in np.flatnonzero(unsure).tolist():
        row = int(rows[i])
        walk = walked(batch.frame(row), int(batch.wirelen[row]), int(batch.linktype[row]), options)
        layer = walk.layers[int(index[i])]
        entropy[i] = layer.flow_id
        family[i] = 0
        if layer.n_ip:
            ip = walk.ips[layer.n_ip - 1]
            family[i] = ip.family
            src[i], dst[i] = _words(ip.src), _words(ip.dst)
    return family, src, dst, entropy


def _last_ip(records: Records, end: npt.NDArray[np.int32]) -> tuple[Ints, Ints, Ints, npt.NDArray[np.bool_]]:
    """The last IP header before `end`: where it is (-1: none), what follows it and where; and whether a later one may
    not have been kept.
    """
    at = np.full(len(records), -1, dtype=np.int64)
    l4, protocol = at.copy(), at.copy()
    unsure = np.zeros(len(records), dtype=bool)
    for column in range(MAX_IP):
        before = (column < records["n_ip"]) & (records["ip_off"][:, column] < end)
        at = np.where(before, records["ip_off"][:, column], at)
        l4 = np.where(before, records["ip_l4_off"][:, column], l4)
        protocol = np.where(before, records["ip_proto"][:, column], protocol)
        if column == MAX_IP - 1:
            unsure = (records["n_ip"] == MAX_IP) & ~before
    return at, l4, protocol, unsure


def _addresses(batch: PacketBatch, rows: Ints, at: Ints) -> tuple[npt.NDArray[np.uint8], Words, Words]:
    """IP version and addresses of the headers at these offsets of the frames, which decoding has read."""
    start = batch.offset[rows] + at
    there = at >= 0
    version = np.where(there, batch.buffer[np.where(there, start, 0)] >> 4, 0).astype(np.uint8)
    parts = []
    for four, six in ((offsets.IP4_SRC, offsets.IP6_SRC), (offsets.IP4_DST, offsets.IP6_DST)):
        octets = np.zeros((len(rows), 16), dtype=np.uint8)
        is_four, is_six = version == 4, version == 6
        octets[is_four, 12:] = batch.buffer[(start[is_four] + four)[:, None] + np.arange(4)]
        octets[is_six] = batch.buffer[(start[is_six] + six)[:, None] + np.arange(16)]
        parts.append(octets.view(">u4").astype(np.uint32))
    return version, parts[0], parts[1]


def _entropy(batch: PacketBatch, rows: Ints, l4: Ints, protocol: Ints, kind: npt.NDArray[np.uint8]) -> Ints:
    """FlowID of the GRE header, or source port of the UDP header, at `l4` of the frames, which decoding has read."""
    entropy = np.full(len(rows), -1, dtype=np.int64)
    at = batch.offset[rows] + l4
    buffer = batch.buffer
    in_udp = (np.isin(kind, _IN_UDP) | (kind >= encaps.USER)) & (protocol == offsets.IPPROTO_UDP) & (l4 >= 0)
    port = at[in_udp]
    entropy[in_udp] = buffer[port].astype(np.int64) << 8 | buffer[port + 1]
    nvgre = (kind == encaps.NVGRE) & (l4 >= 0)
    gre = at[nvgre]
    fields = (buffer[gre].astype(np.int64) << 8) & _OUTER_FIELDS != 0
    entropy[nvgre] = buffer[gre + offsets.GRE_MIN_LEN + np.where(fields, 4, 0) + 3]
    return entropy


def _words(address: bytes) -> list[int]:
    padded = address.rjust(16, b"\0")
    return [int.from_bytes(padded[i : i + 4], "big") for i in range(0, 16, 4)]
