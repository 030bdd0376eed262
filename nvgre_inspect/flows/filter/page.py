"""docs/filters.md, made from the registries: `python -m nvgre_inspect.flows.filter.page > docs/filters.md`."""

from __future__ import annotations

from collections.abc import Iterable

from nvgre_inspect.flows.filter.field import Field
from nvgre_inspect.flows.filter.packet_fields import FLOW_NUMBER, GROUPS
from nvgre_inspect.flows.filter.table_fields import table_fields
from nvgre_inspect.model.columns import TABLES

_HEAD = r"""# Filters

One language, Wireshark's, on the command line (`-Y`, `-R`) and in Python. This page is generated from
`nvgre_inspect/flows/filter/`.

- `-R FILTER` keeps packets before anything is counted. It knows the fields of packets.
- `-Y FILTER` shows rows of the table that was asked for, and never changes a count. It knows that table's columns, and
  Wireshark's names for them. On `packets` it knows the fields of packets, and the columns of `flows`: those of the
  packet's flow with their final values, as in `packets -Y "retransmissions_fwd > 0 && tcp.len > 0"`.

```
nvgre-inspect flows  cap.pcapng -Y "vsid == 5001 && ip.addr == 10.0.0.0/24 && retransmissions_fwd > 0"
nvgre-inspect flows  cap.pcapng -R "inner.tcp.port in {80, 443, 8000..8999}"
nvgre-inspect tunnels cap.pcapng -Y "pa.addr == 192.0.2.1 and max_wire_len > 1500"
nvgre-inspect packets cap.pcapng -Y "tcp.flags.syn == 1 && !tcp.flags.ack == 1 && flow_ids > 1"
```

## Tests

| written | means |
|---|---|
| `ip` `vxlan` `tcp.port` | the packet (row) has that protocol or field |
| `==` `eq` | some occurrence of the field is equal |
| `!=` `ne` | there are occurrences, and none is equal (as in Wireshark 4) |
| `===` `all_eq` | there are occurrences, and all are equal |
| `~=` `!==` `any_ne` | some occurrence is not equal |
| `<` `lt` `<=` `le` `>` `gt` `>=` `ge` | some occurrence is |
| `any tcp.port > 1023` `all tcp.port > 1023` | some occurrence is; there are occurrences, and all are |
| `tcp.port in {22, 80, 8000..8999}` `not in` | some occurrence is one of the values, or within a range, ends included |
| `contains` | text or bytes occur in it: `frame contains "GET"`, `frame contains 0d:0a`; upper and lower case differ |
| `matches` `~` | a regular expression is found in it, in either case of letters: `tcp.payload matches r"^get\s"` |
| `tcp.flags & 0x12` | some occurrence has one of the bits; also `tcp.flags & 0x12 == 0x12`, `eth.dst[0] & 1` |
| `eth.src[0:3] == 00:15:5d` | bytes `[start:length]` `[first-last]` `[i]` `[start:]` `[:length]`; -1 is the last |
| `pa.src == pa.dst` | two fields of one packet or row, every occurrence of one with every one of the other |
| `not` `!`, `and` `&&`, `or` `\|\|`, `( )` | `not` binds tightest, then `and`, then `or` |

A row without the field fits none of these but `not`: `ip.addr != 10.0.0.1` leaves out what is not IPv4, and
`not ip.addr == 10.0.0.1` does not.

## Values

- Numbers: `80`, `0x50`, `0120` (octal), `0b1010000`, `-1`; `true` and `false` are 1 and 0.
- Addresses: `10.0.0.5`, `10.0.0.0/8`, `2001:db8::/32`; MAC `02:00:00:00:00:01`, `02-00-…`, `0200.0000.0001`.
- Times: `"2026-01-02 03:04:05.123456789"`, `2026-01-02T03:04:05Z`, `"2026-01-02 03:04:05+01:00"`,
  `"Jan 2, 2026 03:04:05"`, or seconds since 1970; UTC where no offset is given (Wireshark takes local time). Durations
  are seconds: `1.5`. Both are exact to the nanosecond.
- Bytes: `02:00:5e`, `02-00-5e`, `02005e`, always hexadecimal.
- Text: `nvgre`, `vxlan-gpe`, `"with spaces"`; quotes also tell a word from a column of text of that name. In quotes
  `\n \r \t \0 \\ \"` and `\x41` are characters; `r"raw \d"` leaves backslashes alone, which is best for `matches`.
- Regular expressions are Python's. At most 1,000 characters; a repetition of what already repeats without bound, as in
  `(a+)+`, is refused, since it can run for ever. Others may still be slow on large packets; Ctrl-C stops them.

A filter has at most 10,000 characters.

## Which header is meant

Tunnels repeat headers. A bare name means any of them: `ip.addr == 10.0.0.5` matches the address in the underlay, in the
overlay, and in between. To say which:

| written | means |
|---|---|
| `inner.ip.addr` | the innermost packet; of tunnels (`inner.vxlan.vni`) the innermost |
| `outer.ip.addr` | the outermost packet of the frame; of tunnels the outermost |
| `pa.addr` | provider addresses: the IP header next outside the tenant's encapsulation |
| `ca.addr` | customer addresses: the first IP header (or ARP) of the tenant's frame; outside tunnels the frame's own |

Outside any tunnel `inner.` and `outer.` mean the same headers. Fields marked *scoped* below take these prefixes.

## Differences from Wireshark

- What an ICMP error quotes is not searched; Wireshark counts the quoted headers as occurrences.
- Nothing is reassembled; `tcp.seq` and `tcp.ack` are as on the wire, and `tcp.len` of a first fragment is the whole
  segment's, by its own IP header.
- `vlan` and `vlan.id` cover 802.1ad tags too. A VXLAN header without the I flag has no `vxlan.vni`.
- A header that the packet or the snapshot cuts has the fields that are whole, an IP header none. An `ip.len` of 0
  (offload) is 0; Wireshark fills in what it should be.
- Encapsulations beyond the sixteenth are not looked into; protocols that are not listed are not known.
"""


def markdown() -> str:
    """The text of docs/filters.md."""
    parts = [_HEAD, "\n## Fields of packets\n"]
    for title, fields in GROUPS.items():
        rows = [*fields, FLOW_NUMBER] if title.startswith("Columns") else fields
        parts.append(f"\n### {title}\n\n" + _packet_rows(rows))
    parts.append(
        "\n`flow`, and every column of `flows`, only with `-Y` on `packets`: they are not known before all packets are"
        " counted.\n"
    )
    parts.append("\n## Fields of tables\n\nEvery column by its name (docs/tables.md), and these.\n")
    for name, table in TABLES.items():
        if name != "packets":
            aliases = [field for field in table_fields(name).values() if field.name not in table]
            if aliases:
                parts.append(f"\n### {name}\n\n" + _alias_rows(aliases))
    return "".join(parts)


def _packet_rows(fields: Iterable[Field]) -> str:
    lines = ["| field | type | occurrences | | meaning |", "|---|---|---|---|---|"]
    for field in fields:
        count = "any number" if field.multiple else "at most one"
        scoped = "scoped" if field.scoped else ""
        lines.append(f"| `{field.name}` | {field.type.value} | {count} | {scoped} | {field.meaning} |")
    return "\n".join(lines) + "\n"


def _alias_rows(fields: Iterable[Field]) -> str:
    lines = ["| field | type | tests |", "|---|---|---|"]
    lines += [f"| `{field.name}` | {field.type.value} | {field.meaning} |" for field in fields]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
