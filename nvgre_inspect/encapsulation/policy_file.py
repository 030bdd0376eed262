"""Policy files: TOML to Policy and back (docs/policy.md).

    [encapsulation]
    kind = "nvgre"
    [[host]]
    pa = "192.0.2.1"
    mac = "02:00:c0:00:02:01"
    [[subnet]]
    vsid = 5001
    address = [{ pa = "192.0.2.1", mac = "00:15:5d:00:00:01", ca = "10.0.0.1" }]

Errors name the key's path with items counted from 0 (`subnet[2].address[0].pa`), the value and the rule; all that
can be told of a file are told at once: first of single values, and where these are right, of how they fit together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from nvgre_inspect.encapsulation.policy import Address, Encapsulation, Entry, Host, Policy, PolicyError, Subnet
from nvgre_inspect.encapsulation.policy_keys import ADDRESS, ENCAPSULATION, HOST, SUBNET, default
from nvgre_inspect.encapsulation.policy_rules import problems_of
from nvgre_inspect.model import toml_keys
from nvgre_inspect.model.spelling import unknown_keys
from nvgre_inspect.model.toml_keys import Key, TomlError, items, read_table

#: CAs that stand on one line.
_CAS_A_LINE = 8


def load(path: str | Path) -> Policy:
    """The policy in a file. Raises PolicyError, whose sentences begin with the file's name, and OSError."""
    return loads(Path(path).read_bytes(), str(path))


def loads(data: bytes, name: str) -> Policy:
    """The policy in the bytes of a file, which errors call `name`. Raises PolicyError."""
    try:
        return parse(toml_keys.loads(data))
    except TomlError as error:
        raise PolicyError([f"{name}: {problem}" for problem in error.problems]) from None


def parse(document: Mapping[str, Any]) -> Policy:
    """The policy in a parsed TOML document. Raises PolicyError."""
    problems = list(unknown_keys(document, ("encapsulation", "host", "subnet"), ""))
    encapsulation = read_table(document.get("encapsulation", {}), ENCAPSULATION, "encapsulation", problems)
    hosts = [read_table(item, HOST, path, problems) for item, path in items(document, "host", "", problems)]
    subnets: list[dict[str, Any]] = []
    for item, path in items(document, "subnet", "", problems):
        subnet = read_table(item, SUBNET, path, problems, inside=("address",))
        entries = [
            read_table(entry, ADDRESS, where, problems)
            for entry, where in (items(item, "address", f"{path}.", problems) if isinstance(item, dict) else ())
        ]
        subnets.append({"vsid": None, **subnet, "entries": entries})
    if problems:
        raise PolicyError(problems)
    policy = Policy(
        Encapsulation(**encapsulation),
        tuple(Host(**host) for host in hosts),
        tuple(
            Subnet(**{**subnet, "entries": tuple(Entry(**entry) for entry in subnet["entries"])}) for subnet in subnets
        ),
    )
    problems = problems_of(policy)
    if problems:
        raise PolicyError(problems)
    return policy


def dump(policy: Policy, notes: Iterable[str] = ()) -> str:
    """The file of a policy, which `load` reads back equal; `notes` become comments at its top.

    The order is that of the policy. All options that its encapsulation has are written, defaults too: who reads the
    file should not have to look them up.
    """
    names = {host.pa: host.name for host in policy.hosts}
    lines = [*(f"# {_comment(note)}" for note in notes)]
    lines += ["", "[encapsulation]"] if lines else ["[encapsulation]"]
    kind = policy.encapsulation.kind
    for key in ENCAPSULATION:
        applies = not key.kinds or kind in key.kinds
        if applies and (key.name != "vlan_priority" or policy.encapsulation.vlan is not None):
            lines.extend(_line(key, getattr(policy.encapsulation, key.name)))
    for host in policy.hosts:
        lines += ["", "[[host]]"]
        for key in HOST:
            lines.extend(_line(key, getattr(host, key.name), default("host", key)))
    for subnet in policy.subnets:
        lines += ["", "[[subnet]]"]
        for key in SUBNET:
            lines.extend(_line(key, getattr(subnet, key.name), default("subnet", key)))
        lines.extend(_entries(subnet, names))
    return "\n".join(lines) + "\n"


def _line(key: Key, value: Any, without: Any = None) -> Iterator[str]:
    """`key = value`; nothing where the value is what holds without the key."""
    if value is not None and value != without:
        yield f"{key.name} = {toml(value)}"


def _entries(subnet: Subnet, names: Mapping[Any, str]) -> Iterator[str]:
    if not subnet.entries:
        return
    yield "address = ["
    for entry in subnet.entries:
        parts = [f"pa = {toml(entry.pa)}"]
        if entry.mac is not None:
            parts.append(f"mac = {toml(entry.mac)}")
        if entry.cas:
            parts.append(f"ca = {_cas(entry.cas)}")
        name = names.get(entry.pa)
        yield f"    {{ {', '.join(parts)} }}," + (f"  # {_comment(name)}" if name else "")
    yield "]"


def _cas(cas: tuple[Address, ...]) -> str:
    if len(cas) <= _CAS_A_LINE:
        return toml(cas[0] if len(cas) == 1 else cas)
    # Line breaks are allowed in a list, even in a table that has to stay on one line.
    lines = [", ".join(map(toml, cas[i : i + _CAS_A_LINE])) for i in range(0, len(cas), _CAS_A_LINE)]
    return "[\n        " + ",\n        ".join(lines) + ",\n    ]"


def toml(value: Any) -> str:
    """A value of a policy as it stands in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return f'"{value.hex(":")}"'
    if isinstance(value, IPv4Address | IPv6Address):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + " }"
    return _quoted(value)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, which also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    """The text in one line: a comment ends with its line and must not hold control characters."""
    return _quoted(text)[1:-1].replace('\\"', '"')
