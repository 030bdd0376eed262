"""Roles: which host of a policy this machine is, which subnets it serves on which device, and what a gateway cannot do.

Limits: NVGRE only (`kind = "nvgre"`): it is the form that `reception` takes.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Sequence
from typing import NamedTuple

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.encapsulation.outer import overhead
from nvgre_inspect.encapsulation.policy import Address, Host, Policy, Subnet

#: The MTU that machines expect of an Ethernet network.
_ETHERNET_MTU = 1500


class Port(NamedTuple):
    """A subnet and the name of the TAP device at which its frames go in and out."""

    subnet: Subnet
    tap: str


def check_kind(policy: Policy) -> None:
    """CaptureError where the policy is for another encapsulation."""
    kind = policy.encapsulation.kind
    if kind != "nvgre":
        raise CaptureError(f'encapsulation.kind: a gateway speaks nvgre only, and the policy says "{kind}"')


def ports_of(policy: Policy, taps: Sequence[tuple[int | None, str]]) -> list[Port]:
    """The subnets of pairs of VSID (None: the policy has only one) and device. CaptureError for what does not fit."""
    by_vsid = {subnet.vsid: subnet for subnet in policy.subnets if subnet.vsid is not None}
    known = ", ".join(map(str, by_vsid)) or "none"
    ports: list[Port] = []
    for vsid, name in taps:
        if vsid is None and len(by_vsid) != 1:
            raise CaptureError(f"{name}: for which subnet? --tap VSID={name}; the policy has {known}")
        subnet = next(iter(by_vsid.values())) if vsid is None else by_vsid.get(vsid)
        if subnet is None:
            raise CaptureError(f"{name}: the policy has no subnet {vsid}; it has {known}")
        for port in ports:
            if port.subnet is subnet or port.tap == name:
                twice = f"the device {name}" if port.tap == name else f"subnet {subnet.vsid}"
                raise CaptureError(f"{twice} is there twice: one device a subnet")
        ports.append(Port(subnet, name))
    return ports


def find_host(policy: Policy, interface: str, pa: Address | None = None) -> Host:
    """The host that this machine is: the one with `pa`, else the only one whose provider address is an address of this
    machine, on whichever interface. CaptureError if there is none, or several.
    """
    hosts = [host for host in policy.hosts if pa is None or host.pa == pa]
    if not hosts:
        raise CaptureError(f"the policy has no host {pa}" if pa else "the policy has no hosts")
    here = [host for host in hosts if _is_local(host.pa, interface)]
    if not here:
        length = 24 if hosts[0].pa.version == 4 else 64
        names = ", ".join(str(host.pa) for host in hosts[:8])
        raise CaptureError(
            f"no host of the policy is this machine ({names}): "
            f"ip address add {hosts[0].pa}/{length} dev {interface}, if it is to be that one"
        )
    if len(here) > 1:
        names = ", ".join(str(host.pa) for host in here)
        raise CaptureError(f"several hosts of the policy are this machine ({names}): --pa ADDRESS says which")
    return here[0]


def _is_local(pa: Address, interface: str) -> bool:
    """Whether an address is this machine's. An IPv6 address that is still being checked (tentative) is not."""
    four = pa.version == 4
    with socket.socket(socket.AF_INET if four else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            # Link-local addresses need their link.
            scope = () if four else (0, socket.if_nametoindex(interface) if pa.is_link_local else 0)
            probe.bind((str(pa), 0, *scope))
        except OSError:
            return False
    return True


def fitted(policy: Policy, interface_mtu: int) -> Policy:
    """The policy as this machine keeps it: nothing longer than its interface sends, and no outer tags.

    The kernel puts the outer Ethernet header on, and the interface's tag if it is a VLAN's.
    """
    options = policy.encapsulation
    mtu = min(options.mtu or interface_mtu, interface_mtu)
    over = "drop" if options.over_mtu == "send" and mtu == interface_mtu else options.over_mtu
    return dataclasses.replace(
        policy,
        encapsulation=dataclasses.replace(options, mtu=mtu, over_mtu=over, vlan=None, vlan_priority=0),
    )


def tap_mtu(policy: Policy, host: Host) -> int:
    """The MTU of a TAP device behind which nothing is too long for the tunnels of a `fitted` policy; at most 1,500."""
    options = policy.encapsulation
    return min(options.mtu - overhead(options, host.pa.version) - offsets.ETH_LEN, _ETHERNET_MTU)
