"""Link: one direction of a link, with bandwidth, a bounded queue, delay and jitter.

Packets stay in order. What does not fit into the queue is lost (tail drop); what is longer than the MTU is left to
whoever sends (`Link.mtu`), since fragmentation and ICMP are not a link's business.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.randomness import below
from nvgre_inspect.traffic.scenario import LinkSpec
from nvgre_inspect.traffic.simulator import Simulator

_NS = 1_000_000_000


class Link:
    """Carries packets to `receive`."""

    def __init__(
        self, simulator: Simulator, spec: LinkSpec, stream: random.Random, receive: Callable[[Packet], object]
    ) -> None:
        self._simulator = simulator
        self._bandwidth_bps, self._delay_ns, self._jitter_ns = spec.bandwidth_bps, spec.delay_ns, spec.jitter_ns
        self._queue = spec.queue
        self._stream = stream
        self._receive = receive
        self.mtu = spec.mtu
        #: What a point sees: a packet at the moment when its transmission begins.
        self.tap: Callable[[Packet], object] | None = None
        #: Packets lost since the queue was full.
        self.dropped = 0
        self._free_ns = 0
        #: How long frames of a length take to be sent, of the few hundred lengths that there are.
        self._sending_ns: dict[int, int] = {}
        self._last_arrival_ns = 0

    def send(self, packet: Packet, length: int) -> None:
        """Transmit a packet whose frame has `length` bytes."""
        simulator = self._simulator
        end = start = now = simulator.now_ns
        if self._bandwidth_bps:
            if self._free_ns > now:
                start = self._free_ns
                if self._queue and (start - now) * self._bandwidth_bps > self._queue * 8 * _NS:
                    self.dropped += 1
                    return
            sending_ns = self._sending_ns.get(length)
            if sending_ns is None:
                sending_ns = self._sending_ns[length] = -(-length * 8 * _NS // self._bandwidth_bps)
            end = self._free_ns = start + sending_ns
        arrival = end + self._delay_ns
        if self._jitter_ns:
            arrival = max(arrival + below(self._stream, self._jitter_ns + 1), self._last_arrival_ns)
            self._last_arrival_ns = arrival
        if self.tap is not None:
            if start > now:
                simulator.post(start, self.tap, packet)
            else:
                self.tap(packet)
        simulator.post(arrival, self._receive, packet)
