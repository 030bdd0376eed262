"""The machines of a scenario, and what they do: everything on top of the network.

machines = populate(network)
network.simulator.run(scenario.duration_ns)
"""

from __future__ import annotations

import itertools
from typing import Any

from nvgre_inspect.traffic import workload_specs
from nvgre_inspect.traffic.mapping import inner_mtu
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.scenario import Tenant
from nvgre_inspect.traffic.stack.conversations import Conversations
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
}


def populate(network: Network) -> dict[tuple[int, str], Machine]:
    """Put a machine behind every vNIC and start all workloads; answers the machines by VSID and name."""
    numbers = itertools.count(1)
    machines: dict[tuple[int, str], Machine] = {}
    for tenant in network.scenario.tenants:
        # Tenants have equal addresses, but no connections with each other.
        conversations = Conversations(numbers)
        own = {vm.name: _machine(network, tenant, vm.name, conversations) for vm in tenant.vms}
        machines |= {(tenant.vsid, name): machine for name, machine in own.items()}
        site = Site(network.simulator, network.streams, tenant.vsid, own)
        for spec in tenant.workloads:
            RUNNING[type(spec)](spec, site).start()
    return machines


def _machine(network: Network, tenant: Tenant, name: str, conversations: Conversations) -> Machine:
    stream = network.streams.named(f"tenant/{tenant.vsid}/vm/{name}")
    mtu = inner_mtu(network.scenario, tenant)
    return Machine(network.vnics[tenant.vsid, name], network.simulator, stream, conversations, mtu)
