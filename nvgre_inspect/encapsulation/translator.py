"""Translator: one frame -> the same in another encapsulation (docs/encapsulation.md, "Translation").

    t = Translator("vxlan", ids={5001: 7001}).translate(frame)
    t.frame, or t.reason why there is none

Everything up to the outer IP header stays, and so does the tenant's frame; what stands between them is made anew.

Limits: an object counts GRE sequence numbers, so frames go through one object in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from dissectors import encaps, offsets
from dissectors.ethernet import VLAN, Ethernet
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.walk import Walk
from dissectors.walk_core import Encapsulation as Layer
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.decapsulator import DEFAULTS, find_content, walked
from nvgre_inspect.encapsulation.entropy import FIRST_PORT
from nvgre_inspect.encapsulation.inner_frame import InnerFrame, read
from nvgre_inspect.encapsulation.policy import Encapsulation, Kind
from nvgre_inspect.model.options import DecodeOptions

NO_IDS: Mapping[int, int] = MappingProxyType({})
FLOW_ID_MASK = 0xFF


class Translated(NamedTuple):
    """What became of a frame."""

    #: As far as it was captured, and its length on the wire.
    frame: bytes = b""
    wirelen: int = 0
    #: Why there is none, of `reasons.SKIPPED`; None: there is.
    reason: str | None = None
    #: Of `reasons.NOTED`.
    notes: tuple[str, ...] = ()


class Translator:
    """Translates to `kind`; `ids` maps identifiers, others are kept.

    `port`, `key`, `checksum` and `sequence` are those of `policy.Encapsulation`; `options` say how frames are decoded.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        ids: Mapping[int, int] = NO_IDS,
        port: int | None = None,
        key: bool = True,
        checksum: bool = False,
        sequence: bool = False,
        options: DecodeOptions = DEFAULTS,
    ) -> None:
        self._encapsulation = Encapsulation(kind=kind, port=port, key=key, checksum=checksum, sequence=sequence)
        self._ids = ids
        self._options = options
        self._sequences: Counter[tuple[bytes, bytes, int | None]] = Counter()

    def translate(self, frame: bytes, wirelen: int | None = None, linktype: int = offsets.DLT_ETHERNET) -> Translated:
        """The frame, of which `wirelen` bytes were on the wire (None: what is there), in the other encapsulation.

        Nothing in a frame makes this raise.
        """
        walk = walked(frame, len(frame) if wirelen is None else wirelen, linktype, self._options)
        content = find_content(walk, "tenant")
        if isinstance(content, str):
            return Translated(reason=content)
        if content.depth > 0 and walk.tenant >= 0:
            return Translated(reason="nested")
        if walk.tenant < 0 or not content.layer.n_ip:
            return Translated(reason="no-encapsulation")
        inner = walk.frame[content.start : min(content.end, walk.cap_end)]
        carried = self._carried(read(inner, content.end - content.start, content.linktype))
        if isinstance(carried, str):
            return Translated(reason=carried)
        vsid = self._identifier(content.layer)
        if isinstance(vsid, str):
            return Translated(reason=vsid)
        return self._rewrite(walk, content.layer, vsid, *carried)

    def _carried(self, inner: InnerFrame) -> tuple[InnerFrame, list[str]] | str:
        """What the other encapsulation carries of the tenant's frame, and notes; or the reason why nothing."""
        kind = self._encapsulation.kind
        if kind in outer.CARRIES_IP:
            return "not-ip" if inner.ip is None else (inner.packet(), [])
        if not inner.src_mac:
            return "not-ethernet"
        if kind != "nvgre":
            return inner, []
        if inner.cut_in_tags:
            return "unreadable"
        return inner.without_tags(), ["vlan-removed"] * (inner.tags > 0)

    def _identifier(self, layer: Layer) -> int | str | None:
        """The other encapsulation's identifier; None: it has none. Or the reason why there is no such."""
        kind = self._encapsulation.kind
        if kind == "ipip" or (kind in ("gre", "gretap") and (layer.id is None or not self._encapsulation.key)):
            return None
        if layer.id is None:
            return "id-out-of-range"
        ident = self._ids.get(layer.id, layer.id)
        return ident if ident in outer.IDENTIFIERS[kind] else "id-out-of-range"

    def _rewrite(self, walk: Walk, layer: Layer, vsid: int | None, carried: InnerFrame, notes: list[str]) -> Translated:
        kind = self._encapsulation.kind
        start = walk.ips[0].start
        ip = next(header for at, header in walk.headers if at == start and isinstance(header, IPv4 | IPv6))
        way = (ip.src, ip.dst, vsid)
        headers = outer.tunnel(
            self._encapsulation,
            vsid,
            family=carried.family,
            entropy=self._entropy(layer),
            sequence=self._sequences[way] & 0xFFFFFFFF,
        )
        length = ip.header_len + sum(header.header_len for header in headers) + carried.wirelen
        link = _link_header(walk, start, length)
        if link is None or not outer.fits(ip.version, length):
            return Translated(reason="too-long")
        if self._encapsulation.sequence:
            self._sequences[way] += 1
        outer.set_protocol(ip, outer.ip_protocol(kind, carried.family))
        wrapped = outer.wrap(ip, headers, carried.data, carried.missing, udp_checksum=self._encapsulation.checksum)
        notes += ["checksum-unknown"] * wrapped.checksum_unknown
        result = link + wrapped.packet
        return Translated(result, len(result) + carried.missing, notes=tuple(notes))

    def _entropy(self, layer: Layer) -> int:
        """FlowID or UDP source port, made of the other's field."""
        if self._encapsulation.kind in outer.PORTS:
            if layer.kind == encaps.NVGRE or layer.flow_id < 0:
                return FIRST_PORT | max(layer.flow_id, 0)
            return layer.flow_id
        return max(layer.flow_id, 0) & FLOW_ID_MASK


def _link_header(walk: Walk, end: int, length: int) -> bytes | None:
    """What stands before the IP header at `end`, whose packet is now `length` bytes; None: it is too long.

    A length field of 802.3 is set (IEEE 802.3 section 3.2.6); all else stays.
    """
    link = bytearray(walk.frame[:end])
    for start, header in walk.headers:
        if start >= end or not isinstance(header, Ethernet | VLAN) or header.type >= offsets.ETHERTYPE_MIN:
            continue
        field = start + (offsets.ETH_TYPE if isinstance(header, Ethernet) else offsets.VLAN_TYPE)
        value = end - field - 2 + length
        if value >= offsets.ETHERTYPE_MIN:
            return None
        link[field : field + 2] = value.to_bytes(2, "big")
    return bytes(link)
