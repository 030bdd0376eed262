"""Video: an arrival is a stream of RTP packets from the server to the client: a burst for each frame."""

from __future__ import annotations

from nvgre_inspect.traffic.stack.udp import Socket
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Video
from nvgre_inspect.traffic.workloads import rtp
from nvgre_inspect.traffic.workloads.base import Running

_SECOND_NS = 1_000_000_000
#: Ticks a second of the clock of video (RFC 3551 section 5).
_CLOCK = 90_000
#: A picture has at most so many bytes, whatever is drawn.
_LARGEST_FRAME = 1 << 24
_LINGER_NS = 1_000_000_000


class RunningVideo(Running[Video]):
    """Streams."""

    def arrive(self, client: Machine, server: Machine) -> None:
        """A stream, from and to the first pair of ports that is free there."""
        duration = self.draw(self.spec.duration)
        frames = duration * self.spec.frame_rate // _SECOND_NS
        sizes = [min(self.draw(self.spec.frame_size), _LARGEST_FRAME) for _ in range(max(frames, 1))]
        screen = client.udp.open(_listen, client.udp.free(self.spec.port, 2))
        camera = server.udp.open(_listen, server.udp.free(self.spec.port, 2), self.spec.dscp)
        source = rtp.Source(self.stream, rtp.DYNAMIC)
        for index, size in enumerate(sizes):
            at_ns = index * _SECOND_NS // self.spec.frame_rate
            ticks = index * _CLOCK // self.spec.frame_rate
            self.simulator.after(at_ns, self._frame, camera, source, ticks, self.address(client), screen.port, size)
        for machine, socket in ((client, screen), (server, camera)):
            self.simulator.after(duration + _LINGER_NS, machine.udp.close, socket)

    def _frame(self, camera: Socket, source: rtp.Source, ticks: int, to: bytes, port: int, size: int) -> None:
        """A picture, in packets of which the last is marked."""
        room = max(self.spec.packet_size - rtp.HEADER_LEN, 1)
        for start in range(0, max(size, 1), room):
            header = source.header(ticks, marker=start + room >= size)
            camera.send(to, port, header, min(room, size - start), start)


def _listen(address: bytes, port: int, data: bytes) -> None:
    """Nobody answers to video."""
