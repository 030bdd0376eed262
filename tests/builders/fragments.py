"""Fragments of tenants' packets and of the tunnels' own: of one NVGRE tunnel between PA1 and PA2."""

from __future__ import annotations

from typing import Any

from dissectors import anomalies
from tests.builders.records import UDP, Fields, Frames, fragment_fields, ip_packet, ipv4_header, tunnel

PA1, PA2, CA1, CA2 = "192.0.2.1", "192.0.2.2", "10.0.0.1", "10.0.0.2"
THERE = tunnel(PA1, PA2)
UNDERLAY = 1 << anomalies.UNDERLAY_FRAGMENT


def outer_first(frames: Frames, at_us: float, ident: int, *, length: int = 1000, **more: Any) -> None:
    """The first fragment of an NVGRE packet: 900 of its `length` bytes are the tenant's."""
    fields = THERE | ip_packet(CA1, CA2, UDP, 5, 6) | fragment_fields(ident, 0, length, more=True)
    fields |= {"anomalies": UNDERLAY, "n_ip": 2, "inner_len": 900, "wire_len": length + 34, "ca_mac": 5}
    frames.add(at_us, fields, data=ipv4_header(PA1, PA2, 47), **more)


def outer_later(
    frames: Frames, at_us: float, ident: int, offset: int, length: int, *, last: bool = True, **more: Any
) -> None:
    """A later fragment of it: nothing inside can be read."""
    fields = ip_packet(PA1, PA2, 47) | fragment_fields(ident, offset, length, more=not last)
    data = ipv4_header(PA1, PA2, more.pop("outer_protocol", 47))
    frames.add(at_us, fields | {"n_ip": 1, "wire_len": length + 34, "ca_mac": 77}, data=data, **more)


def inner(
    frames: Frames, at_us: float, ident: int, offset: int, length: int, *, last: bool = False, **more: Any
) -> None:
    """A fragment of a tenant's UDP packet, in NVGRE."""
    ports = (5, 6) if offset == 0 else (-1, -1)
    fields = tunnel(PA1, PA2, vsid=more.pop("vsid", 5001)) | ip_packet(CA1, CA2, UDP, *ports)
    fragmented = fragment_fields(ident, offset, length, more=not last, layers=1) | {"frag_a_ip": 1}
    data = ipv4_header(PA1, PA2, 47) + ipv4_header(CA1, CA2, UDP) + more.pop("behind", b"")
    frames.add(at_us, fields, fragmented, data=data, n_ip=2, ip_off=(0, 20), inner_len=length, **more)


def both(frames: Frames, at_us: float, outer_ident: int, inner_ident: int, inner_offset: int) -> None:
    """A first underlay fragment that holds (the beginning of) an inner fragment."""
    ports = (5, 6) if inner_offset == 0 else (-1, -1)
    fields: Fields = THERE | ip_packet(CA1, CA2, UDP, *ports)
    fields |= fragment_fields(outer_ident, 0, 1000, more=True)
    fields |= fragment_fields(inner_ident, inner_offset, 1100, more=inner_offset == 0, which="b", layers=1)
    data = ipv4_header(PA1, PA2, 47) + ipv4_header(CA1, CA2, UDP)
    frames.add(at_us, fields, data=data, anomalies=UNDERLAY, n_ip=2, ip_off=(0, 20), inner_len=900, wire_len=1034)


def twin(frames: Frames, at_us: float, ident: int, offset: int, length: int, *, last: bool) -> None:
    """A first underlay fragment that holds a fragment of the same addresses and the same id: one set for both."""
    fields = THERE | ip_packet(CA1, CA2, UDP, 5, 6) | fragment_fields(ident, 0, 1000, more=True) | {"frag_a_ip": 1}
    fields |= fragment_fields(ident, offset, length, more=not last, which="b") | {"frag_b_ip": 2}
    data = ipv4_header(PA1, PA2, 4) + 2 * ipv4_header(CA1, CA2, 4)
    frames.add(at_us, fields, data=data, anomalies=UNDERLAY, n_ip=3, ip_off=(0, 20, 40), inner_len=900, wire_len=1034)


def later_twin(frames: Frames, at_us: float, ident: int, offset: int, length: int, *, last: bool) -> None:
    """A later fragment of such a packet."""
    fields = ip_packet(CA1, CA2, UDP) | fragment_fields(ident, offset, length, more=not last) | {"frag_a_ip": 1}
    data = ipv4_header(PA1, PA2, 4) + ipv4_header(CA1, CA2, 4)
    frames.add(at_us, fields, data=data, n_ip=2, ip_off=(0, 20), wire_len=length + 34)
