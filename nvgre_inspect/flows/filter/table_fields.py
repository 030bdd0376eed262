"""What a filter can ask of each table: its columns by name, Wireshark's names for them, and protocols.

Columns and most aliases come from the registry (`model.columns`). What `ip.addr` and its like mean there is what they
mean on packets: any layer, so the provider addresses too; `tcp.port` is a port only where the protocol is TCP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from nvgre_inspect.flows.filter.field import Field, Type
from nvgre_inspect.flows.filter.packet_fields import PACKET_FIELDS
from nvgre_inspect.model import columns as registry
from nvgre_inspect.model import schema

_TYPES = {
    schema.Type.INTEGER: Type.INTEGER,
    schema.Type.FLOAT: Type.FLOAT,
    schema.Type.TEXT: Type.TEXT,
    schema.Type.TIME: Type.TIME,
    schema.Type.IP: Type.IP,
    schema.Type.MAC: Type.MAC,
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The values of one or more columns together, of the rows where `column` has one of `words`."""

    names: tuple[str, ...]
    column: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackWords:
    """Layers by name, from the column `stack` where there is one, else from `encap` (and `vsid`)."""

    words: tuple[str, ...]
    #: Their ids are the values; else their names.
    ids: bool = False


#: Words of the stack that a protocol name stands for; None as the only word: any.
_LAYERS = {
    "nvgre": ("nvgre",),
    "gretap": ("gretap",),
    "vxlan": ("vxlan", "vxlan-gpe"),
    "geneve": ("geneve",),
    "gre": ("nvgre", "gretap", "gre", "gre-in-udp", "mpls-in-gre", "erspan1", "erspan2", "erspan3"),
    "erspan": ("erspan1", "erspan2", "erspan3"),
    "mpls": ("mpls", "mpls-in-gre", "mpls-in-udp"),
    "esp": ("esp",),
    "ah": ("ah",),
    "srv6": ("srv6",),
}
_LAYER_IDS = {
    "nvgre.vsid": ("nvgre",),
    "vxlan.vni": ("vxlan", "vxlan-gpe"),
    "geneve.vni": ("geneve",),
    "erspan.spanid": ("erspan2", "erspan3"),
    "esp.spi": ("esp",),
    "ah.spi": ("ah",),
}
_PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "icmpv6", "igmp", "arp", "ospf")


@cache
def table_fields(name: str) -> dict[str, Field]:
    """Every name that a filter on that table can use: columns first, in the table's order. KeyError for no table."""
    table = registry.TABLES[name]
    fields = {column.name: _column(column) for column in table}
    for alias, names in _aliases(table).items():
        base = alias.removeprefix("inner.").removeprefix("outer.")
        if alias not in fields and base in PACKET_FIELDS:
            fields[alias] = _alias(alias, PACKET_FIELDS[base], names, table)
    for field in _protocols(table):
        fields.setdefault(field.name, field)
    return fields


def _column(column: schema.Column) -> Field:
    if column.type is schema.Type.LIST:
        return Field(column.name, _TYPES[column.item], column.meaning, Columns((column.name,)), None, True)
    return Field(column.name, _TYPES[column.type], column.meaning, Columns((column.name,)))


def _aliases(table: schema.Table) -> dict[str, tuple[str, ...]]:
    """Alias -> columns. What names the outer header also answers to the bare name, which means any layer."""
    found: dict[str, tuple[str, ...]] = {}
    for column in table:
        bare = [alias.removeprefix("outer.") for alias in column.aliases if alias.startswith("outer.")]
        for alias in dict.fromkeys([*column.aliases, *bare]):
            found[alias] = (*found.get(alias, ()), column.name)
    return found


def _alias(alias: str, packet: Field, names: tuple[str, ...], table: schema.Table) -> Field:
    listed = ", ".join(names)
    protocol = packet.name.partition(".")[0]
    if packet.name == "tunnel.type":
        meaning = "names of the encapsulations" if "stack" in table else "name of the encapsulation"
        return replace(packet, name=alias, meaning=meaning, source=StackWords(()), scoped=False)
    if protocol in _PROTOCOLS and "protocol" in table:
        source = Columns(names, "protocol", (protocol,))
        meaning = f"{listed} where protocol is {protocol}"
    elif protocol == "nvgre" and "encap" in table:
        source, meaning = Columns(names, "encap", ("nvgre",)), f"{listed} where encap is nvgre"
    else:
        source, meaning = Columns(names), listed
    multiple = len(names) > 1 or packet.name == "vlan.id" or packet.type is Type.TEXT
    return Field(alias, packet.type, meaning, source, packet.maximum, multiple)


def _protocols(table: schema.Table) -> list[Field]:
    found = []

    def add(name: str, meaning: str, source: object, type_: Type = Type.PROTOCOL) -> None:
        found.append(Field(name, type_, meaning, source, multiple=True))

    if "protocol" in table:
        for protocol in _PROTOCOLS:
            add(protocol, f"protocol is {protocol}", Columns(("protocol",), "protocol", (protocol,)))
    if "stack" in table or "encap" in table:
        where = "stack has" if "stack" in table else "encap is"
        for name, words in _LAYERS.items():
            add(name, f"{where} {' or '.join(words)}", StackWords(words))
    if "stack" in table or "vsid" in table:
        for name, words in _LAYER_IDS.items():
            if "stack" in table or name in ("nvgre.vsid", "vxlan.vni", "geneve.vni"):
                where = "id in stack of" if "stack" in table else "vsid where encap is"
                add(name, f"{where} {' or '.join(words)}", StackWords(words, ids=True), Type.INTEGER)
    addresses = tuple(column.name for column in table if column.type is schema.Type.IP)
    if addresses:
        add("ip", "an address is IPv4", Columns(addresses), Type.IPV4)
        add("ipv6", "an address is IPv6", Columns(addresses), Type.IPV6)
    macs = tuple(column.name for column in table if column.type is schema.Type.MAC)
    if macs:
        add("eth", "a MAC address is known", Columns(macs))
    if "vlan" in table:
        add("vlan", "the inner frame is tagged", Columns(("vlan",)))
    return found
