"""What tshark says of a frame, in the shape of `records.View`.

tshark lists the values of a field through all layers, also those that it found beyond where our decoder ends: inside
what an ICMP error quotes, or inside a tunnel that we do not know. `frame.protocols` has the layers in order, so that
`theirs` can leave out what belongs to layers after the first of `beyond`.

Limits: a value that is no number where one is expected is left out, so that whatever tshark prints can be compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from dissectors import offsets
from dissectors.gre import GreKey, is_nvgre
from nvgre_inspect.wireshark.records import Value, View
from nvgre_inspect.wireshark.rows import Row

_TEXT = {"eth.src", "eth.dst", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst"}
#: Fields that are compared as they are, one value for each layer of that name in `frame.protocols`.
_BY_LAYER = {
    "eth": ("eth.src", "eth.dst"),
    "ip": ("ip.src", "ip.dst", "ip.hdr_len", "ip.dsfield", "ip.len", "ip.id", "ip.ttl", "ip.proto"),
    "ipv6": ("ipv6.src", "ipv6.dst", "ipv6.tclass", "ipv6.flow", "ipv6.plen", "ipv6.hlim"),
    "udp": ("udp.srcport", "udp.dstport"),
    "tcp": ("tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.ack", "tcp.flags", "tcp.window_size_value", "tcp.len"),
    "sctp": ("sctp.srcport", "sctp.dstport"),
    "dccp": ("dccp.srcport", "dccp.dstport"),
    "icmp": ("icmp.type", "icmp.code"),
    "icmpv6": ("icmpv6.type", "icmpv6.code"),
    "geneve": ("geneve.vni",),
    "erspan": ("erspan.spanid",),
    "esp": ("esp.spi",),
    "ah": ("ah.spi",),
}
#: The next-header fields of IPv6 and its extension headers, by the next-header value that announces them.
_NEXT_HEADERS = {
    offsets.IPPROTO_HOPOPTS: "ipv6.hopopts.nxt",
    offsets.IPPROTO_ROUTING: "ipv6.routing.nxt",
    offsets.IPPROTO_FRAGMENT: "ipv6.fraghdr.nxt",
    offsets.IPPROTO_DSTOPTS: "ipv6.dstopts.nxt",
    offsets.IPPROTO_MOBILITY: "mip6.proto",
    offsets.IPPROTO_HIP: "hip.proto",
}
_GRE_ERSPAN = (offsets.ETHERTYPE_ERSPAN2, offsets.ETHERTYPE_ERSPAN3)
#: Both decode an ICMP message; what it quotes is no part of the stack.
QUOTING = ("icmp", "icmpv6")
_VXLAN_I = 0x0800
_ECHO = {"icmp": (offsets.ICMP_ECHO, offsets.ICMP_ECHO_REPLY), "icmpv6": (128, 129)}


def layers(row: Row, beyond: Collection[str]) -> list[str]:
    """The layers of `frame.protocols` up to and including the first of `beyond`."""
    found = row["frame.protocols"][0].split(":") if row["frame.protocols"] else []
    end = next((place + 1 for place, word in enumerate(found) if word in beyond), len(found))
    return found[:end]


def theirs(row: Row, known: Sequence[str], gre_key: GreKey = "auto") -> View:
    """tshark's values of the fields that records have, as far as they belong to the first layers, `known`."""
    words = ["udp" if word == "udplite" else word for word in known]
    found: View = {name: [*numbers(row, name)] for name in ("frame.len", "frame.cap_len")}
    for layer, names in _BY_LAYER.items():
        for name in names:
            values: list[Value] = [*row[name]] if name in _TEXT else _values(row, name)
            found[name] = values[: words.count(layer)]
    # UDP-Lite has no length of its own, but tshark prints one.
    ports = [word for word in known if word in ("udp", "udplite")]
    lengths = zip(ports, _values(row, "udp.length"), strict=False)
    found["udp.length"] = [length for word, length in lengths if word == "udp"]
    _tcp(row, found)
    _echo(row, words, found)
    _tags(row, words, found)
    found["frame.time_epoch"] = [_nanoseconds(time) for time in row["frame.time_epoch"]]
    _ipv6_chains(row, words, found)
    _fragments(row, words, found)
    _gre(row, words, found, gre_key)
    _vxlan(row, words, found)
    _mpls(row, words, found)
    return {name: values for name, values in found.items() if values}


def numbers(row: Row, name: str) -> list[int]:
    """The values of a field that are numbers."""
    found = []
    for value in row[name]:
        try:
            found.append(int(value, 0))
        except ValueError:
            continue
    return found


def _values(row: Row, name: str) -> list[Value]:
    return [*numbers(row, name)]


def _nanoseconds(time: str) -> str:
    """Seconds since 1970 with nine decimals."""
    seconds, point, fraction = time.partition(".")
    return f"{seconds}.{fraction:0<9}" if point else f"{time}.000000000"


def _tcp(row: Row, found: View) -> None:
    found["tcp.flags"] = [int(flags) & 0xFF for flags in found["tcp.flags"]]
    syn = found["tcp.flags"] and int(found["tcp.flags"][0]) & offsets.TCP_SYN
    for name in ("tcp.options.mss_val", "tcp.options.wscale.shift"):
        found[name] = _values(row, name)[-1:] if syn else []


def _echo(row: Row, words: list[str], found: View) -> None:
    """tshark shows the identifier of ICMP in both byte orders, the right one first, and of other messages too."""
    for layer, name in (("icmp", "icmp.ident"), ("icmpv6", "icmpv6.echo.identifier")):
        types = found[f"{layer}.type"]
        found[name] = _values(row, name)[:1] if types and types[0] in _ECHO[layer] else []


def _tags(row: Row, words: list[str], found: View) -> None:
    found["vlan.id"] = _values(row, "vlan.id")[: words.count("vlan")]
    found["ieee8021ad.id"] = _values(row, "ieee8021ad.id")[: words.count("ieee8021ad")]


def _ipv6_chains(row: Row, words: list[str], found: View) -> None:
    """The last next-header value of each IPv6 header."""
    following: dict[int, Iterator[int]] = {kind: iter(numbers(row, name)) for kind, name in _NEXT_HEADERS.items()}
    last: list[Value] = []
    for value in numbers(row, "ipv6.nxt")[: words.count("ipv6")]:
        while value in following:
            announced = next(following[value], None)
            if announced is None:  # the header is cut: the chain ends with what announced it
                break
            value = announced
        last.append(value)
    found["ipv6 last next header"] = last


def _fragments(row: Row, words: list[str], found: View) -> None:
    """Of the headers that are fragments; tshark 4.0 counts offsets as the header does, in units of 8 bytes."""
    names = {"ip": ("ip.id", "ip.frag_offset", "ip.flags.mf")}
    names["ipv6"] = ("ipv6.fraghdr.ident", "ipv6.fraghdr.offset", "ipv6.fraghdr.more")
    for family, layer in (("ip", "ip"), ("ipv6", "ipv6.fraghdr")):
        headers = list(zip(*(numbers(row, name) for name in names[family]), strict=False))[: words.count(layer)]
        real = [header for header in headers if header[1] or header[2]]
        found[f"{family} fragment id"] = [ident for ident, _, _ in real]
        found[f"{family} fragment offset"] = [8 * offset for _, offset, _ in real]
        found[f"{family} fragment more"] = [more for _, _, more in real]


def _gre(row: Row, words: list[str], found: View, gre_key: GreKey) -> None:
    """Keys by what the header carries: VSIDs, and other keys. ERSPAN's session takes the place of its key."""
    keys = iter(numbers(row, "gre.key"))
    in_udp = [words[place - 1] == "udp" for place, word in enumerate(words) if word == "gre"]
    found["nvgre.vsid"], found["gre.key"] = [], []
    for flags, proto, udp in zip(
        numbers(row, "gre.flags_and_version"), numbers(row, "gre.proto"), in_udp, strict=False
    ):
        if flags & offsets.GRE_VERSION_MASK or not flags & offsets.GRE_K:
            continue
        key = next(keys, None)
        if key is None or proto in _GRE_ERSPAN:
            continue
        if is_nvgre(flags, proto, key, gre_key) and not udp:
            found["nvgre.vsid"].append(key >> 8)
        else:
            found["gre.key"].append(key)


def _vxlan(row: Row, words: list[str], found: View) -> None:
    """VNIs that their header says are valid. VXLAN-GPE, whose flags are one byte, is no layer in `frame.protocols`."""
    widths = [len(flags) for flags in row["vxlan.flags"]]
    triples = list(zip(widths, numbers(row, "vxlan.flags"), numbers(row, "vxlan.vni"), strict=False))
    found["vxlan.vni"] = [
        vni
        for width, flags, vni in triples[: words.count("udp")]
        if flags & (_VXLAN_I if width == len("0x0800") else _VXLAN_I >> 8)
    ]


def _mpls(row: Row, words: list[str], found: View) -> None:
    """`mpls.label`: the last label of each stack that is no entropy label; `mpls stack`: all of the first one."""
    if "mpls" not in words:
        return
    stacks: list[list[int]] = [[]]
    for label, bottom in zip(numbers(row, "mpls.label"), numbers(row, "mpls.bottom"), strict=False):
        stacks[-1].append(label)
        if bottom:
            stacks.append([])
    complete = stacks[:-1]
    found["mpls stack"] = list(complete[0]) if complete else []
    ids = [_service_label(stack) for stack in complete]
    found["mpls.label"] = [label for label in ids if label is not None]


def _service_label(stack: list[int]) -> int | None:
    last, entropy = None, False
    for label in stack:
        if entropy:
            entropy = False
        elif label == offsets.MPLS_ELI:
            entropy = True
        else:
            last = label
    return last
