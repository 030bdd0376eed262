"""From numbers in arrays to the text that tables show: each *different* value is formatted once.

Columns of text come out as `model.rows.Texts` (int codes into a few texts): that is what makes a million rows take
milliseconds and a few bytes each. Addresses are ordered by number, other texts by alphabet, so that sorting a column
sorts as a person expects. -1 in `codes` is null.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dissectors import encaps, offsets
from dissectors.anomalies import NAMES as ANOMALY_NAMES
from nvgre_inspect.model import arrow
from nvgre_inspect.model.rows import Lists, Texts

Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Codes: TypeAlias = npt.NDArray[np.int64]

_PROTOCOLS = {
    offsets.IPPROTO_HOPOPTS: "hopopts",
    offsets.IPPROTO_ICMP: "icmp",
    offsets.IPPROTO_IGMP: "igmp",
    offsets.IPPROTO_IPIP: "ipip",
    offsets.IPPROTO_TCP: "tcp",
    8: "egp",
    9: "igp",
    offsets.IPPROTO_UDP: "udp",
    27: "rdp",
    offsets.IPPROTO_DCCP: "dccp",
    offsets.IPPROTO_IPV6: "ipv6",
    offsets.IPPROTO_ROUTING: "ipv6-route",
    offsets.IPPROTO_FRAGMENT: "ipv6-frag",
    46: "rsvp",
    offsets.IPPROTO_GRE: "gre",
    offsets.IPPROTO_ESP: "esp",
    offsets.IPPROTO_AH: "ah",
    54: "nhrp",
    offsets.IPPROTO_ICMPV6: "icmpv6",
    offsets.IPPROTO_NONE: "ipv6-nonxt",
    offsets.IPPROTO_DSTOPTS: "ipv6-opts",
    offsets.IPPROTO_EIGRP: "eigrp",
    offsets.IPPROTO_OSPF: "ospf",
    offsets.IPPROTO_ETHERIP: "etherip",
    offsets.IPPROTO_PIM: "pim",
    108: "ipcomp",
    offsets.IPPROTO_VRRP: "vrrp",
    115: "l2tp",
    124: "isis",
    offsets.IPPROTO_SCTP: "sctp",
    offsets.IPPROTO_MOBILITY: "mobility",
    offsets.IPPROTO_UDPLITE: "udplite",
    offsets.IPPROTO_MPLS: "mpls",
    offsets.IPPROTO_HIP: "hip",
    offsets.IPPROTO_SHIM6: "shim6",
    offsets.IPPROTO_ETHERNET: "ethernet",
}
_ETHERTYPES = {
    # 802.3 with a length, no SNAP: spanning tree and its like.
    0: "llc",
    offsets.ETHERTYPE_IPV4: "ip",
    offsets.ETHERTYPE_ARP: "arp",
    0x0842: "wol",
    offsets.ETHERTYPE_NHRP: "nhrp",
    0x22F3: "trill",
    0x2000: "cdp",
    offsets.ETHERTYPE_TEB: "ethernet",
    offsets.ETHERTYPE_RARP: "rarp",
    offsets.ETHERTYPE_VLAN: "vlan",
    0x8137: "ipx",
    offsets.ETHERTYPE_IPV6: "ipv6",
    0x8808: "pause",
    offsets.ETHERTYPE_SLOW: "slow",
    offsets.ETHERTYPE_PPP: "ppp",
    offsets.ETHERTYPE_MPLS: "mpls",
    offsets.ETHERTYPE_MPLS_MCAST: "mpls",
    0x8863: "pppoed",
    0x8864: "pppoe",
    offsets.ETHERTYPE_EAPOL: "eapol",
    offsets.ETHERTYPE_QINQ: "vlan",
    offsets.ETHERTYPE_LLDP: "lldp",
    0x88E5: "macsec",
    0x88F7: "ptp",
    0x8902: "cfm",
    0x8906: "fcoe",
    offsets.ETHERTYPE_NSH: "nsh",
    0x9000: "loopback",
    offsets.ETHERTYPE_QINQ_OLD: "vlan",
}
#: EtherTypes are told from IP protocols by this bit in the codes given to `protocol_name`.
_ETHERTYPE = 1 << 20


def combine(columns: Sequence[npt.NDArray[Any]]) -> tuple[Codes, Codes]:
    """Numbers rows by content: (int64 code of each row, index of the first row of each code).

    Columns are 1-d arrays of one length. Exact, without sorting: O(rows * columns).
    """
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        part, uniques = arrow.numbered(column)
        codes, _ = arrow.numbered(codes * len(uniques) + part)
    count = int(codes.max()) + 1 if len(codes) else 0
    first = np.empty(count, np.int64)
    # Assigned in reverse: where an index repeats NumPy keeps the last value, which is the first row.
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return codes, first


def column(codes: npt.NDArray[np.integer[Any]], texts: Sequence[str | None]) -> Texts:
    """Row i is `texts[codes[i]]`, null where the code is -1 or the text None.

    Several codes may have the same text; the values are these texts in alphabetical order.
    """
    texts = [None if text is None else _valid(text) for text in texts]
    known = sorted({text for text in texts if text is not None})
    place = {text: i for i, text in enumerate(known)}
    # One entry more, at the end: where code -1 points to.
    table = np.array([-1 if text is None else place[text] for text in texts] + [-1], np.int32)
    return Texts(table[codes], arrow.strings(known))


def _valid(text: str) -> str:
    """The text without lone surrogates, which stand for bytes of file names that are not UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def column_of(values: Ints, text: Callable[[int], str | None]) -> Texts:
    """Row i is `text(values[i])`, called once per different value."""
    codes, uniques = arrow.numbered(values)
    return column(codes, [text(value) for value in uniques.tolist()])


def column_of_texts(texts: Iterable[str]) -> Texts:
    """These texts, of which some may be the same."""
    seen: dict[str, int] = {}
    codes = [seen.setdefault(text, len(seen)) for text in texts]
    return column(np.array(codes, np.int64), list(seen))


def lists_of(values: npt.NDArray[Any], items: Callable[[Any], tuple[Any, ...]]) -> Lists:
    """Row i is `items(values[i])`, called once per different value."""
    codes, uniques = arrow.numbered(values)
    return Lists(codes, [items(value) for value in uniques.tolist()])


# --- addresses -----------------------------------------------------------------------------------------------------


def _octets(values: npt.NDArray[np.uint64], count: int, texts: pa.Array, separator: str) -> pa.Array:
    """The lowest `count` bytes of each value, each as its text, joined by the separator."""
    parts = [
        texts.take(arrow.numbers((values >> np.uint64(8 * shift) & np.uint64(0xFF)).astype(np.int32)))
        for shift in range(count - 1, -1, -1)
    ]
    return pc.binary_join_element_wise(*parts, arrow.text(separator))


_DECIMAL = arrow.strings([str(i) for i in range(256)])
_HEXADECIMAL = arrow.strings([f"{i:02x}" for i in range(256)])


def ip_texts(family: Ints, high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> pa.Array:
    """Text of each address: IPv4 is the lowest 32 bits of `low`; other families than 4 and 6 give null."""
    texts = pa.nulls(len(family), pa.string())
    four = family == 4
    if four.any():
        texts = pc.replace_with_mask(texts, arrow.booleans(four), _octets(low[four], 4, _DECIMAL, "."))
    six = family == 6
    if six.any():
        pack, to_text = struct.Struct(">QQ").pack, socket.inet_ntop
        pairs = zip(high[six].tolist(), low[six].tolist(), strict=True)
        listed = arrow.strings([to_text(socket.AF_INET6, pack(h, w)) for h, w in pairs])
        texts = pc.replace_with_mask(texts, arrow.booleans(six), listed)
    return texts


def ip_columns(family: Ints, words: Sequence[npt.NDArray[np.uint32]]) -> list[Texts]:
    """Addresses, one column per array of `words` (shape [rows, 4], big-endian words), which share their values.

    `family` [rows] is 4, 6, or anything else for null. Values are in numeric order, IPv4 first.
    """
    rows = len(family)
    families = np.tile(family, len(words))
    high = np.concatenate([w[:, 0].astype(np.uint64) << np.uint64(32) | w[:, 1] for w in words])
    low = np.concatenate([w[:, 2].astype(np.uint64) << np.uint64(32) | w[:, 3] for w in words])
    codes, first = combine([families, high, low])
    order = np.lexsort((low[first], high[first], families[first]))
    first = first[order]
    known = (families[first] == 4) | (families[first] == 6)
    rank = np.full(len(order), -1, np.int32)
    rank[order[known]] = np.arange(int(known.sum()), dtype=np.int32)
    texts = ip_texts(families[first[known]], high[first[known]], low[first[known]])
    ranked = rank[codes]
    return [Texts(ranked[i * rows : (i + 1) * rows], texts) for i in range(len(words))]


def mac_columns(*macs: npt.NDArray[np.int64]) -> list[Texts]:
    """Columns of 48-bit numbers (-1: null), which share their values in numeric order."""
    codes, uniques = arrow.numbered(np.concatenate(macs))
    order = np.argsort(uniques)
    known = order[uniques[order] >= 0]
    rank = np.full(len(uniques), -1, np.int32)
    rank[known] = np.arange(len(known), dtype=np.int32)
    texts = _octets(uniques[known].astype(np.uint64), 6, _HEXADECIMAL, ":")
    splits = np.cumsum([len(m) for m in macs])[:-1]
    return [Texts(part, texts) for part in np.split(rank[codes], splits)]


# --- what layers, paths and masks say -------------------------------------------------------------------------------


def protocol_names(family: Ints, protocol: Ints, ethertype: Ints) -> Texts:
    """The `protocol` column: of IP packets by protocol number, of others by EtherType."""
    values = np.where(
        family != 0, protocol.astype(np.int64), np.where(ethertype < 0, -1, ethertype.astype(np.int64) | _ETHERTYPE)
    )
    return column_of(values, _protocol_name)


def _protocol_name(value: int) -> str | None:
    if value < 0:
        return None
    if value & _ETHERTYPE:
        ethertype = value ^ _ETHERTYPE
        return _ETHERTYPES.get(ethertype, f"0x{ethertype:04x}")
    return _PROTOCOLS.get(value, str(value))


def stack_text(kinds: Sequence[int], ids: Sequence[int], names: Mapping[int, str]) -> str | None:
    """`erspan2:5/nvgre:5001`, outermost first; None for no layers. `kinds` carry encaps.HAS_ID."""
    if not kinds:
        return None
    return "/".join(
        f"{encap_name(kind, names)}:{number}" if kind & encaps.HAS_ID else encap_name(kind, names)
        for kind, number in zip(kinds, ids, strict=True)
    )


def stack_texts(
    count: Ints, kinds: npt.NDArray[np.uint8], ids: npt.NDArray[np.uint32], names: Mapping[int, str]
) -> list[str | None]:
    """`stack_text` of many: `count` [rows], `kinds` and `ids` [rows, layers], of which the first `count` are meant."""
    depth = int(count.max(initial=0))
    listed = zip(count.tolist(), kinds[:, :depth].tolist(), ids[:, :depth].tolist(), strict=True)
    return [stack_text(row_kinds[:n], row_ids[:n], names) for n, row_kinds, row_ids in listed]


def encap_name(kind: int, names: Mapping[int, str]) -> str:
    """The word of a layer kind, with or without encaps.HAS_ID."""
    kind &= ~encaps.HAS_ID
    return names.get(kind, f"user-{kind}")


def vlan_text(count: int, outer: int, inner: int) -> str | None:
    """`10` or `10.20`; None without tags."""
    return None if count == 0 else str(outer) if count == 1 else f"{outer}.{inner}"


def path_text(kind: int, items: Sequence[int]) -> str:
    """Labels `16004/16005` (kind 1); segments in order of travel, which is the reverse of the header's (kind 2).

    `items` are four words each; a label is in the last of them.
    """
    if kind == 1:
        return "/".join(str(items[i]) for i in range(3, len(items), 4))
    segments = [struct.pack(">4I", *items[i : i + 4]) for i in range(0, len(items), 4)]
    return " ".join(socket.inet_ntop(socket.AF_INET6, segment) for segment in reversed(segments))


def bits(mask: int) -> tuple[int, ...]:
    """Numbers of the bits set, lowest first."""
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return tuple(found)


def anomaly_names(mask: int) -> tuple[str, ...]:
    """Names of the anomalies in a mask, in the order of their codes."""
    return tuple(ANOMALY_NAMES[code][0] if code in ANOMALY_NAMES else f"anomaly-{code}" for code in bits(mask))
