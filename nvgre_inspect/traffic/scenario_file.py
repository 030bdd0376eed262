"""Scenario files: TOML to Scenario (docs/scenarios.md).

    [scenario]
    name = "ping"
    [[host]]
    name = "a"
    pa = "192.0.2.1"
    [[tenant]]
    vsid = 5001
    [[tenant.vm]]
    name = "web"
    host = "a"
    [[tenant.workload]]
    kind = "ping"
    [[point]]
    name = "uplink-a"
    uplink = "a"

Errors name the key's path with items counted from 0 (`tenant[0].vm[1].host`), the value and the rule; all that can be
told of a file are told at once: first of single values, and where these are right, of how they fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from nvgre_inspect.encapsulation import policy_file
from nvgre_inspect.encapsulation.policy import Encapsulation, Policy, PolicyError
from nvgre_inspect.encapsulation.policy_keys import ENCAPSULATION
from nvgre_inspect.encapsulation.routing import made_up_mac
from nvgre_inspect.model import toml_keys
from nvgre_inspect.model.spelling import unknown_keys
from nvgre_inspect.model.toml_keys import Key, TomlError, items, read_table
from nvgre_inspect.traffic import fault_keys, workload_keys
from nvgre_inspect.traffic.addressing import TenantAddresses
from nvgre_inspect.traffic.fault_specs import FAULTS, Fault, Selection
from nvgre_inspect.traffic.scenario import GivenFrame, HostSpec, LinkSpec, PathSpec, Point, Scenario, TCPOptions, Tenant
from nvgre_inspect.traffic.scenario_keys import FRAME, HOST, LINK, MACHINE, PATH, POINT, SCENARIO, TCP, TENANT
from nvgre_inspect.traffic.scenario_rules import problems_of
from nvgre_inspect.traffic.workload_specs import WORKLOADS, Workload

_TABLES = ("scenario", "underlay", "encapsulation", "host", "path", "tenant", "fault", "point", "frame")
_INSIDE_TENANT = ("tcp", "vm", "workload")
#: What a scenario without paths has.
_ONLY_PATH = "fabric"

Values = dict[str, Any]


class ScenarioError(TomlError):
    """A scenario that cannot be played: `problems` has a sentence for each rule broken, which names the key's path."""


def load(path: str | Path) -> Scenario:
    """The scenario in a file. Raises ScenarioError, whose sentences begin with the file's name, and OSError."""
    return loads(Path(path).read_bytes(), str(path), Path(path).parent)


def loads(data: bytes, name: str, folder: Path) -> Scenario:
    """The scenario in the bytes of a file, which errors call `name`; `folder` is where files that it names are.

    Raises ScenarioError.
    """
    try:
        return parse(toml_keys.loads(data), folder)
    except TomlError as error:
        raise ScenarioError([f"{name}: {problem}" for problem in error.problems]) from None


def parse(document: Mapping[str, Any], folder: Path) -> Scenario:
    """The scenario in a parsed TOML document. Raises ScenarioError."""
    problems = list(unknown_keys(document, _TABLES, ""))
    values = read_table(document.get("scenario", {}), SCENARIO, "scenario", problems)
    policy = _policy(values.pop("policy", None), folder, problems)
    links = read_table(document.get("underlay", {}), LINK, "underlay", problems)
    encapsulation = read_table(document.get("encapsulation", {}), ENCAPSULATION, "encapsulation", problems)
    if policy is not None and encapsulation:
        problems.append("encapsulation: makes no sense beside scenario.policy, which has its own")
    hosts = _several(document, "host", "", (*HOST, *LINK), problems)
    paths = _several(document, "path", "", (*PATH, *LINK), problems)
    tenants = [_tenant_values(item, path, problems) for item, path in items(document, "tenant", "", problems)]
    faults = [_of_kind(item, path, _fault_keys, problems) for item, path in items(document, "fault", "", problems)]
    points = _several(document, "point", "", POINT, problems)
    frames = _several(document, "frame", "", FRAME, problems)
    if problems:
        raise ScenarioError(problems)
    reader = _Reader(links, hosts, tenants, problems)
    scenario = Scenario(
        **values,
        encapsulation=Encapsulation(**encapsulation) if policy is None else policy.encapsulation,
        hosts=reader.hosts,
        paths=tuple(reader.path(path) for path in paths) or (PathSpec(name=_ONLY_PATH, link=LinkSpec(**links)),),
        tenants=tuple(reader.tenant(i, tenant) for i, tenant in enumerate(tenants)),
        faults=tuple(reader.fault(i, fault) for i, fault in enumerate(faults)),
        points=tuple(reader.point(i, point) for i, point in enumerate(points)),
        frames=tuple(GivenFrame(**frame) for frame in frames),
        policy=policy,
    )
    problems = problems or problems_of(scenario)
    if problems:
        raise ScenarioError(problems)
    return scenario


def _policy(name: str | None, folder: Path, problems: list[str]) -> Policy | None:
    if name is None:
        return None
    try:
        return policy_file.load(folder / name)
    except PolicyError as error:
        problems.extend(f"scenario.policy: {problem}" for problem in error.problems)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else "no file name"
        problems.append(f"scenario.policy: {name}: {reason}")
    return None


def _several(table: Mapping[str, Any], key: str, prefix: str, keys: Iterable[Key], problems: list[str]) -> list[Values]:
    return [read_table(item, keys, path, problems) for item, path in items(table, key, prefix, problems)]


def _tenant_values(item: object, path: str, problems: list[str]) -> Values:
    values = read_table(item, TENANT, path, problems, inside=_INSIDE_TENANT)
    if not isinstance(item, dict):
        return values
    values["tcp"] = read_table(item.get("tcp", {}), TCP, f"{path}.tcp", problems)
    values["vm"] = _several(item, "vm", f"{path}.", MACHINE, problems)
    values["workload"] = [
        _of_kind(workload, where, _workload_keys, problems)
        for workload, where in items(item, "workload", f"{path}.", problems)
    ]
    return values


def _workload_keys(kind: str) -> tuple[Key, ...]:
    return (*workload_keys.COMMON, *workload_keys.BY_KIND.get(kind, ()))


def _fault_keys(kind: str) -> tuple[Key, ...]:
    return (*fault_keys.COMMON, *fault_keys.SELECTION, *fault_keys.BY_KIND.get(kind, ()))


def _of_kind(item: object, path: str, keys_of: Callable[[str], tuple[Key, ...]], problems: list[str]) -> Values:
    """The values of a table whose keys depend on its `kind`."""
    kind = item.get("kind") if isinstance(item, dict) else None
    known = isinstance(kind, str) and (kind in WORKLOADS or kind in FAULTS)
    keys = keys_of(kind) if isinstance(kind, str) else keys_of("")
    if isinstance(item, dict) and not known:
        # What goes with it cannot be told; that it is missing or wrong is what has to be said.
        item = {"kind": kind} if "kind" in item else {}
    return read_table(item, keys, path, problems)


class _Reader:
    """Values of tables to dataclasses: defaults that depend on other tables, names that stand for numbers."""

    def __init__(self, links: Values, hosts: list[Values], tenants: list[Values], problems: list[str]) -> None:
        self._links = links
        self._problems = problems
        self._vsids = {values["name"]: values["vsid"] for values in tenants if "name" in values}
        self.hosts = tuple(map(self._host, hosts))

    def _link(self, values: Values) -> LinkSpec:
        """Takes the keys of a link away from `values`."""
        own = {key.field or key.name: key for key in LINK}
        return LinkSpec(**{**self._links, **{name: values.pop(name) for name in own if name in values}})

    def _host(self, values: Values) -> HostSpec:
        link = self._link(values)
        return HostSpec(**{"mac": made_up_mac(values["pa"]), **values}, link=link)

    def path(self, values: Values) -> PathSpec:
        link = self._link(values)
        return PathSpec(**values, link=link)

    def tenant(self, index: int, values: Values) -> Tenant:
        path = f"tenant[{index}]"
        addresses = TenantAddresses(index, values.pop("subnet", None))
        machines = addresses.machines(
            values.pop("vm"), values.pop("vms", 0), [host.name for host in self.hosts], path, self._problems
        )
        workloads = tuple(map(_workload, range(len(values["workload"])), values.pop("workload")))
        tcp = TCPOptions(**values.pop("tcp"))
        return Tenant(**values, tcp=tcp, vms=tuple(machines), workloads=workloads)

    def fault(self, index: int, values: Values) -> Fault:
        kind = values.pop("kind")
        selected = {
            key.field or key.name: values.pop(key.field or key.name)
            for key in fault_keys.SELECTION
            if (key.field or key.name) in values
        }
        if isinstance(selected.get("tenant"), str):
            selected["tenant"] = self._vsid(selected["tenant"], f"fault[{index}].tenant")
        return FAULTS[kind](**{"id": f"{kind}-{index}", **values}, selection=Selection(**selected))

    def point(self, index: int, values: Values) -> Point:
        if "vnic" in values:
            values["vnic"] = self._vnic(values["vnic"], f"point[{index}].vnic")
        return Point(**values)

    def _vnic(self, text: str, path: str) -> tuple[int, str]:
        tenant, _, machine = text.partition("/")
        if not machine:
            self._problems.append(f'{path}: has to be a tenant and a machine as "5001/web", not {text!r}')
            return -1, ""
        return (int(tenant) if tenant.isdecimal() else self._vsid(tenant, path)), machine

    def _vsid(self, name: str, path: str) -> int:
        if name not in self._vsids:
            self._problems.append(f"{path}: {name} is not the name of any tenant")
            return -1
        vsid: int = self._vsids[name]
        return vsid


def _workload(index: int, values: Values) -> Workload:
    kind = values.pop("kind")
    return WORKLOADS[kind](**{"name": f"{kind}-{index}", **values})
