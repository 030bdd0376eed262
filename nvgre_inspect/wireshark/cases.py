"""A packet that this tool and tshark have both read, and the words in which their differences are described.

`Case` is the packet; `Beyond` and `Difference` are entries of the table in `differences`; the functions are conditions
that several entries use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dissectors import offsets
from nvgre_inspect.wireshark.records import Value, View
from nvgre_inspect.wireshark.rows import Row
from nvgre_inspect.wireshark.view import numbers

#: Where what is seen in no capture at hand is seen: in frames that the tests make.
MADE = ""


@dataclass(frozen=True)
class Case:
    """A packet of which both have a say."""

    capture: str
    number: int
    record: dict[str, Any]
    row: Row
    #: Layers by tshark up to where we stop, innermost last.
    layers: list[str]
    ours: View
    theirs: View

    def has(self, *codes: int) -> bool:
        """Whether the record has one of these anomalies."""
        return any(self.record["anomalies"] >> code & 1 for code in codes)

    def says(self, words: str) -> bool:
        """Whether tshark complains in these words."""
        return any(words in message for message in self.row["_ws.expert.message"])


@dataclass(frozen=True)
class Beyond:
    """We stop where this layer of `frame.protocols` begins."""

    layer: str
    what: str
    #: A capture where it is seen, or MADE.
    seen: str = MADE


#: (the packet, our values, tshark's) -> whether this explains it.
Condition = Callable[[Case, list[Value], list[Value]], bool]


@dataclass(frozen=True)
class Difference:
    """Fields that differ under a condition, and why."""

    name: str
    when: str
    reason: str
    fields: frozenset[str]
    applies: Condition
    #: A capture where it is seen, or MADE.
    seen: str


IP = {"ip.src", "ip.dst", "ip.hdr_len", "ip.dsfield", "ip.len", "ip.id", "ip.ttl", "ip.proto"}
IP |= {f"ip fragment {part}" for part in ("id", "offset", "more")}
IPV6 = {f"ipv6.{part}" for part in ("src", "dst", "tclass", "flow", "plen", "hlim")} | {"ipv6 last next header"}
IPV6 |= {f"ipv6 fragment {part}" for part in ("id", "offset", "more")}
TCP = {f"tcp.{part}" for part in ("srcport", "dstport", "seq", "ack", "flags", "window_size_value", "len")}
TCP |= {"tcp.options.mss_val", "tcp.options.wscale.shift"}
UDP = {"udp.srcport", "udp.dstport", "udp.length"}
ICMP = {"icmp.type", "icmp.code", "icmp.ident", "icmpv6.type", "icmpv6.code", "icmpv6.echo.identifier"}
ETHERNET = {"eth.src", "eth.dst", "vlan.id", "ieee8021ad.id"}
TUNNEL = {"gre.key", "nvgre.vsid", "vxlan.vni", "geneve.vni", "erspan.spanid", "mpls.label", "mpls stack"}
TUNNEL |= {"esp.spi", "ah.spi"}
PORTS = {"sctp.srcport", "sctp.dstport", "dccp.srcport", "dccp.dstport"}
HEADERS = frozenset(ETHERNET | IP | IPV6 | TCP | UDP | ICMP | TUNNEL | PORTS)


def longer(ours: list[Value], theirs: list[Value]) -> bool:
    """tshark has what we have, and more."""
    return len(theirs) > len(ours) and theirs[: len(ours)] == ours


def one_more(ours: list[Value], theirs: list[Value]) -> bool:
    """tshark has what we have, and one value more."""
    return longer(ours, theirs) and len(theirs) == len(ours) + 1


def is_stated_zero(ours: list[Value], theirs: list[Value]) -> bool:
    """They differ only where the header says 0."""
    return len(ours) == len(theirs) and all(a in (b, 0) for a, b in zip(ours, theirs, strict=True))


#: Seconds and what stands behind them; tshark writes the sign of either in front.
_TIME = re.compile(r"-?(\d+)\.(\d+)")


def excess_of_fraction(ours: list[Value], theirs: list[Value]) -> bool:
    """Whether tshark prints a fraction of a second or more, cut to 32 bits, behind the seconds of the file."""
    mine, judged = (_TIME.fullmatch(str(values[0])) if values else None for values in (ours, theirs))
    if mine is None or judged is None:
        return False
    excess = (int(mine[1]) - int(judged[1])) * 1_000_000_000 + int(mine[2])
    return excess >= 1_000_000_000 and any((excess - sign * int(judged[2])) % (1 << 32) == 0 for sign in (1, -1))


def acknowledges(case: Case) -> bool:
    """Whether a GRE header of version 1 has an acknowledgment number and carries no PPP."""
    wanted = offsets.GRE_A | 1
    return any(
        flags & (offsets.GRE_A | offsets.GRE_VERSION_MASK) == wanted and protocol != offsets.ETHERTYPE_PPP
        for flags, protocol in zip(
            numbers(case.row, "gre.flags_and_version"), numbers(case.row, "gre.proto"), strict=False
        )
    )


def without_next_protocol(case: Case) -> bool:
    """Whether a header is VXLAN-GPE (whose flags are one byte) without the P bit."""
    return any(len(flags) == len("0x00") and not int(flags, 16) & 0x04 for flags in case.row["vxlan.flags"])
