"""Voice: an arrival is a call; both sides send RTP packets of one size at one interval until it is over."""

from __future__ import annotations

from nvgre_inspect.traffic.stack.udp import Socket
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Voice
from nvgre_inspect.traffic.workloads import rtp
from nvgre_inspect.traffic.workloads.base import Running

#: Samples a second of G.711, in nanoseconds.
_SAMPLE_NS = 125_000
#: What is between the callee's first packet and the caller's.
_ANSWER_NS = 1_000_000
#: How long a socket stays open after a call, for what is still under way.
_LINGER_NS = 1_000_000_000


class RunningVoice(Running[Voice]):
    """Calls."""

    def arrive(self, client: Machine, server: Machine) -> None:
        """A call, each side at the first pair of ports that is free (RFC 3550 section 11: an even one)."""
        duration = self.draw(self.spec.duration)
        ends = [
            (machine, machine.udp.open(_listen, machine.udp.free(self.spec.port, 2), self.spec.dscp))
            for machine in (client, server)
        ]
        for (machine, socket), (other, peer), delay in (
            (ends[0], ends[1], 0),
            (ends[1], ends[0], _ANSWER_NS),
        ):
            talker = _Talker(self, socket, self.address(other), peer.port)
            self.simulator.after(delay, talker.speak, 0, duration)
            self.simulator.after(duration + _LINGER_NS, machine.udp.close, socket)


class _Talker:
    """One side of a call."""

    def __init__(self, running: RunningVoice, socket: Socket, to: bytes, port: int) -> None:
        self._running = running
        self._socket = socket
        self._to, self._port = to, port
        self._source = rtp.Source(running.stream, rtp.PCMU)

    def speak(self, since_ns: int, duration_ns: int) -> None:
        """Send a packet, and wait for the next one."""
        if since_ns >= duration_ns:
            return
        spec = self._running.spec
        header = self._source.header(since_ns // _SAMPLE_NS, marker=not since_ns)[: spec.size]
        self._socket.send(self._to, self._port, header, spec.size - len(header), since_ns // spec.interval_ns)
        self._running.simulator.after(spec.interval_ns, self.speak, since_ns + spec.interval_ns, duration_ns)


def _listen(address: bytes, port: int, data: bytes) -> None:
    """Nobody answers to voice."""
