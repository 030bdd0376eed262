"""What our records say of a frame, in tshark's words: field name -> one value per occurrence, outermost first.

Addresses, ports and the like of the innermost packet are the record's own; those of the headers around it are read from
the frame where the record says that the header is. Numbers are ints, addresses text.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets

Value = int | str
View = dict[str, list[Value]]

_UDP_LIKE = (offsets.IPPROTO_UDP, offsets.IPPROTO_UDPLITE)
#: Words of `vlan.id` and of `ieee8021ad.id`.
_TAG_FIELDS = {
    offsets.ETHERTYPE_VLAN: "vlan.id",
    offsets.ETHERTYPE_QINQ_OLD: "vlan.id",
    offsets.ETHERTYPE_QINQ: "ieee8021ad.id",
}
_VNI_FIELDS = {encaps.VXLAN: "vxlan.vni", encaps.VXLAN_GPE: "vxlan.vni", encaps.GENEVE: "geneve.vni"}
_SPI_FIELDS = {encaps.ESP: "esp.spi", encaps.AH: "ah.spi"}
_SESSIONS = (encaps.ERSPAN2, encaps.ERSPAN3)


def ours(frame: bytes, record: Any) -> View:
    """The fields that `record` (RECORD as a dict of Python values) has of its frame."""
    found: View = {"frame.len": [record["wire_len"]], "frame.cap_len": [record["cap_len"]]}
    seconds, nanoseconds = divmod(record["ts_ns"], 1_000_000_000)
    found["frame.time_epoch"] = [f"{seconds}.{nanoseconds:09}"]
    _ethernet(frame, record, found)
    _ip(frame, record, found)
    _fragments(frame, record, found)
    _layers(record, found)
    _label_stack(frame, record, found)
    _transport(frame, record, found)
    return {name: values for name, values in found.items() if values}


def _ethernet(frame: bytes, record: Any, found: View) -> None:
    for start in record["eth_off"][: record["n_eth"]]:
        _add(found, "eth.dst", _mac(frame[start : start + 6]))
        _add(found, "eth.src", _mac(frame[start + 6 : start + 12]))
        at = start + offsets.ETH_TYPE
        while (kind := _word(frame, at)) in _TAG_FIELDS and len(frame) >= at + 6:
            _add(found, _TAG_FIELDS[kind], _word(frame, at + 2) & offsets.VLAN_ID_MASK)
            at += offsets.VLAN_LEN
    # The record's own copy of the innermost header; it differs from the frame only if the decoder erred.
    if record["src_mac"] >= 0 and record["n_eth"]:
        found["eth.src"][-1] = _mac(record["src_mac"].to_bytes(6))
        found["eth.dst"][-1] = _mac(record["dst_mac"].to_bytes(6))


def _ip(frame: bytes, record: Any, found: View) -> None:
    count = record["n_ip"]
    for index in range(count):
        start = record["ip_off"][index]
        if frame[start] >> 4 == 4:
            _add(found, "ip.src", str(ipaddress.IPv4Address(frame[start + 12 : start + 16])))
            _add(found, "ip.dst", str(ipaddress.IPv4Address(frame[start + 16 : start + 20])))
            _add(found, "ip.hdr_len", (frame[start] & 15) * 4)
            _add(found, "ip.dsfield", frame[start + 1])
            _add(found, "ip.len", _word(frame, start + 2))
            _add(found, "ip.id", _word(frame, start + 4))
            _add(found, "ip.ttl", frame[start + 8])
            _add(found, "ip.proto", record["ip_proto"][index])
        else:
            _add(found, "ipv6.src", str(ipaddress.IPv6Address(frame[start + 8 : start + 24])))
            _add(found, "ipv6.dst", str(ipaddress.IPv6Address(frame[start + 24 : start + 40])))
            _add(found, "ipv6.tclass", _word(frame, start) >> 4 & 0xFF)
            _add(found, "ipv6.flow", int.from_bytes(frame[start : start + 4]) & offsets.IP6_FLOW_LABEL_MASK)
            _add(found, "ipv6.plen", _word(frame, start + 4))
            _add(found, "ipv6.hlim", frame[start + 7])
            _add(found, "ipv6 last next header", record["ip_proto"][index])
    # The record's own copy of the innermost header; it differs from the frame only if the decoder erred.
    if record["family"] == 4:
        last = [("ip.src", _address(record, "src")), ("ip.dst", _address(record, "dst")), ("ip.ttl", record["ttl"])]
        last += [("ip.dsfield", record["tos"]), ("ip.id", record["ip_id"])]
    elif record["family"] == 6:
        last = [("ipv6.src", _address(record, "src")), ("ipv6.dst", _address(record, "dst"))]
        last += [("ipv6.hlim", record["ttl"]), ("ipv6.tclass", record["tos"])]
    else:
        last = []
    for name, value in last:
        found[name][-1] = value


def _fragments(frame: bytes, record: Any, found: View) -> None:
    """Of the headers that are fragments: the outermost, and the innermost other one."""
    for which in ("frag_a", "frag_b"):
        index = record[f"{which}_ip"]
        if index >= 0:
            family = "ip" if frame[record["ip_off"][index]] >> 4 == 4 else "ipv6"
            _add(found, f"{family} fragment id", record[f"{which}_id"])
            _add(found, f"{family} fragment offset", record[f"{which}_off"])
            _add(found, f"{family} fragment more", record[f"{which}_more"])


def _layers(record: Any, found: View) -> None:
    for index in range(record["n_layers"]):
        kind = record["layer_kind"][index] & ~encaps.HAS_ID
        if not record["layer_kind"][index] & encaps.HAS_ID:
            continue
        ident = record["layer_id"][index]
        if kind == encaps.NVGRE:
            _add(found, "nvgre.vsid", ident)
        elif kind in (encaps.GRETAP, encaps.GRE, encaps.GRE_IN_UDP):
            _add(found, "gre.key", ident)
        elif kind in _VNI_FIELDS:
            _add(found, _VNI_FIELDS[kind], ident)
        elif kind in _SPI_FIELDS:
            _add(found, _SPI_FIELDS[kind], ident)
        elif kind in _SESSIONS:
            _add(found, "erspan.spanid", ident)
        elif kind in (encaps.MPLS, encaps.MPLS_IN_GRE, encaps.MPLS_IN_UDP):
            _add(found, "mpls.label", ident)


def _label_stack(frame: bytes, record: Any, found: View) -> None:
    if record["path_kind"] == 1:
        for place in range(record["path_n"]):
            start = record["path_off"] + place * offsets.MPLS_LEN
            _add(found, "mpls stack", int.from_bytes(frame[start : start + 3]) >> 4)


def _transport(frame: bytes, record: Any, found: View) -> None:
    starts = [
        (record["ip_l4_off"][index], record["ip_proto"][index])
        for index in range(record["n_ip"])
        if record["ip_l4_off"][index] >= 0
    ]
    if record["l4_off"] >= 0 and record["l4_off"] not in [start for start, _ in starts]:
        starts.append((record["l4_off"], record["protocol"]))  # behind AH or ESP
    for start, protocol in starts:
        if protocol in _UDP_LIKE and len(frame) >= start + 4:
            _add(found, "udp.srcport", _word(frame, start))
            _add(found, "udp.dstport", _word(frame, start + 2))
            if protocol == offsets.IPPROTO_UDP and len(frame) >= start + 6:
                _add(found, "udp.length", _word(frame, start + 4))
    innermost = _INNERMOST.get(record["protocol"])
    if innermost is not None:
        innermost(record, found)


def _tcp(record: Any, found: View) -> None:
    _ports("tcp")(record, found)
    if record["tcp_ok"]:
        _add(found, "tcp.seq", record["tcp_seq"])
        _add(found, "tcp.ack", record["tcp_ack"])
        _add(found, "tcp.flags", record["tcp_flags"])
        _add(found, "tcp.window_size_value", record["tcp_window"])
        _add(found, "tcp.len", record["payload_len"])
        if record["tcp_mss"] >= 0:
            _add(found, "tcp.options.mss_val", record["tcp_mss"])
        if record["tcp_wscale"] >= 0:
            _add(found, "tcp.options.wscale.shift", record["tcp_wscale"])


def _ports(name: str) -> Callable[[Any, View], None]:
    def add(record: Any, found: View) -> None:
        if record["src_port"] >= 0:
            _add(found, f"{name}.srcport", record["src_port"])
            _add(found, f"{name}.dstport", record["dst_port"])

    return add


def _udp(record: Any, found: View) -> None:
    if record["src_port"] >= 0:
        found["udp.srcport"][-1] = record["src_port"]
        found["udp.dstport"][-1] = record["dst_port"]


def _icmp(name: str, ident: str) -> Callable[[Any, View], None]:
    def add(record: Any, found: View) -> None:
        if record["icmp_type"] >= 0:
            _add(found, f"{name}.type", record["icmp_type"])
            _add(found, f"{name}.code", record["icmp_code"])
            if record["src_port"] >= 0:
                _add(found, ident, record["src_port"])

    return add


_INNERMOST: dict[int, Callable[[Any, View], None]] = {
    offsets.IPPROTO_TCP: _tcp,
    offsets.IPPROTO_UDP: _udp,
    offsets.IPPROTO_UDPLITE: _udp,
    offsets.IPPROTO_SCTP: _ports("sctp"),
    offsets.IPPROTO_DCCP: _ports("dccp"),
    offsets.IPPROTO_ICMP: _icmp("icmp", "icmp.ident"),
    offsets.IPPROTO_ICMPV6: _icmp("icmpv6", "icmpv6.echo.identifier"),
}


def as_dicts(records: npt.NDArray[np.void]) -> list[dict[str, Any]]:
    """Records as plain Python values, a dict each."""
    columns = {name: records[name].tolist() for name in records.dtype.names or ()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _add(found: View, name: str, value: Value) -> None:
    found.setdefault(name, []).append(value)


def _word(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 2])


def _mac(address: bytes) -> str:
    return address.hex(":")


def _address(record: Any, which: str) -> str:
    words = record[which]
    if record["family"] == 4:
        return str(ipaddress.IPv4Address(words[3]))
    return str(ipaddress.IPv6Address(b"".join(word.to_bytes(4) for word in words)))
