"""Flooding: a host that has forgotten where machines are sends their frames to all hosts of the tenant."""

from __future__ import annotations

from collections.abc import Sequence

from nvgre_inspect.traffic.fault_specs import Flood
from nvgre_inspect.traffic.faults.acting import Acting
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.stages import Outcome

_GROUP_BIT = 0x01


class Flooding(Acting[Flood]):
    """Sends a copy of unicast frames to each host that has machines of the tenant."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if packet.inner[0] & _GROUP_BIT:
            return ((0, packet),)
        self.touch(packet)
        sender = self.network.hosts[where]
        outcomes = [(0, packet)]
        for host in self.network.hosts.values():
            if host is sender or host.spec.pa == packet.dst_pa or not host.has_tenant(packet.tenant):
                continue
            copy = packet.copy()
            copy.leg = sender.leg(host.spec.pa)
            sender.number(copy)
            outcomes.append((0, copy))
        return outcomes
