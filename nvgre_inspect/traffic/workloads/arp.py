"""ARP and neighbour discovery: an arrival is a question for a server's address, or an announcement of the client's."""

from __future__ import annotations

from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import ARP
from nvgre_inspect.traffic.workloads.base import Running


class RunningARP(Running[ARP]):
    """Questions and announcements; a question is asked whether or not the answer is known."""

    def arrive(self, client: Machine, server: Machine) -> None:
        """One of them."""
        if self.spec.gratuitous:
            self.alone(client)
        else:
            (client.arp if self.spec.family == 4 else client.ndp).ask(self.address(server))

    def alone(self, client: Machine) -> None:
        """Who is alone can still announce itself."""
        if self.spec.gratuitous:
            (client.arp if self.spec.family == 4 else client.ndp).announce()
