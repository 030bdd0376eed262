"""Start: the workloads of a scenario, on its machines.

vms = machines(network)
start(network, vms)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nvgre_inspect.traffic import workload_specs
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Workload
from nvgre_inspect.traffic.workloads.arp import RunningARP
from nvgre_inspect.traffic.workloads.base import Running, Site
from nvgre_inspect.traffic.workloads.broadcast import RunningBroadcast
from nvgre_inspect.traffic.workloads.bulk import RunningBulk
from nvgre_inspect.traffic.workloads.dhcp import RunningDHCP
from nvgre_inspect.traffic.workloads.dns import RunningDNS
from nvgre_inspect.traffic.workloads.multicast import RunningMulticast
from nvgre_inspect.traffic.workloads.ping import RunningPing
from nvgre_inspect.traffic.workloads.request_response import RunningRequestResponse
from nvgre_inspect.traffic.workloads.script import RunningScript
from nvgre_inspect.traffic.workloads.video import RunningVideo
from nvgre_inspect.traffic.workloads.voice import RunningVoice

#: What runs a workload, by the class of its data.
RUNNING: dict[type[Workload], type[Running[Any]]] = {
    workload_specs.RequestResponse: RunningRequestResponse,
    workload_specs.Bulk: RunningBulk,
    workload_specs.Voice: RunningVoice,
    workload_specs.Video: RunningVideo,
    workload_specs.DNS: RunningDNS,
    workload_specs.Ping: RunningPing,
    workload_specs.ARP: RunningARP,
    workload_specs.Broadcast: RunningBroadcast,
    workload_specs.Multicast: RunningMulticast,
    workload_specs.DHCP: RunningDHCP,
    workload_specs.Script: RunningScript,
}


def start(network: Network, vms: Mapping[tuple[int, str], Machine]) -> None:
    """Start all workloads on the machines `vms`, which are named by VSID and name."""
    for tenant in network.scenario.tenants:
        own = {vm.name: vms[tenant.vsid, vm.name] for vm in tenant.vms}
        site = Site(network.simulator, network.streams, tenant.vsid, own)
        for spec in tenant.workloads:
            RUNNING[type(spec)](spec, site).start()
