"""Who is where: the policy that a scenario's hosts follow, and what follows from it for the machines."""

from __future__ import annotations

import dataclasses

from dissectors import offsets
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.policy import Address, Entry, Host, Policy, Subnet
from nvgre_inspect.traffic.fabric import LEAF_MAC
from nvgre_inspect.traffic.scenario import Scenario, Tenant


def policy_of(scenario: Scenario) -> Policy:
    """The policy that was given, else the one that has everything where it is."""
    if scenario.policy is not None:
        return scenario.policy
    pas = {host.name: host.pa for host in scenario.hosts}
    routed = any(path.hops for path in scenario.paths)
    return Policy(
        scenario.encapsulation,
        tuple(Host(host.pa, host.mac, LEAF_MAC if routed else None, name=host.name) for host in scenario.hosts),
        tuple(
            Subnet(
                tenant.vsid,
                tuple(Entry(pas[vm.host], vm.mac, vm.ips) for vm in tenant.vms),
                tenant.bum,
                tenant.unknown,
                tenant.name,
            )
            for tenant in scenario.tenants
        ),
    )


def with_moved(policy: Policy, vsid: int, mac: bytes, pa: Address) -> Policy:
    """The policy with the machine that has this MAC address behind another provider address."""
    return dataclasses.replace(
        policy,
        subnets=tuple(
            subnet
            if subnet.vsid != vsid
            else dataclasses.replace(
                subnet,
                entries=tuple(
                    dataclasses.replace(entry, pa=pa) if entry.mac == mac else entry for entry in subnet.entries
                ),
            )
            for subnet in policy.subnets
        ),
    )


def inner_mtu(scenario: Scenario, tenant: Tenant) -> int:
    """The longest IP packet of the tenant's machines: its own MTU, else what fits into all links of the underlay."""
    if tenant.mtu:
        return tenant.mtu
    limits = [host.link.mtu for host in scenario.hosts] + [path.link.mtu for path in scenario.paths]
    limits += [scenario.encapsulation.mtu] if scenario.encapsulation.mtu else []
    family = max((host.pa.version for host in scenario.hosts), default=4)
    return min(limits) - outer.overhead(scenario.encapsulation, family) - offsets.ETH_LEN
