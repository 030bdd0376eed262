"""What has to hold between the values of a scenario: each rule broken by itself."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address
from typing import Any

import pytest

from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.traffic import fault_specs as faults
from nvgre_inspect.traffic import workload_specs as workloads
from nvgre_inspect.traffic.fault_specs import Selection
from nvgre_inspect.traffic.mapping import inner_mtu, policy_of, with_moved
from nvgre_inspect.traffic.scenario import VM, HostSpec, LinkSpec, PathSpec, Point, Scenario, Tenant
from nvgre_inspect.traffic.scenario_rules import problems_of

WEB = Selection(tenant=5001, vm="web")


def host(name: str, pa: str, **link: Any) -> HostSpec:
    return HostSpec(name=name, pa=ip_address(pa), mac=bytes((2, 0, 0, 0, 0, ord(name))), link=LinkSpec(**link))


def vm(name: str, where: str, number: int, *ips: str) -> VM:
    addresses = tuple(ip_address(ip) for ip in ips or (f"10.0.0.{number}",))
    prefixes = tuple(24 if ip.version == 4 else 64 for ip in addresses)
    return VM(name=name, host=where, mac=bytes((0, 0, 0, 0, 0, number)), ips=addresses, prefixes=prefixes)


MACHINES = (vm("web", "a", 1), vm("db", "b", 2))
BLUE = Tenant(vsid=5001, name="blue", vms=MACHINES, workloads=(workloads.Ping(name="ping"),))
GOOD = Scenario(
    name="good",
    hosts=(host("a", "192.0.2.1"), host("b", "192.0.2.2")),
    paths=(PathSpec(name="s1"),),
    tenants=(BLUE,),
    points=(Point(name="up", uplink="a"),),
)


def scenario(**changes: Any) -> Scenario:
    return dataclasses.replace(GOOD, **changes)


def tenant(**changes: Any) -> Scenario:
    return scenario(tenants=(dataclasses.replace(BLUE, **changes),))


def workload(kind: type[workloads.Workload], **values: Any) -> Scenario:
    return tenant(workloads=(kind(name="w", **values),))


def fault(kind: type[faults.Fault], **values: Any) -> Scenario:
    return scenario(faults=(kind(id="f", **values),))


def test_a_good_scenario_breaks_no_rule():
    assert problems_of(GOOD) == []


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (scenario(hosts=(), tenants=()), "host: at least one [[host]] is needed"),
        (scenario(points=()), "point: at least one [[point]] is needed, or nothing is recorded"),
        (
            scenario(hosts=(host("a", "192.0.2.1"), host("b", "192.0.2.1"))),
            "host[1].pa: 192.0.2.1 is already that of host[0]",
        ),
        (
            scenario(hosts=(*GOOD.hosts, host("a", "192.0.2.3"))),
            "host[2].name: a is already that of host[0]",
        ),
        (
            scenario(hosts=(*GOOD.hosts, host("c", "2001:db8::1"))),
            "host[2].pa: 2001:db8::1 is of another IP version than that of host[0]",
        ),
        (scenario(paths=(PathSpec(name="s"), PathSpec(name="s"))), "path[1].name: s is already that of path[0]"),
        (
            scenario(paths=(PathSpec(name="s1"), PathSpec(name="s2", hops=0))),
            "path[1].hops: 0 does not go with 1 of path[0]: all are routed or none",
        ),
        (
            scenario(encapsulation=Encapsulation(kind="ipip"), tenants=()),
            "encapsulation.kind: ipip carries no Ethernet, which machines send",
        ),
        (scenario(tenants=(BLUE, BLUE)), "tenant[1].vsid: 5001 is already that of tenant[0]"),
        (tenant(vsid=7), "tenant[0].vsid: 7 is not between 4096 and 16777214"),
        (tenant(vms=(*MACHINES, vm("web", "a", 3))), "tenant[0].vm[2].name: web is already that of tenant[0].vm[0]"),
        (tenant(vms=(*MACHINES, vm("x", "c", 3))), "tenant[0].vm[2].host: c is not the name of any host"),
        (tenant(vms=(*MACHINES, vm("x", "a", 2))), "tenant[0].vm[2].mac: 00:00:00:00:00:02 is already that of"),
        (
            tenant(vms=(*MACHINES, vm("x", "a", 3, "10.0.0.2"))),
            "tenant[0].vm[2].ip: 10.0.0.2 is already that of tenant[0].vm[1]",
        ),
        (
            scenario(hosts=(host("a", "192.0.2.1", mtu=600), host("b", "192.0.2.2"))),
            "tenant[0].mtu: 558 bytes are left",
        ),
        (workload(workloads.Ping, clients=("x",)), "tenant[0].workload[0].clients: x is not a machine of the tenant"),
        (workload(workloads.Ping, family=6), "tenant[0].workload[0]: needs two machines with an IPv6 address"),
        (
            workload(workloads.Ping, servers=("web",), family=6),
            "tenant[0].workload[0].servers: web has no IPv6 address",
        ),
        (
            workload(workloads.Ping, clients=("web",), servers=("web",)),
            "tenant[0].workload[0]: needs two machines",
        ),
        (
            workload(workloads.Ping, start_ns=5, stop_ns=5),
            "tenant[0].workload[0].until: is not after tenant[0].workload[0].from",
        ),
        (workload(workloads.Multicast, group="ff05::1"), "tenant[0].workload[0].group: ff05::1 is not an IPv4 address"),
        (workload(workloads.DHCP), "tenant[0].workload[0].servers: DHCP needs one server"),
        (workload(workloads.DHCP, family=6), "tenant[0].workload[0].family: DHCP here is that of IPv4"),
        (
            tenant(workloads=(workloads.Ping(name="w"), workloads.DNS(name="w"))),
            "tenant[0].workload[1].name: w is already that of tenant[0].workload[0]",
        ),
        (scenario(points=(Point(name="p"),)), "point[0]: needs one of vnic, uplink and path"),
        (
            scenario(points=(Point(name="p", uplink="a", path="s1"),)),
            "point[0]: needs one of vnic, uplink and path",
        ),
        (scenario(points=(Point(name="p", uplink="c"),)), "point[0].uplink: c is not the name of any host"),
        (scenario(points=(Point(name="p", path="s2"),)), "point[0].path: s2 is not the name of any path"),
        (scenario(points=(Point(name="p", vnic=(5001, "x")),)), "point[0].vnic: 5001/x is no machine"),
        (
            scenario(points=(Point(name="p", uplink="a"), Point(name="q", uplink="a"))),
            "point[1]: is in the same place as point[0]",
        ),
        (
            scenario(points=(Point(name="p", uplink="a"), Point(name="p", uplink="b"))),
            "point[1].name: p is already that of point[0]",
        ),
        (
            scenario(faults=(faults.Loss(id="f"), faults.Delay(id="f"))),
            "fault[1].id: f is already that of fault[0]",
        ),
        (fault(faults.Loss, from_ns=2, until_ns=1), "fault[0].until: is not after fault[0].from"),
        (
            fault(faults.Loss, selection=Selection(tenant=5002)),
            "fault[0].tenant: 5002 is not the vsid of any tenant",
        ),
        (fault(faults.Loss, selection=Selection(vm="web")), "fault[0].vm: web needs its tenant"),
        (
            fault(faults.Loss, selection=Selection(tenant=5001, vm="x")),
            "fault[0].vm: x is not a machine of tenant 5001",
        ),
        (
            fault(faults.Loss, selection=Selection(tunnel=("a", "c"))),
            "fault[0].tunnel: c is not the name of any host",
        ),
        (fault(faults.Loss, selection=Selection(tunnel=("a", "a"))), "fault[0].tunnel: a is there twice"),
        (
            fault(faults.Loss, selection=Selection(direction="forward")),
            "fault[0].direction: forward needs two hosts",
        ),
        (
            fault(faults.Migration, selection=WEB, to="b", until_ns=5),
            "fault[0].until: a machine that has moved stays there: migration has no end",
        ),
        (fault(faults.Migration, to="b"), "fault[0].vm: is missing: migration is about one machine"),
        (fault(faults.Migration, to="c", selection=WEB), "fault[0].to: c is not the name of any host"),
        (fault(faults.Migration, to="a", selection=WEB), "fault[0].to: web is on a already"),
        (fault(faults.DuplicateMAC, other="x", selection=WEB), "fault[0].other: x is not a machine of tenant 5001"),
        (fault(faults.DuplicateMAC, other="web", selection=WEB), "fault[0].other: web is fault[0].vm itself"),
        (fault(faults.ARPUnanswered), "fault[0].vm: is missing: arp-unanswered is about one machine"),
        (fault(faults.BadECMPMember, path="s9"), "fault[0].path: s9 is not the name of any path"),
        (fault(faults.Clock, point="x"), "fault[0].point: x is not the name of any point"),
        (fault(faults.CaptureDrops, point="x"), "fault[0].point: x is not the name of any point"),
        (fault(faults.ReservedVSID, vsid=5001), "fault[0].vsid: 5001 is not reserved"),
        (fault(faults.FlowIDConstant, value=256), "fault[0].value: 256 is no FlowID, which has 8 bits"),
        (
            dataclasses.replace(fault(faults.GREFlags), encapsulation=Encapsulation(kind="vxlan")),
            "fault[0].kind: gre-flags needs nvgre or gretap, not vxlan",
        ),
        (
            dataclasses.replace(fault(faults.ReservedVSID), encapsulation=Encapsulation(kind="vxlan")),
            "fault[0].kind: reserved-vsid needs nvgre, not vxlan",
        ),
        (
            dataclasses.replace(
                fault(faults.Fragmentation), hosts=(host("a", "2001:db8::1"), host("b", "2001:db8::2"))
            ),
            "fault[0].kind: fragmentation needs provider addresses of IPv4",
        ),
    ],
)
def test_a_rule_that_is_broken_is_said(broken, sentence):
    found = problems_of(broken)
    assert any(problem.startswith(sentence) for problem in found), found


def test_the_policy_has_everything_where_it_is():
    policy = policy_of(GOOD)
    (subnet,) = policy.subnets
    assert [(entry.pa, entry.mac, entry.cas) for entry in subnet.entries] == [
        (GOOD.hosts[0].pa, MACHINES[0].mac, MACHINES[0].ips),
        (GOOD.hosts[1].pa, MACHINES[1].mac, MACHINES[1].ips),
    ]
    assert all(host.next_hop is not None for host in policy.hosts)
    switched = scenario(paths=(PathSpec(name="s1", hops=0),))
    assert all(host.next_hop is None for host in policy_of(switched).hosts)


def test_a_machine_moves_in_the_policy_and_nothing_else_does():
    policy = policy_of(scenario(tenants=(BLUE, dataclasses.replace(BLUE, vsid=5002))))
    moved = with_moved(policy, 5001, MACHINES[0].mac, GOOD.hosts[1].pa)
    pas = [[entry.pa for entry in subnet.entries] for subnet in moved.subnets]
    a, b = (host.pa for host in GOOD.hosts)
    assert pas == [[b, b], [a, b]]


@pytest.mark.parametrize(
    ("kind", "pa", "mtu"),
    [("nvgre", "192.0.2.1", 1500 - 42), ("nvgre", "2001:db8::1", 1500 - 62), ("vxlan", "192.0.2.1", 1500 - 50)],
)
def test_machines_use_what_the_narrowest_link_leaves(kind, pa, mtu):
    narrow = scenario(
        hosts=(host("a", pa),),
        paths=(PathSpec(name="s1", link=LinkSpec(mtu=1500)),),
        encapsulation=Encapsulation(kind=kind),
    )
    assert inner_mtu(narrow, BLUE) == mtu
    assert inner_mtu(narrow, dataclasses.replace(BLUE, mtu=900)) == 900
    limited = dataclasses.replace(narrow, encapsulation=Encapsulation(kind=kind, mtu=1400))
    assert inner_mtu(limited, BLUE) == mtu - 100
