"""What has to hold between the values of a scenario; single values are checked as they are read (`scenario_keys`).

`problems_of` works on a Scenario, however it was made, and names paths as a scenario file has them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from nvgre_inspect.encapsulation.outer import CARRIES_IP
from nvgre_inspect.encapsulation.policy_rules import problems_of as policy_problems
from nvgre_inspect.traffic import fault_specs as faults
from nvgre_inspect.traffic import workload_specs as workloads
from nvgre_inspect.traffic.mapping import inner_mtu, policy_of
from nvgre_inspect.traffic.scenario import Point, Scenario, Tenant

_Name = TypeVar("_Name", bound=Hashable)
#: The smallest MTU of an IPv4 host (RFC 791), and of an IPv6 link (RFC 8200 section 5).
_LEAST_MTU = {4: 576, 6: 1280}
#: Kinds whose GRE header may have checksum and sequence number, by the bytes if not by right.
_OF_GRE_FIELDS = frozenset({"nvgre", "gretap"})


def problems_of(scenario: Scenario) -> list[str]:
    """A sentence for each rule that is broken; empty: the scenario can be played."""
    return [
        *_of_underlay(scenario),
        *_of_policy(scenario),
        *(problem for i, tenant in enumerate(scenario.tenants) for problem in _of_tenant(scenario, tenant, i)),
        *_of_points(scenario),
        *_of_faults(scenario),
        *_of_frames(scenario),
    ]


def _doubles(names: Iterable[_Name], path: str) -> Iterator[str]:
    """Sentences on names that are there twice; `path` has a place for the number of the item."""
    seen: dict[_Name, int] = {}
    for i, name in enumerate(names):
        first = seen.setdefault(name, i)
        if first != i:
            yield f"{path.format(i)}: {name} is already that of {path.format(first).rpartition('.')[0]}"


def _of_underlay(scenario: Scenario) -> Iterator[str]:
    if not scenario.hosts:
        yield "host: at least one [[host]] is needed"
    yield from _doubles([host.name for host in scenario.hosts], "host[{}].name")
    yield from _doubles([path.name for path in scenario.paths], "path[{}].name")
    for i, host in enumerate(scenario.hosts):
        if host.pa.version != scenario.hosts[0].pa.version:
            yield f"host[{i}].pa: {host.pa} is of another IP version than that of host[0]"
    for i, path in enumerate(scenario.paths):
        first = scenario.paths[0].hops
        # Hosts send to a router or to each other, whichever path it will be.
        if bool(path.hops) != bool(first):
            yield f"path[{i}].hops: {path.hops} does not go with {first} of path[0]: all are routed or none"
    if scenario.encapsulation.kind in CARRIES_IP:
        yield f"encapsulation.kind: {scenario.encapsulation.kind} carries no Ethernet, which machines send"


def _of_policy(scenario: Scenario) -> Iterator[str]:
    """The policy's own rules, which hold for encapsulation, hosts and tenants; in the words of a scenario."""
    if scenario.policy is not None:
        pas = {host.pa for host in scenario.policy.hosts}
        for i, host in enumerate(scenario.hosts):
            if host.pa not in pas:
                yield f"host[{i}].pa: {host.pa} is not in the policy that scenario.policy names"
        return
    if len({host.name for host in scenario.hosts}) < len(scenario.hosts) or _homeless(scenario):
        return
    for problem in policy_problems(policy_of(scenario)):
        words = re.sub(r"subnet\[(\d+)\]", r"tenant[\1]", problem)
        words = re.sub(r"address\[(\d+)\]\.ca", r"vm[\1].ip", words)
        yield re.sub(r"address\[(\d+)\]", r"vm[\1]", words)


def _homeless(scenario: Scenario) -> bool:
    hosts = {host.name for host in scenario.hosts}
    return any(vm.host not in hosts for tenant in scenario.tenants for vm in tenant.vms)


def _of_tenant(scenario: Scenario, tenant: Tenant, index: int) -> Iterator[str]:
    path = f"tenant[{index}]"
    hosts = {host.name for host in scenario.hosts}
    yield from _doubles([vm.name for vm in tenant.vms], path + ".vm[{}].name")
    for i, vm in enumerate(tenant.vms):
        if vm.host not in hosts:
            yield f"{path}.vm[{i}].host: {vm.host} is not the name of any host"
    if scenario.encapsulation.kind not in CARRIES_IP and scenario.hosts:
        family = max((ip.version for vm in tenant.vms for ip in vm.ips), default=4)
        if inner_mtu(scenario, tenant) < _LEAST_MTU[family]:
            yield (
                f"{path}.mtu: {inner_mtu(scenario, tenant)} bytes are left for machines' packets by the links; "
                f"IPv{family} needs {_LEAST_MTU[family]}"
            )
    yield from _doubles([workload.name for workload in tenant.workloads], path + ".workload[{}].name")
    for i, workload in enumerate(tenant.workloads):
        yield from _of_workload(tenant, workload, f"{path}.workload[{i}]")


def _of_workload(tenant: Tenant, workload: workloads.Workload, path: str) -> Iterator[str]:
    machines = {vm.name: vm for vm in tenant.vms}
    for key, names in (("clients", workload.clients), ("servers", workload.servers)):
        for name in names:
            if name not in machines:
                yield f"{path}.{key}: {name} is not a machine of the tenant"
            elif machines[name].ip(workload.family) is None:
                yield f"{path}.{key}: {name} has no IPv{workload.family} address"
    able = [vm.name for vm in tenant.vms if vm.ip(workload.family) is not None]
    clients, servers = workload.clients or able, workload.servers or able
    if not clients or not any(server != client for client in clients for server in servers):
        yield f"{path}: needs two machines with an IPv{workload.family} address, a client and a server"
    if workload.stop_ns and workload.stop_ns <= workload.start_ns:
        yield f"{path}.until: is not after {path}.from"
    if isinstance(workload, workloads.Multicast) and (":" in workload.group) != (workload.family == 6):
        yield f"{path}.group: {workload.group} is not an IPv{workload.family} address"
    if isinstance(workload, workloads.DHCP) and workload.family == 6:
        yield f"{path}.family: DHCP here is that of IPv4"
    if isinstance(workload, workloads.DHCP) and len(workload.servers) != 1:
        yield f"{path}.servers: DHCP needs one server"


def _of_points(scenario: Scenario) -> Iterator[str]:
    if not scenario.points:
        yield "point: at least one [[point]] is needed, or nothing is recorded"
    yield from _doubles([point.name for point in scenario.points], "point[{}].name")
    places: dict[tuple[object, ...], int] = {}
    for i, point in enumerate(scenario.points):
        first = places.setdefault((point.vnic, point.uplink, point.path), i)
        if first != i:
            yield f"point[{i}]: is in the same place as point[{first}]"
    for i, point in enumerate(scenario.points):
        yield from _of_point(scenario, point, f"point[{i}]")


def _of_point(scenario: Scenario, point: Point, path: str) -> Iterator[str]:
    if sum(place is not None for place in (point.vnic, point.uplink, point.path)) != 1:
        yield f"{path}: needs one of vnic, uplink and path"
    if point.vnic is not None and point.vnic not in {
        (tenant.vsid, vm.name) for tenant in scenario.tenants for vm in tenant.vms
    }:
        yield f"{path}.vnic: {point.vnic[0]}/{point.vnic[1]} is no machine"
    if point.uplink is not None and point.uplink not in {host.name for host in scenario.hosts}:
        yield f"{path}.uplink: {point.uplink} is not the name of any host"
    if point.path is not None and point.path not in {spec.name for spec in scenario.paths}:
        yield f"{path}.path: {point.path} is not the name of any path"


def _of_faults(scenario: Scenario) -> Iterator[str]:
    yield from _doubles([fault.id for fault in scenario.faults], "fault[{}].id")
    for i, fault in enumerate(scenario.faults):
        path = f"fault[{i}]"
        yield from _of_selection(scenario, fault.selection, path)
        if fault.until_ns and fault.until_ns <= fault.from_ns:
            yield f"{path}.until: is not after {path}.from"
        yield from _of_names(scenario, fault, path)
        yield from _of_machines(scenario, fault, path)
        yield from _of_headers(scenario, fault, path)


def _of_selection(scenario: Scenario, selection: faults.Selection, path: str) -> Iterator[str]:
    tenants = {tenant.vsid: tenant for tenant in scenario.tenants}
    if selection.tenant is not None and selection.tenant not in tenants:
        yield f"{path}.tenant: {selection.tenant} is not the vsid of any tenant"
    elif selection.vm is not None and selection.tenant is None:
        yield f"{path}.vm: {selection.vm} needs its tenant: {path}.tenant is missing"
    elif selection.vm is not None and selection.tenant is not None:
        yield from _machine(tenants[selection.tenant], selection.vm, f"{path}.vm")
    hosts = [host.name for host in scenario.hosts]
    for name in selection.tunnel or ():
        if name not in hosts:
            yield f"{path}.tunnel: {name} is not the name of any host"
    if selection.tunnel and selection.tunnel[0] == selection.tunnel[1]:
        yield f"{path}.tunnel: {selection.tunnel[0]} is there twice"
    if selection.direction != "both" and selection.tunnel is None:
        yield f"{path}.direction: {selection.direction} needs two hosts: {path}.tunnel is missing"


def _machine(tenant: Tenant, name: str, path: str) -> Iterator[str]:
    if name not in {vm.name for vm in tenant.vms}:
        yield f"{path}: {name} is not a machine of tenant {tenant.vsid}"


def _of_names(scenario: Scenario, fault: faults.Fault, path: str) -> Iterator[str]:
    """Hosts, paths and points that faults name."""
    if isinstance(fault, faults.Migration):
        yield from _known(fault.to, [host.name for host in scenario.hosts], f"{path}.to", "host")
        if fault.until_ns:
            yield f"{path}.until: a machine that has moved stays there: {fault.KIND} has no end"
    if isinstance(fault, faults.BadECMPMember):
        yield from _known(fault.path, [spec.name for spec in scenario.paths], f"{path}.path", "path")
    if isinstance(fault, faults.MirrorDuplicates | faults.Clock | faults.CaptureDrops):
        yield from _known(fault.point, [point.name for point in scenario.points], f"{path}.point", "point")


def _of_frames(scenario: Scenario) -> Iterator[str]:
    for i, given in enumerate(scenario.frames):
        yield from _known(given.point, [point.name for point in scenario.points], f"frame[{i}].point", "point")


def _known(name: str, names: Sequence[str], path: str, what: str) -> Iterator[str]:
    if name not in names:
        yield f"{path}: {name} is not the name of any {what}"


def _of_machines(scenario: Scenario, fault: faults.Fault, path: str) -> Iterator[str]:
    """Faults that are about a certain machine."""
    if not isinstance(fault, faults.Migration | faults.DuplicateMAC | faults.ARPUnanswered):
        return
    tenant = next((tenant for tenant in scenario.tenants if tenant.vsid == fault.selection.tenant), None)
    vm = next((vm for vm in tenant.vms if vm.name == fault.selection.vm), None) if tenant else None
    if tenant is None or vm is None:
        yield f"{path}.vm: is missing: {fault.KIND} is about one machine, of {path}.tenant"
    elif isinstance(fault, faults.DuplicateMAC):
        yield from _machine(tenant, fault.other, f"{path}.other")
        if fault.other == vm.name:
            yield f"{path}.other: {fault.other} is {path}.vm itself"
    elif isinstance(fault, faults.Migration) and fault.to == vm.host:
        yield f"{path}.to: {vm.name} is on {fault.to} already"


def _of_headers(scenario: Scenario, fault: faults.Fault, path: str) -> Iterator[str]:
    """Faults that need something of the encapsulation."""
    kind = scenario.encapsulation.kind
    if isinstance(fault, faults.GREFlags) and kind not in _OF_GRE_FIELDS:
        yield f"{path}.kind: {fault.KIND} needs nvgre or gretap, not {kind}"
    if isinstance(fault, faults.ReservedVSID):
        if kind != "nvgre":
            yield f"{path}.kind: {fault.KIND} needs nvgre, not {kind}: RFC 7637 section 3.4 is about VSIDs"
        elif 0xFFF < fault.vsid < 0xFFFFFF:
            yield f"{path}.vsid: {fault.vsid} is not reserved: 0 to 4095 and 16777215 are (RFC 7637 section 3.4)"
    if isinstance(fault, faults.FlowIDConstant) and kind == "nvgre" and fault.value > 0xFF:
        yield f"{path}.value: {fault.value} is no FlowID, which has 8 bits"
    if isinstance(fault, faults.Fragmentation) and scenario.hosts and scenario.hosts[0].pa.version == 6:
        yield f"{path}.kind: {fault.KIND} needs provider addresses of IPv4: IPv6 routers never fragment"
