"""Decode: frames to records, by walking the dpkt classes of `dissectors`.

Slow and readable, this is what the compiled decoder is held against, and what serves small inputs at once.
The rules that need the whole walk (flow id, customer address, sides) are here, those of headers and who is
the tenant in `dissectors.walk`. docs/decoding.md is the contract of both.

A record is packed by `struct` from plain ints, because setting some hundred fields of a NumPy scalar one
by one costs more than the walk.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dissectors import encaps
from dissectors.gre import GreKey
from dissectors.walk import Walk
from dissectors.walk_core import Encapsulation, FragmentPlace, IPHeader
from nvgre_inspect.kernels.codes import LONGEST_PACKET
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import MAX_ETH, MAX_IP, MAX_LAYERS, RECORD

_NO_WORDS = (0, 0, 0, 0)
_NO_QUOTE = (0,) * 10
_NO_FRAGMENT = (-1, 0, 0, 0, 0, 0)
_IPV4_WORD = struct.Struct(">I")
_IPV6_WORDS = struct.Struct(">4I")
#: Address family and address words where there is none.
_NO_ADDRESS = (0, _NO_WORDS)


def _record_struct() -> struct.Struct:
    """RECORD as a struct format: its fields in order, padding where the dtype has it."""
    codes = {"i8": "q", "i4": "i", "i2": "h", "i1": "b", "u4": "I", "u2": "H", "u1": "B"}
    names = RECORD.names or ()
    fields = cast(dict[str, tuple[np.dtype[Any], int]], RECORD.fields)
    placed = [(fields[name][1], fields[name][0]) for name in names]
    ends = [offset + dtype.itemsize for offset, dtype in placed]
    starts = [offset for offset, _ in placed] + [RECORD.itemsize]
    parts = ["="]
    for (_, dtype), end, following in zip(placed, ends, starts[1:], strict=True):
        count = dtype.itemsize // dtype.base.itemsize
        parts.append(f"{count}{codes[dtype.base.str[1:]]}{following - end}x")
    return struct.Struct("".join(parts))


_RECORD = _record_struct()


def decode(batch: PacketBatch, options: DecodeOptions, out: npt.NDArray[np.void]) -> None:
    """Fills `out[i]` (RECORD) from frame i of the batch; `len(out) >= len(batch)`.

    Every field of every record is set. Nothing in a frame makes it raise.
    """
    buffer = np.ascontiguousarray(batch.buffer).data
    gre_key, tables = cast(GreKey, options.gre_key), options.tables
    columns = (batch.offset, batch.caplen, batch.wirelen, batch.ts_ns, batch.linktype, batch.interface)
    pack, size = _RECORD.pack_into, _RECORD.size
    packed = bytearray(size * len(batch))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for position, (start, caplen, wirelen, ts_ns, linktype, interface) in enumerate(rows):
        frame = buffer[start : start + caplen].tobytes()
        walk = Walk(frame, min(wirelen, LONGEST_PACKET), linktype, gre_key, tables)
        pack(packed, position * size, *flatten(walk, ts_ns, wirelen, caplen, interface, linktype, options.inner))
    out[: len(batch)] = np.frombuffer(packed, dtype=RECORD)


def flatten(
    walk: Walk,
    ts_ns: int,
    wire_len: int,
    cap_len: int,
    interface: int,
    linktype: int,
    inner_layer: int | str = "tenant",
) -> list[int]:
    """The values of a record, in the order of RECORD, arrays spread out; `inner_layer` is `DecodeOptions.inner`."""
    layers, inner = walk.layers, walk.innermost
    tenant = walk.tenant
    layer = layers[tenant] if tenant >= 0 else None
    # Without a tenant all layers are mirrors.
    content = layer or (layers[-1] if layers else None)
    own_off = content.payload if content else 0
    if layers and inner_layer != "tenant":
        content = layers[-1] if isinstance(inner_layer, str) else layers[:inner_layer][-1]
    inner_off = content.payload if content else 0
    inner_end = content.end if content else min(wire_len, LONGEST_PACKET)
    underlay = walk.ips[layer.n_ip - 1] if layer and layer.n_ip else None
    kinds = [entry.kind if entry.id is None else entry.kind | encaps.HAS_ID for entry in layers]
    ids = [entry.id or 0 for entry in layers]
    blank = [0] * (MAX_LAYERS - len(layers))
    ca_mac, (ca_family, ca_words) = _customer_address(walk, own_off)
    pa_family, pa_src, pa_dst, pa_ttl, pa_tos = _outline(underlay)
    family, src, dst, ttl, tos = _outline(inner.ip)
    vlans = (*inner.vlans, 0, 0)[:2]
    quote = _quote(walk)
    side, flow_hash = _identify(walk, family, src, dst)
    virtual = layer is not None and layer.is_virtual
    path_kind, path_n, path_off = walk.path
    return [
        ts_ns,
        walk.anomalies,
        wire_len,
        cap_len,
        interface,
        linktype,
        len(layers),
        *kinds,
        *blank,
        *ids,
        *blank,
        tenant,
        layer.kind if layer else encaps.NONE,
        (layer.id or 0) if layer and virtual else -1,
        _flow_id(walk, tenant, layer, underlay),
        pa_family,
        *pa_src,
        *pa_dst,
        pa_ttl,
        pa_tos,
        path_kind,
        path_n,
        path_off,
        inner_off,
        max(inner_end - inner_off, 0),
        ca_mac,
        ca_family,
        *ca_words,
        inner.src_mac,
        inner.dst_mac,
        len(inner.vlans),
        *vlans,
        inner.ethertype,
        family,
        inner.protocol,
        *src,
        *dst,
        tos,
        ttl,
        inner.ip_id,
        inner.src_port,
        inner.dst_port,
        inner.l4_off,
        inner.payload_len,
        inner.tcp_ok,
        inner.tcp_flags,
        inner.tcp_seq,
        inner.tcp_ack,
        inner.tcp_window,
        inner.tcp_mss,
        inner.tcp_wscale,
        inner.icmp_type,
        inner.icmp_code,
        *quote,
        *_fragment(walk.fragments[:1]),
        *_fragment(walk.fragments[1:]),
        *_headers(walk),
        side,
        flow_hash,
    ]


def _words(address: bytes) -> tuple[int, int, int, int]:
    """An address as 4 big-endian words, IPv4 in the last."""
    if len(address) == 4:
        return 0, 0, 0, _IPV4_WORD.unpack(address)[0]
    return cast(tuple[int, int, int, int], _IPV6_WORDS.unpack(address))


def _outline(ip: IPHeader | None) -> tuple[int, tuple[int, ...], tuple[int, ...], int, int]:
    """Family, source, destination, TTL and TOS of an IP header, or those of none."""
    if ip is None:
        return 0, _NO_WORDS, _NO_WORDS, -1, -1
    return ip.family, _words(ip.src), _words(ip.dst), ip.ttl, ip.tos


def _flow_id(walk: Walk, tenant: int, layer: Encapsulation | None, underlay: IPHeader | None) -> int:
    """FlowID or its equivalent: the encapsulation's own field, an entropy label, the flow label."""
    if layer is None:
        return -1
    if layer.flow_id >= 0:
        return layer.flow_id
    if walk.entropy is not None and walk.entropy[0] <= tenant:
        return walk.entropy[1]
    return underlay.flow_label if underlay else -1


def _customer_address(walk: Walk, inner_off: int) -> tuple[int, tuple[int, tuple[int, ...]]]:
    """Source MAC and IP address (family, words) of the packet that starts at `inner_off`; ARP gives its
    sender's.
    """
    ip = next((ip for ip in walk.ips if ip.start >= inner_off), None)
    mac = walk.cooked_mac if inner_off == 0 else -1
    # Behind an IP header an Ethernet header is that of somebody further inside.
    bound = ip.start if ip else len(walk.frame)
    for start, source in walk.ethernets:
        if inner_off <= start < bound:
            if mac < 0 or inner_off:
                mac = source
            break
    if ip is not None:
        return mac, (ip.family, _words(ip.src))
    if walk.arp_sender is not None and walk.arp_sender[0] >= inner_off:
        _, mac, address = walk.arp_sender
        return mac, (4, _words(address))
    return mac, _NO_ADDRESS


def _quote(walk: Walk) -> tuple[int, ...]:
    """Kind, family, source and destination of the tunnel packet that an ICMP error quotes."""
    if walk.quote is None:
        return _NO_QUOTE
    kind, quote = walk.quote
    return kind, quote.family, *_words(quote.src), *_words(quote.dst)


def _fragment(fragments: list[FragmentPlace]) -> tuple[int, ...]:
    """The fields of the last of these fragments."""
    if not fragments:
        return _NO_FRAGMENT
    place = fragments[-1]
    fragment = place.fragment
    index = min(place.ip, MAX_IP - 1)
    return index, place.layers, fragment.id, fragment.offset, place.length, int(fragment.more)


def _capped(values: list[int], limit: int, fill: int) -> list[int]:
    """`limit` values: of more the last one is kept in the last place, of fewer the rest is `fill`."""
    if len(values) > limit:
        return [*values[: limit - 1], values[-1]]
    return values + [fill] * (limit - len(values))


def _headers(walk: Walk) -> list[int]:
    """Where IP and Ethernet headers are: n_ip to eth_off."""
    ips = walk.ips
    return [
        min(len(ips), MAX_IP),
        *_capped([ip.start for ip in ips], MAX_IP, 0),
        *_capped([ip.protocol for ip in ips], MAX_IP, 0),
        *_capped([ip.payload for ip in ips], MAX_IP, 0),
        min(len(walk.ethernets), MAX_ETH),
        *_capped([start for start, _ in walk.ethernets], MAX_ETH, 0),
    ]


def _identify(walk: Walk, family: int, src: Any, dst: Any) -> tuple[int, int]:
    """Which side the sender is, and a hash that is the same for both directions."""
    inner = walk.innermost
    if family:
        # The ports of ICMP are no endpoints: its identifier belongs to both sides.
        ports = (0, 0) if inner.icmp_type >= 0 else (inner.src_port, inner.dst_port)
        source, target = (*src, ports[0]), (*dst, ports[1])
        kind = inner.protocol
        shared = inner.src_port if inner.icmp_type >= 0 else 0
    else:
        source, target = (inner.src_mac,), (inner.dst_mac,)
        kind, shared = inner.ethertype, 0
    side = int(source > target)
    low, high = (target, source) if side else (source, target)
    return side, zlib.crc32(repr((family, kind, shared, low, high, inner.vlans)).encode())
