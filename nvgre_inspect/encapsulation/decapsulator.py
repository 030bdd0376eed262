"""Decapsulator: one frame -> the tenant's own, and what was around it (docs/encapsulation.md).

    d = Decapsulator().decapsulate(frame)
    d.frame and d.linktype, or d.reason why there is none

The receiving side of an NVE, for all encapsulations that docs/decoding.md knows, nested ones too.

Limits: fragments of outer packets are not put together here (`reassembly` does that before).
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple, cast

from dissectors import anomalies, offsets
from dissectors.gre import GreKey
from dissectors.ipsec import ESP
from dissectors.walk import Walk
from dissectors.walk_core import Encapsulation as Layer
from nvgre_inspect.encapsulation.ecn import egress, set_ecn
from nvgre_inspect.encapsulation.inner_frame import read
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.model.options import DecodeOptions, Inner

DEFAULTS = DecodeOptions()
#: Longest frame that decoding knows.
_LONGEST = (1 << 31) - 1
_HEADERS_MISSING = 1 << anomalies.HEADER_TRUNCATED | 1 << anomalies.HEADER_CUT_BY_SNAPLEN
_ECN_MASK = 0x03


class Decapsulated(NamedTuple):
    """What became of a frame."""

    #: The tenant's frame as far as it was captured, and its length on the wire.
    frame: bytes = b""
    wirelen: int = 0
    #: Ethernet, or raw IP.
    linktype: int = offsets.DLT_ETHERNET
    #: The tunnel that it was in.
    origin: Origin | None = None
    #: NVGRE's FlowID, or the UDP source port; None: no such field.
    flow_id: int | None = None
    #: Why there is no frame, of `reasons.SKIPPED`; None: there is.
    reason: str | None = None


class Content(NamedTuple):
    """The frame inside a layer: `depth` counts layers from outside, `start` and `end` are offsets on the wire."""

    depth: int
    layer: Layer
    start: int
    end: int
    linktype: int


class Decapsulator:
    """Takes headers off frames; every frame by itself.

    `layers` says whose payload comes out; None: `options.inner` does.
    `ecn`: as an endpoint does, outer congestion marks go into the inner header (RFC 6040 section 4.2).
    """

    def __init__(self, options: DecodeOptions = DEFAULTS, *, layers: Inner | None = None, ecn: bool = False) -> None:
        self._options = options
        self._layers = options.inner if layers is None else layers
        self._ecn = ecn

    def decapsulate(
        self, frame: bytes, wirelen: int | None = None, linktype: int = offsets.DLT_ETHERNET
    ) -> Decapsulated:
        """What is inside `frame`, of which `wirelen` bytes were on the wire (None: what is there).

        Nothing in a frame makes this raise.
        """
        walk = walked(frame, len(frame) if wirelen is None else wirelen, linktype, self._options)
        content = find_content(walk, self._layers)
        if isinstance(content, str):
            return Decapsulated(reason=content)
        inner = walk.frame[content.start : min(content.end, walk.cap_end)]
        if self._ecn:
            marked = _with_outer_ecn(inner, content, walk)
            if marked is None:
                return Decapsulated(reason="congested")
            inner = marked
        layer = content.layer
        return Decapsulated(
            inner,
            content.end - content.start,
            content.linktype,
            origin_of(walk, layer),
            layer.flow_id if layer.flow_id >= 0 else None,
        )


def walked(frame: bytes, wirelen: int, linktype: int, options: DecodeOptions) -> Walk:
    """The frame as the reference decoder sees it."""
    return Walk(frame, min(wirelen, _LONGEST), linktype, cast(GreKey, options.gre_key), options.tables)


def find_content(walk: Walk, layers: Inner) -> Content | str:
    """The frame inside the layer that is wanted, or the reason why there is none, of `reasons.SKIPPED`."""
    index = _find_layer(walk, layers)
    if index is None:
        # What a later fragment carries stands in its first.
        later = bool(walk.fragments) and walk.fragments[-1].fragment.offset > 0 and not walk.layers
        return "incomplete" if later else "no-encapsulation"
    layer = walk.layers[index]
    if any(place.ip < layer.n_ip for place in walk.fragments):
        return "incomplete"
    # A layer inside this one whose payload comes before any frame is what this layer carries.
    bound = walk.layers[index + 1].payload if index + 1 < len(walk.layers) else len(walk.frame)
    ip = next((ip for ip in walk.ips if layer.payload <= ip.start < bound), None)
    ethernet = next((start for start, _ in walk.ethernets if layer.payload <= start < bound), None)
    if ethernet is not None and (ip is None or ethernet < ip.start):
        return Content(index, layer, ethernet, layer.end, offsets.DLT_ETHERNET)
    if ip is not None:
        end = ip.claim if 0 <= ip.claim <= layer.end else layer.end
        return Content(index, layer, ip.start, end, offsets.DLT_RAW)
    return _why_nothing(walk, index)


def origin_of(walk: Walk, layer: Layer) -> Origin:
    """The tunnel of a layer."""
    name = walk.tables.names.get(layer.kind, str(layer.kind))
    if not layer.n_ip:
        return Origin(name, layer.id, None, None)
    ip = walk.ips[layer.n_ip - 1]
    return Origin(name, layer.id, ipaddress.ip_address(ip.src), ipaddress.ip_address(ip.dst))


def _find_layer(walk: Walk, layers: Inner) -> int | None:
    count = len(walk.layers)
    if layers == "tenant":
        index = walk.tenant if walk.tenant >= 0 else count - 1  # no tenant: all of them are mirrors
    elif layers == "all":
        index = count - 1
    else:
        index = layers - 1
    return index if 0 <= index < count else None


def _why_nothing(walk: Walk, index: int) -> str:
    """Why there is no frame inside that layer."""
    if index + 1 < len(walk.layers):
        return "not-a-frame"
    if isinstance(walk.headers[-1].header, ESP):
        return "encrypted"
    return "unreadable" if walk.anomalies & _HEADERS_MISSING else "not-a-frame"


def _with_outer_ecn(inner: bytes, content: Content, walk: Walk) -> bytes | None:
    """The inner frame with the congestion marks of all IP headers outside it; None: it has to be dropped."""
    outside = [ip.tos & _ECN_MASK for ip in walk.ips[: content.layer.n_ip]]
    frame = read(inner, content.end - content.start, content.linktype)
    if not outside or frame.ip is None:
        return inner
    marks = outside[0]
    for ecn in (*outside[1:], frame.tos & _ECN_MASK):
        result = egress(ecn, marks)
        if result is None:
            return None
        marks = result
    return set_ecn(inner, frame.payload, marks)
