"""Running: what all workloads share: arrivals, and which machines take part in each.

A workload draws from streams of its own: times and machines of arrivals from one, sizes and the like from another, so
that what happens in an arrival does not change when the next one comes.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from nvgre_inspect.traffic.randomness import Streams, pick
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Distribution, Workload
from nvgre_inspect.traffic.workloads.distributions import draw

_Spec = TypeVar("_Spec", bound=Workload)
#: The shortest time between two arrivals.
_LEAST_NS = 1000
#: Port numbers from 1 on.
_PORTS = 0xFFFF


@dataclass(frozen=True, slots=True)
class Site:
    """Where a workload runs."""

    simulator: Simulator
    streams: Streams
    vsid: int
    #: The tenant's machines by name, in the order of the scenario.
    machines: Mapping[str, Machine]


class Running(ABC, Generic[_Spec]):
    """A workload that is being run; kinds say what an arrival is."""

    def __init__(self, spec: _Spec, site: Site) -> None:
        self.spec = spec
        self.site = site
        self.simulator = site.simulator
        base = f"tenant/{site.vsid}/{spec.name}"
        self._arrivals: random.Random = site.streams.named(f"{base}/arrivals")
        self.stream: random.Random = site.streams.named(f"{base}/contents")
        able = {name: machine for name, machine in site.machines.items() if machine.address(spec.family) is not None}
        #: Those who may, and have an address of the IP version.
        self.clients = [able[name] for name in spec.clients or able if name in able]
        self.servers = [able[name] for name in spec.servers or able if name in able]
        self._arrived = 0

    def start(self) -> None:
        """Prepare the servers, and wait for the first arrival."""
        self.prepare()
        self.simulator.at(max(self.spec.start_ns, self.simulator.now_ns), self._arrive)

    def prepare(self) -> None:
        """What has to be there before the first arrival."""

    @abstractmethod
    def arrive(self, client: Machine, server: Machine) -> None:
        """An arrival of one client at one server."""

    def alone(self, client: Machine) -> None:
        """An arrival where there is no server but the client; most workloads have nothing to do then."""

    def next_port(self, first: int) -> int:
        """The client's port for this arrival, if that of the first one is given; 0: any that is free."""
        return first and (first - 1 + self._arrived) % _PORTS + 1

    def draw(self, distribution: Distribution) -> int:
        """A number for what happens in an arrival."""
        return draw(distribution, self.stream)

    def address(self, machine: Machine) -> bytes:
        """The machine's address of the workload's IP version."""
        return machine.source(bytes(4 if self.spec.family == 4 else 16))

    def _arrive(self) -> None:
        spec = self.spec
        if spec.stop_ns and self.simulator.now_ns >= spec.stop_ns:
            return
        if not self.clients:
            return
        client = pick(self._arrivals, self.clients)
        others = [server for server in self.servers if server is not client]
        if others:
            self.arrive(client, pick(self._arrivals, others))
        else:
            self.alone(client)
        self._arrived += 1
        if not spec.count or self._arrived < spec.count:
            # A distribution may give 0, and time has to go on.
            self.simulator.after(max(draw(spec.every, self._arrivals), _LEAST_NS), self._arrive)
