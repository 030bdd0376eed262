"""The headers of single frames, by the walk of `dissectors`: exact for every frame, but some 50 µs each.

`headers` asks for the few frames whose records cannot hold all that a filter may ask about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from dissectors.arp import ARP
from dissectors.ethernet import VLAN, Ethernet
from dissectors.gre import GRE, GreKey
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.mpls import MPLS
from dissectors.udp import UDP
from dissectors.walk import Walk
from dissectors.walk_core import Leaves
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions

#: Kind of header, number of the frame, first byte, end of what may be read (both in the buffer), outer, inner.
Found = tuple[str, int, int, int, bool, bool]

_ENDS = {
    offsets.IPPROTO_ICMP: "icmp",
    offsets.IPPROTO_IGMP: "igmp",
    offsets.IPPROTO_TCP: "tcp",
    offsets.IPPROTO_UDP: "udp",
    offsets.IPPROTO_ICMPV6: "icmpv6",
    offsets.IPPROTO_OSPF: "ospf",
    offsets.IPPROTO_SCTP: "sctp",
}


def walk_frames(
    batch: PacketBatch, records: npt.NDArray[np.void], frames: Iterable[int], options: DecodeOptions
) -> Iterator[Found]:
    """All headers of these frames of the batch, in the order of the wire."""
    for i in frames:
        walk = Walk(
            batch.frame(i),
            int(batch.wirelen[i]),
            int(batch.linktype[i]),
            cast(GreKey, options.gre_key),
            options.tables,
            Leaves(),
        )
        base = int(batch.offset[i])
        for kind, start, stop, outer, inner in _headers(walk):
            if start < stop:
                yield kind, i, base + start, base + stop, outer, inner


def _headers(walk: Walk) -> Iterator[tuple[str, int, int, bool, bool]]:
    """Positions within the frame. Which packet a header belongs to follows from the IP header before it."""
    families = {ip.start: ip.family for ip in walk.ips}
    innermost = walk.innermost.ip is not None
    nvgre = {layer.payload for layer in walk.layers if layer.kind == encaps.NVGRE}
    ips = ethernets = stacks = 0
    seen = set()
    for start, header in walk.headers:
        stop = start + len(header)
        if isinstance(header, Ethernet):
            ethernets += 1
            inner = ethernets == len(walk.ethernets) and walk.innermost.src_mac != -1
            yield "eth", start, stop, start == 0, inner
        elif isinstance(header, VLAN):
            inner = ethernets == len(walk.ethernets) and walk.innermost.src_mac != -1
            yield "vlan", start, stop, ips == 0, inner
        elif isinstance(header, ARP):
            yield "arp", start, stop, ips == 0, True
        elif isinstance(header, MPLS):
            stacks += 1
            for word in range(len(header.words)):
                yield "mpls", start + word * offsets.MPLS_LEN, stop, stacks == 1, not walk.layers[stacks:]
        elif isinstance(header, IPv4 | IPv6):
            if start in families:
                ips += 1
                end = min(stop, _ip_end(walk, ips - 1))
                inner = innermost and ips == len(walk.ips)
                yield ("ip" if families[start] == 4 else "ipv6"), start, end, ips == 1, inner
        elif isinstance(header, GRE | UDP):
            seen.add(start)
            inner = innermost and ips == len(walk.ips)
            kind = "udp" if isinstance(header, UDP) else "gre"
            yield kind, start, stop, ips == 1, inner
            if kind == "gre" and start + header.header_len in nvgre:
                yield "nvgre", start, stop, ips == 1, inner
    if innermost and walk.innermost.protocol in _ENDS:
        start = walk.innermost.l4_off if walk.innermost.l4_off >= 0 else _payload(walk)
        if start >= 0 and start not in seen:
            yield _ENDS[walk.innermost.protocol], start, walk.limit, len(walk.ips) == 1, True


def _payload(walk: Walk) -> int:
    """What the last IP header carries, behind any AH."""
    start = walk.ips[-1].payload
    return max(start, walk.layers[-1].payload) if walk.layers and walk.layers[-1].kind == encaps.AH else start


def _ip_end(walk: Walk, index: int) -> int:
    claims = [ip.claim for ip in walk.ips[: index + 1] if ip.claim >= 0]
    return min([walk.cap_end, *claims])
