"""What follows from several of tshark's fields together, held against what the record says outright.

Lengths of payloads and of tenants' frames, the tenant's provider addresses, sources outside tunnels, and what an ICMP
error quotes. Each is compared where tshark's fields settle it; `compare` leaves the rest out of both views: also where
a packet is so broken that tshark does not print a field that belongs to its layers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Any

from dissectors import anomalies, encaps, offsets
from nvgre_inspect.wireshark.records import Value, View
from nvgre_inspect.wireshark.rows import Row

_LINK = {"eth", "ethertype", "vlan", "ieee8021ad", "sll", "raw"}
#: Headers without variable parts, in bytes.
_FIXED = {"udp": 8, "vxlan": 8}
#: Fields without which nothing is derived.
_NEEDED = frozenset(
    {
        *("ip.src", "ip.dst", "ip.len", "ip.hdr_len", "ipv6.src", "ipv6.dst", "ipv6.plen", "gre.flags_and_version"),
        *("eth.src", "eth.type", "vlan.etype", "sll.src.eth", "arp.src.hw_mac", "arp.src.proto_ipv4"),
    }
)
_LENGTH_UNKNOWN = (anomalies.IP_TOTAL_LENGTH_ZERO, anomalies.IP_TOTAL_LENGTH_INVALID)


def compare(
    record: Any, row: Row, layers: list[str], ours: View, theirs: View, *, left_out: Collection[str] = ()
) -> None:
    """Add what can be derived to both views; `left_out` are fields that this tshark does not know."""
    if left_out and not _NEEDED.isdisjoint(left_out):
        return
    for derive in (_payload, _tenant, _source, _cooked, _ethertype, _quote):
        try:
            derived = derive(record, row, layers)
        except (IndexError, ValueError):  # tshark does not print what its layers promise
            continue
        for name, mine, judged in derived:
            ours[name], theirs[name] = [mine], [judged]


Derived = list[tuple[str, Value, Value]]


def _payload(record: Any, row: Row, layers: list[str]) -> Derived:
    """UDP payload by the length of an IPv4 header straight before it."""
    place = layers.index("udp") if layers.count("udp") == 1 else 0
    if not place or layers[place - 1] != "ip" or record["protocol"] != offsets.IPPROTO_UDP or _is_odd(record):
        return []
    if record["payload_len"] < 0:
        return []
    at = layers[:place].count("ip") - 1
    return [("udp payload", record["payload_len"], _int(row, "ip.len", at) - _int(row, "ip.hdr_len", at) - 8)]


def _tenant(record: Any, row: Row, layers: list[str]) -> Derived:
    """Provider addresses, and the length of the inner frame, of a tenant directly in the outermost IP packet."""
    kind = record["encap"]
    if record["tenant_layer"] != 0 or kind not in (encaps.NVGRE, encaps.GRETAP, encaps.VXLAN) or _is_odd(record):
        return []
    inside = layers[: layers.index("vxlan" if kind == encaps.VXLAN else "gre") + 1]
    headers = [layer for layer in inside if layer not in _LINK]
    family = "ip" if headers[0] == "ip" else "ipv6"
    found: Derived = [
        ("tenant's source PA", _address(record, "pa_src", "pa_family"), row[f"{family}.src"][0]),
        ("tenant's destination PA", _address(record, "pa_dst", "pa_family"), row[f"{family}.dst"][0]),
    ]
    if family == "ip":
        length = _int(row, "ip.len", 0) - _int(row, "ip.hdr_len", 0)
    else:
        length = _int(row, "ipv6.plen", 0)
    if headers[1:] in (["gre"], ["udp", "vxlan"]):
        length -= sum(_FIXED.get(layer, 0) for layer in headers[1:])
        if headers[1:] == ["gre"]:
            flags = _int(row, "gre.flags_and_version", 0)
            if flags & offsets.GRE_R:  # and a source route of any length
                return found
            length -= 4 + 4 * sum(bool(flags & bit) for bit in (offsets.GRE_C, offsets.GRE_K, offsets.GRE_S))
        found.append(("inner length", record["inner_len"], length))
    return found


def _source(record: Any, row: Row, layers: list[str]) -> Derived:
    """The source of a packet outside any tunnel: what the endpoints table is made of."""
    if record["n_layers"] or not layers or layers[0] != "eth" or layers.count("eth") != 1:
        return []
    if layers[-1] == "arp" and record["ca_family"] == 4 and row["arp.src.proto_ipv4"]:
        mac, address = row["arp.src.hw_mac"][0], row["arp.src.proto_ipv4"][0]
    elif record["ca_family"] and row[family := "ip.src" if record["ca_family"] == 4 else "ipv6.src"]:
        mac, address = row["eth.src"][0], row[family][0]
    else:
        return []
    return [
        ("source MAC", record["ca_mac"].to_bytes(6).hex(":"), mac),
        ("source address", _address(record, "ca_ip", "ca_family"), address),
    ]


def _cooked(record: Any, row: Row, layers: list[str]) -> Derived:
    """The sender's address in a Linux cooked header."""
    if not layers or layers[0] != "sll" or "eth" in layers or not row["sll.src.eth"] or record["n_layers"]:
        return []
    return [("source MAC", record["src_mac"].to_bytes(6).hex(":"), row["sll.src.eth"][0])]


def _ethertype(record: Any, row: Row, layers: list[str]) -> Derived:
    """EtherType of a packet that is not IP; behind 802.1Q tags the one in the last of them."""
    if (
        record["family"]
        or record["ethertype"] <= 0
        or record["n_eth"] != 1
        or layers.count("eth") != 1
        or {"ieee8021ad", "cfp"} & set(layers)
    ):
        return []
    types = row["vlan.etype"][: layers.count("vlan")] or row["eth.type"][:1]
    return [("ethertype", record["ethertype"], int(types[-1], 0))] if types else []


def _quote(record: Any, row: Row, layers: list[str]) -> Derived:
    """Addresses of the tunnel packet that an ICMP error quotes: those of the next IP header behind it."""
    if not record["quote_encap"]:
        return []
    family = "ip" if record["quote_family"] == 4 else "ipv6"
    place = layers.count(family)
    return [
        ("quoted source", _address(record, "quote_src", "quote_family"), row[f"{family}.src"][place]),
        ("quoted destination", _address(record, "quote_dst", "quote_family"), row[f"{family}.dst"][place]),
    ]


def _is_odd(record: Any) -> bool:
    """Whether lengths in the headers are wrong, or those of a part."""
    return record["frag_a_ip"] >= 0 or any(record["anomalies"] >> code & 1 for code in _LENGTH_UNKNOWN)


def _int(row: Row, name: str, place: int) -> int:
    return int(row[name][place], 0)


def _address(record: Any, name: str, family: str) -> str:
    words = record[name]
    if record[family] == 4:
        return str(ipaddress.IPv4Address(words[3]))
    return str(ipaddress.IPv6Address(b"".join(word.to_bytes(4) for word in words)))
