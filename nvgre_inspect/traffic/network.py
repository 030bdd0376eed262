"""Network: everything of a scenario but its machines: hosts, fabric, vNICs and where faults and points take part.

    network = Network(scenario)
    network.vnics[5001, "web"].attach(vm.receive)
    network.stages.add("path", hook)
    network.simulator.run(scenario.duration_ns)

What a fault needs is here: `simulator`, `streams`, `stages`, `hosts` and `fabric` (whose methods move machines, replace
policies, send packets), `vnics`, `points`.
"""

from __future__ import annotations

import itertools
from functools import partial

from nvgre_inspect.traffic.fabric import Fabric
from nvgre_inspect.traffic.host import Host
from nvgre_inspect.traffic.link import Link
from nvgre_inspect.traffic.mapping import policy_of
from nvgre_inspect.traffic.randomness import Streams
from nvgre_inspect.traffic.rendering import Renderer
from nvgre_inspect.traffic.scenario import HostSpec, Scenario
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stages import Stages
from nvgre_inspect.traffic.vnic import VNic


class Network:
    """The network of a scenario, at time 0."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.simulator = Simulator()
        self.streams = Streams(scenario.seed)
        self.stages = Stages(self.simulator)
        #: Who is where, as all hosts have it at the start.
        self.policy = policy_of(scenario)
        self.renderer = Renderer(scenario.encapsulation)
        self._serials = itertools.count(1)
        self.fabric = Fabric(
            scenario.paths,
            simulator=self.simulator,
            stages=self.stages,
            renderer=self.renderer,
            next_serial=self.next_serial,
        )
        #: By name, in the order of the scenario.
        self.hosts = {spec.name: self._host(spec) for spec in scenario.hosts}
        self.fabric.connect({host.spec.pa: host for host in self.hosts.values()})
        #: By VSID and name, in the order of the scenario.
        self.vnics = {(tenant.vsid, vm.name): VNic(tenant, vm) for tenant in scenario.tenants for vm in tenant.vms}
        for vnic in self.vnics.values():
            self.hosts[vnic.spec.host].plug(vnic)

    def next_serial(self) -> int:
        """A number for something new that is sent."""
        return next(self._serials)

    def _host(self, spec: HostSpec) -> Host:
        up = Link(self.simulator, spec.link, self.streams.named(f"host/{spec.name}/up"), self.fabric.enter)
        host = Host(
            spec,
            self.policy,
            simulator=self.simulator,
            stages=self.stages,
            renderer=self.renderer,
            uplink=up,
            next_serial=self.next_serial,
        )
        down = Link(self.simulator, spec.link, self.streams.named(f"host/{spec.name}/down"), host.receive)
        for path in self.fabric.paths.values():
            stream = self.streams.named(f"path/{path.spec.name}/{spec.name}")
            path.links[spec.pa] = Link(self.simulator, path.spec.link, stream, partial(self.fabric.onto, down))
        return host
