"""What people read about scenario files: docs/scenarios.md.

python -m nvgre_inspect.traffic.scenario_page > docs/scenarios.md
"""

from __future__ import annotations

from typing import Any

from nvgre_inspect.encapsulation.policy_file import toml
from nvgre_inspect.model.toml_keys import markdown_table
from nvgre_inspect.traffic import fault_keys, workload_keys
from nvgre_inspect.traffic.fault_specs import FAULTS, Fault, Selection
from nvgre_inspect.traffic.scenario_keys import TABLES
from nvgre_inspect.traffic.workload_specs import WORKLOADS, Workload

#: A scenario that shows how things hang together.
EXAMPLE = """\
[scenario]
name = "two-tenants"
seed = 1
duration = "10s"
start = 2024-05-01T12:00:00Z

[underlay]                  # what holds for all links that say nothing else
mtu = 1600
delay = "20us"

[[host]]
name = "a"
pa = "192.0.2.1"

[[host]]
name = "b"
pa = "192.0.2.2"
bandwidth = "1Gbit"         # the link between this host and the fabric

[[path]]                    # two equal paths between all hosts: ECMP
name = "spine1"

[[path]]
name = "spine2"

[[tenant]]
vsid = 5001
name = "blue"
subnet = "10.0.0.0/24"

[[tenant.vm]]
name = "client"
host = "a"

[[tenant.vm]]
name = "web"
host = "b"
ip = "10.0.0.80"

[[tenant.workload]]
kind = "request-response"
clients = "client"
servers = "web"
every = { exponential = "50ms" }
response_size = { pareto = 20000, shape = 1.3, high = 5000000 }

[[tenant]]                  # the same addresses: that is what tenants are for
vsid = 5002
name = "red"
subnet = "10.0.0.0/24"
vms = 4                     # vm1 to vm4, on the hosts in turn

[[tenant.workload]]
kind = "ping"
every = "200ms"

[[fault]]
kind = "loss"
id = "bad-cable"
from = "3s"
until = "6s"
tunnel = ["a", "b"]
direction = "forward"
probability = 0.02

[[point]]
name = "uplink-a"
uplink = "a"

[[point]]
name = "inside-web"
vnic = "blue/web"
"""

_HEAD = """\
# Scenarios

`nvgre-inspect generate SCENARIO.toml -o OUT.pcapng --truth TRUTH.json` plays a scenario: hosts of an underlay, tenants
whose machines talk over it, and what goes wrong. What observation points see becomes a capture; the truth says what
every flow in it counts, exactly, and which frames each fault touched. One scenario and seed give the same bytes on
every run.

It is a simulation of discrete events in nanoseconds. Machines have real protocol stacks: TCP recovers from what faults
do to its segments, as it does elsewhere. Hosts encapsulate byte for byte as [encapsulation](encapsulation.md) says.

This page is generated from the registries of keys (`nvgre_inspect/traffic/*_keys.py`). Scenarios to begin with are in
`samples/scenarios/`: a healthy one of each workload, and one of each fault.

- `--check` says everything that is wrong with a scenario: the path of the key with items counted from 0, the value, and
  the rule that it breaks.
- `--seed N` plays it with other random numbers.
- `--split-by point` writes a file for each observation point into the folder OUT, in the place of one pcapng with an
  interface for each.

```
tenant[0].vm[1].host: c is not the name of any host
```

## An example
"""
_UNITS = """
Times are texts with a unit, `"20ms"`; rates `"10Gbit"`; sizes numbers of bytes, or `"64KiB"`. Where numbers are
drawn, the value is one of these, or what it is drawn from: `{ exponential = MEAN }`,
`{ pareto = MEAN, shape = 1.3 }`, `{ lognormal = MEAN, sigma = 1.0 }`, each with `low` and `high` as bounds if need be,
or `{ choice = [A, B], weights = [9, 1] }`. An array `[[tenant.vm]]` belongs to the `[[tenant]]` above it.
"""
_TITLES = {
    "scenario": "What it is called, how long it lasts, and what its random numbers come from.",
    "underlay": "Links: what holds for all of them that say nothing else. Every host has one to the fabric, and every "
    "path one to every host; they are the same in both directions.",
    "encapsulation": "How hosts encapsulate: the keys of a [policy](policy.md). Kinds that carry Ethernet "
    "only; for `--truth` nvgre, gretap, vxlan and geneve.",
    "host": "A host of the underlay (NVE). It has the keys of `[underlay]` too, for its link to the fabric.",
    "path": "One of the equal paths through the fabric: a hash of the outer addresses and the FlowID (UDP source "
    "port) chooses one for each packet. It has the keys of `[underlay]` too, for its links to the hosts. "
    "Without any there is one, `fabric`.",
    "tenant": "A virtual subnet with its machines. Addresses of different tenants may be the same.",
    "tenant.tcp": "How the TCP of its machines is set up.",
    "tenant.vm": "A machine.",
    "point": "An observation point: exactly one of `vnic`, `uplink` and `path` says where. A point in the middle of a "
    "path sees packets before the faults of the path act on them; one at an uplink sees what its host sends, "
    "and what arrives there.",
    "frame": "A frame that passes an observation point besides: what no machine and no host of a scenario would send. "
    "Nobody receives it, and scenarios that have any have no truth.",
}
_ARRAYS = frozenset({"host", "path", "tenant", "tenant.vm", "point", "frame"})
_WORKLOADS = """
## `[[tenant.workload]]`

What machines of the tenant do. A workload has arrivals (connections, calls, queries, packets): the first at `from`,
the next ones `every` apart, each of one of its clients with one of its servers.

"""
_SCRIPT = """
```toml
script = '''
+0      > S   0:0(0)        win 64240 <mss 1460,sackOK,wscale 7>
+1ms    < S.  0:0(0)  ack 1 win 65160 <mss 1460,sackOK,wscale 7>
+40us   > .   1:1(0)  ack 1
+40us   > P.  1:38(37) ack 1 "GET / HTTP/1.1\\r\\nHost: example.org\\r\\n\\r\\n"
+1ms    < P.  1:1461(1460) ack 38
+1s     > .   37:37(0) ack 1461
'''
```

The notation is near to that of packetdrill. A line has the time since the line above, who sends (`>` the client, `<`
the server), and what:

- a TCP segment: flags (`S`, `F`, `R`, `P`, `.` for ACK, `E`, `W`); first, end and length of its sequence numbers, which
  count from the sender's initial one; `ack` and `win` (as it stands in the header; 512); options among `mss N`,
  `sackOK`, `wscale N` and `sack FIRST:END FIRST:END`; what its payload begins with, as a text;
- `udp LENGTH` or `udp "text"`: a datagram;
- `frame` and hexadecimal digits: a whole Ethernet frame of the machine.

A line that begins with `#` is a comment.
It is played once unless `count` says otherwise. Neither machine asks for the other's MAC address first.
"""
_FAULTS = """
## `[[fault]]`

What goes wrong, from `from` to `until`, for the packets that meet all of `tenant`, `vm`, `tunnel` with `direction`,
and `flow_id` that are given. Faults act before TCP, so that senders react to them. Several act in the order of the
file.

"""
_STAGES = {
    "vnic": "at the vNIC of the sending machine",
    "encapsulation": "at the sending host, after encapsulation",
    "path": "on the path",
    "decapsulation": "at the receiving host, before decapsulation",
    "capture": "at the observation point",
}
_TRUTH = """
## The truth

```json
{"scenario": "two-tenants", "seed": 1,
 "points": {"uplink-a": {"packets": 812, "flows": [{"flow": 1, "encap": "nvgre", "vsid": 5001}]}},
 "faults": [{"id": "bad-cable", "kind": "loss", "selection": {}, "window": {}, "parameters": {},
             "frames": {"uplink-a": [17, 93]}}]}
```

A flow has all columns of the table [`flows`](tables.md), as an observer at that point has to count it: they are made
from what senders know, not by the analyzer, whose tables are held against them. `frames` of a fault are those in which
packets that it touched passed the point, before and after that, by their numbers in the capture: in one pcapng over all
points, with `--split-by point` in each file from 1. The table of one point in a pcapng with several is that of
`nvgre-inspect flows OUT.pcapng --interface uplink-a`.

## Limits

- Machines send only to machines of their own tenant, which is one virtual subnet: there are no routers between tenants.
- One encapsulation for all hosts. No nesting.
- The underlay's own traffic is what ICMP errors it causes: no ARP, no routing protocols, no IGMP for groups in `bum`.
"""


def markdown() -> str:
    """The text of the page."""
    parts = [_HEAD, f"\n```toml\n{EXAMPLE}```\n", _UNITS]
    for table, (kind, keys) in TABLES.items():
        title = f"[[{table}]]" if table in _ARRAYS else f"[{table}]"
        parts.append(f"\n## `{title}`\n\n{_TITLES[table]}\n\n{markdown_table(kind, keys, toml)}")
    parts += [_WORKLOADS, markdown_table(Workload, workload_keys.COMMON, toml)]
    for name, workload in WORKLOADS.items():
        parts.append(_section(name, workload, workload_keys.BY_KIND[name]))
    parts.append(_SCRIPT)
    parts += [_FAULTS, markdown_table(Fault, fault_keys.COMMON, toml)]
    # The other half of the same table: selections are a dataclass of their own.
    parts.append(markdown_table(Selection, fault_keys.SELECTION, toml).split("\n", 2)[2])
    for name, fault in FAULTS.items():
        where = f" It acts {_STAGES[fault.STAGE]}."
        parts.append(_section(name, fault, fault_keys.BY_KIND[name], where))
    return "".join(parts) + _TRUTH


def _section(name: str, kind: type[Any], keys: tuple[Any, ...], more: str = "") -> str:
    """What one kind of workload or fault is, in the words of its class, and the keys that only it has."""
    meaning = " ".join(str(kind.__doc__).split())
    table = f"\n{markdown_table(kind, keys, toml)}" if keys else ""
    return f"\n### `{name}`\n\n{meaning}{more}\n{table}"


if __name__ == "__main__":
    print(markdown(), end="")
