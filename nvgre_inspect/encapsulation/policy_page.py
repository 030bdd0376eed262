"""What people read about policy files: the commented template, and docs/policy.md.

python -m nvgre_inspect.encapsulation.policy_page > docs/policy.md
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from nvgre_inspect.encapsulation.outer import PORTS
from nvgre_inspect.encapsulation.policy import Encapsulation, Entry, Host, Policy, Subnet
from nvgre_inspect.encapsulation.policy_file import dump, toml
from nvgre_inspect.encapsulation.policy_keys import ADDRESS, ENCAPSULATION, HOST, SUBNET, TABLES, default
from nvgre_inspect.model.toml_keys import Key, markdown_table

_A, _B = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
_MAC_A, _MAC_B = bytes.fromhex("0200c0000201"), bytes.fromhex("0200c0000202")
_ROUTER = bytes.fromhex("0200c00002fe")
#: A small policy that shows how things hang together.
EXAMPLE = Policy(
    Encapsulation(mtu=1550),
    (Host(_A, _MAC_A, name="host-a"), Host(_B, _MAC_B, name="host-b")),
    (
        Subnet(
            5001,
            (
                Entry(_A, bytes.fromhex("00155d000001"), (IPv4Address("10.0.0.1"),)),
                Entry(_B, bytes.fromhex("00155d000002"), (IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3"))),
            ),
            name="blue",
        ),
    ),
)
#: What the template shows, commented out, for keys without a default.
_SHOWN = {"port": PORTS["vxlan"], "vlan": 100, "next_hop": _ROUTER, "next_hops": {_B: _MAC_B}}

_TEMPLATE_HEAD = """\
# nvgre-inspect: a policy, which `nvgre-inspect encap` wraps frames by and `nvgre-inspect policy check` checks.
# Lines that begin with "# key =" are optional; the values shown are the defaults, or examples where there is none.
"""


def template() -> str:
    """The commented template that `nvgre-inspect policy template` prints: a valid policy, EXAMPLE."""
    lines = [_TEMPLATE_HEAD, "[encapsulation]"]
    for key in ENCAPSULATION:
        lines.extend(_explained(key))
        value = getattr(EXAMPLE.encapsulation, key.name)
        without = default("encapsulation", key)
        lines.append(_line(key, value if value != without or key.name == "kind" else None, without))
    lines += ["", "# The hosts of the underlay: one [[host]] each."]
    for host in EXAMPLE.hosts:
        lines += ["[[host]]"]
        for key in HOST:
            first = host is EXAMPLE.hosts[0]
            lines.extend(_explained(key) if first else ())
            value = getattr(host, key.name) or None
            if value is not None or first:
                lines.append(_line(key, value, default("host", key)))
        lines.append("")
    lines.append("# The virtual subnets: one [[subnet]] each.")
    for subnet in EXAMPLE.subnets:
        lines.append("[[subnet]]")
        for key in SUBNET:
            lines.extend(_explained(key))
            value = getattr(subnet, key.name)
            lines.append(_line(key, value if value != default("subnet", key) else None, default("subnet", key)))
        lines.append("# Its addresses, with these keys:")
        lines.extend(f"#   {key.name}: {key.meaning}" for key in ADDRESS)
    return "\n".join(lines) + "\n" + dump(EXAMPLE).partition('name = "blue"\n')[2]


def _explained(key: Key) -> Iterator[str]:
    yield f"# {key.meaning}"
    yield f"# {key.value.rule[0].upper()}{key.value.rule[1:]}" + (f", in {key.unit}" if key.unit else "") + _for(key)


def _for(key: Key) -> str:
    return f"; for {', '.join(sorted(key.kinds))}." if key.kinds else "."


def _line(key: Key, value: object, without: object) -> str:
    if value is not None:
        return f"{key.name} = {toml(value)}"
    return f"# {key.name} = {toml(_SHOWN.get(key.name, without))}"


_HEAD = """\
# Policy files

What `nvgre-inspect encap` has to know: which virtual subnets there are, which addresses are in them and behind
which hosts of the underlay, and how frames are wrapped. RFC 7637 section 3.1 leaves open how an endpoint learns
this; here it is a file in [TOML](https://toml.io). What is done by it is on the page on
[encapsulation](encapsulation.md). This page is generated from `nvgre_inspect/encapsulation/policy_keys.py`.

- `nvgre-inspect policy template` prints a commented policy to begin with.
- `nvgre-inspect policy derive FILE... -o P.toml` learns one from a capture.
- `nvgre-inspect policy check P.toml` says everything that is wrong with one: the path of the key with items counted
  from 0, the value, and the rule that it breaks. `encap` does the same before it begins.

```
subnet[2].address[0].pa: 192.0.2.9 is not the pa of any host
```

## An example
"""
_TITLES = {
    "encapsulation": "How frames are wrapped; one table.",
    "host": "A host of the underlay (NVE); one table each. Copies of broadcast go to hosts in this order.",
    "subnet": "A virtual subnet; one table each.",
    "subnet.address": "A machine of a tenant's and where it is: a list of tables inside `[[subnet]]`.",
}
_RULES = """
## Rules between keys

- No two hosts have the same `pa`; no two subnets the same `vsid`. In a subnet no two addresses have the same `mac`
  or `ca`. In different ones they may: that is what tenants are for.
- Every `pa` of an address, and every PA in `next_hops`, is that of a host; one in `next_hops` is another host's, of
  the same IP version.
- An address has a `mac`, a `ca`, or both. A router that answers for many has one `mac` and a list in `ca`.
- `vsid` fits the encapsulation: nvgre 4096 to 16777214 (RFC 7637 section 3.4 reserves the others), vxlan and geneve
  24 bits, gre and gretap 32 bits, labels of MPLS 16 to 1048575 (RFC 3032 section 2.1). gre and gretap may do
  without, and then write no key; ipip has none.
- Options of `[encapsulation]` other than the default go with the kinds that the table names. nvgre has no checksum
  and no sequence number (RFC 7637 section 3.2), and never keeps tags (section 3.3); neither do gre and ipip,
  which carry IP packets.
- `vlan_priority` needs `vlan`; `over_mtu` other than `drop` needs `mtu`; `unknown = "flood"` needs a `bum` other
  than `drop`.
- `mtu` leaves 68 bytes for an inner packet (RFC 791) behind all headers; with IPv6 hosts it is at least 1280 (RFC
  8200).
- A multicast group in `bum` is of the same IP version as the PAs of its subnet.

## What is learnt from a capture

`policy derive` takes one encapsulation, that of most frames unless `--encap` names another. Everything that all
frames have in common becomes a value; what they do not is said on standard error and in comments at the top of the
file, since it will not come back when decapsulated frames are encapsulated again by this policy. Identifications of
outer IPv4 packets never do: each host counts from 0.

- An address sits where its frames come from. One seen behind several PAs in turn has moved, and the last one
  counts; one seen behind several at once sits where it was seen last. A MAC address behind several PAs at once,
  each with CAs of its own, is a distributed router's: its CAs are listed without it.
- Addresses that never sent sit where frames to them go: with the CA, if it was the only one of its IP version.
- A host's `mac` is the one that most of its frames come from. Where frames go to another address than the
  receiver's, a router is in between: `next_hop`, or `next_hops` where that is shorter. Where no MAC address was
  seen it is made up: 02:00 and the last four bytes of the PA.
- `flow_id` is `"hash"` unless nine of ten frames have the same number and our own hash explains fewer. `dscp` and
  `ecn` are what explains most frames. `inner_vlan` becomes `"keep"` where there are tags inside, except in nvgre.
  `bum` is the group that most frames for many went to, and `unknown = "flood"` where frames for one went there too.
- `mtu` stays 0: a capture shows what was sent, not what would have been too long.
- Names come from the [configuration file](commands.md).
"""


def markdown() -> str:
    """The text of docs/policy.md."""
    parts = [_HEAD, f"\n```toml\n{dump(EXAMPLE)}```\n"]
    for table, (kind, keys) in TABLES.items():
        title = f"[{table}]" if table == "encapsulation" else f"[[{table}]]"
        parts.append(f"\n## `{title}`\n\n{_TITLES[table]}\n\n")
        parts.append(markdown_table(kind, keys, toml))
    return "".join(parts) + _RULES


if __name__ == "__main__":
    print(markdown(), end="")
