"""Catalogues: which names a filter may use on packets or on a table, and what to say of one that it may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from nvgre_inspect.flows.filter.errors import nearest
from nvgre_inspect.flows.filter.field import Field, Scope
from nvgre_inspect.flows.filter.packet_fields import FLOW_NUMBER, PACKET_FIELDS
from nvgre_inspect.flows.filter.table_fields import table_fields
from nvgre_inspect.model.columns import TABLES

#: Names that people bring from Wireshark, and what serves instead.
_INSTEAD = {
    "tcp.stream": "flow",
    "udp.stream": "flow",
    "tcp.window_size": "tcp.window_size_value",
    "tcp.options.wscale": "tcp.options.wscale.shift",
    "tcp.ack_raw": "tcp.ack",
    "tcp.seq_raw": "tcp.seq",
    "tcp.flags.rst": "tcp.flags.reset",
    "tcp.flags.psh": "tcp.flags.push",
    "tcp.flags.ecn": "tcp.flags.ece",
    "ip.host": "ip.addr",
    "ip.tos": "ip.dsfield",
    "ipv6.host": "ipv6.addr",
    "frame.protocols": "stack",
    "gre.tni": "nvgre.vsid",
    "nvgre.flow_id": "nvgre.flowid",
    "eth.vlan.id": "vlan.id",
}


@dataclass(frozen=True)
class Unknown:
    """Why a name cannot be used, and the nearest that can."""

    message: str
    suggestion: str | None


class Catalogue:
    """The names of one table, or of packets: `table` None for -R, "packets" for -Y on packets."""

    def __init__(self, table: str | None) -> None:
        """KeyError for a table that does not exist."""
        self.table = table
        self.on_packets = table in (None, "packets")
        self.fields = self._packet_names() if self.on_packets else table_fields(table or "")

    def _packet_names(self) -> dict[str, Field]:
        fields = dict(PACKET_FIELDS)
        if self.table == "packets":
            fields["flow"] = FLOW_NUMBER
            flows = {name: table_fields("flows")[name] for name in TABLES["flows"].names}
            fields |= {name: field for name, field in flows.items() if name not in fields}
        return fields

    def find(self, name: str) -> tuple[Field, Scope] | Unknown:
        """The field of that name, and the scope that its prefix says."""
        if name in self.fields:
            return self.fields[name], Scope.ANY
        prefix, _, base = name.partition(".")
        if self.on_packets and prefix in ("inner", "outer") and base in self.fields:
            if self.fields[base].scoped:
                return self.fields[base], Scope(prefix)
            return Unknown(f"{base} says one thing of a whole packet: {prefix}. does not apply to it", base)
        return self._unknown(name)

    def _unknown(self, name: str) -> Unknown:
        suggestion = _INSTEAD.get(name)
        if suggestion is None:
            suggestion = nearest(name, self.names)
        elif suggestion not in self.fields:
            suggestion = None
        base = name.removeprefix("inner.").removeprefix("outer.")
        if self.on_packets:
            if self.table is None and (name == "flow" or name in TABLES["flows"]):
                return Unknown(f"{name} is only known once packets were counted: use it with -Y, not -R", None)
        elif base in PACKET_FIELDS:
            return Unknown(f"{name} is a field of packets, not of the table {self.table}: use it with -R", suggestion)
        owners = [table for table in TABLES if name in TABLES[table]]
        if owners:
            where = "packets" if self.on_packets else f"the table {self.table}"
            return Unknown(f"{name} is a column of {' and '.join(owners)}, not of {where}", suggestion)
        return Unknown(f"{name} is neither a field nor a protocol", suggestion)

    @cached_property
    def names(self) -> list[str]:
        """Every name that can be used, prefixed ones too, in the order of the documentation."""
        return list(self._names())

    def _names(self) -> Iterator[str]:
        yield from self.fields
        if self.on_packets:
            for scope in (Scope.INNER, Scope.OUTER):
                for field in self.fields.values():
                    if field.scoped:
                        yield f"{scope.value}.{field.name}"
