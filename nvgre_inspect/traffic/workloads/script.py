"""Scripts: an arrival sends all lines of the script, each at its time, whatever comes of those before.

Client and server know each other's MAC addresses from the start. Their stacks keep silent about the script's ports.
"""

from __future__ import annotations

import struct

from dissectors import offsets
from nvgre_inspect.traffic import script
from nvgre_inspect.traffic.packet import Segment
from nvgre_inspect.traffic.stack import checksum, ip, payload, tcp_wire
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Script
from nvgre_inspect.traffic.workloads.base import Running

_UDP = struct.Struct(">HHHH")
_TCP = struct.Struct(">HHIIHHHH")
_SEQUENCE = 0xFFFFFFFF
#: Kinds of options.
_NOP, _SACK_PERMITTED = 1, 4


class RunningScript(Running[Script]):
    """Scripts."""

    def prepare(self) -> None:
        """Nobody but the script answers to what comes for its servers."""
        for server in self.servers:
            self._mute(server, self.spec.port)

    def arrive(self, client: Machine, server: Machine) -> None:
        """A client and a server follow the script."""
        local = self.next_port(self.spec.client_port) or client.free_port()
        self._mute(client, local)
        dialogue = _Dialogue(self, client, server, local)
        at_ns = 0
        for step in self.spec.script:
            at_ns += step.after_ns
            self.simulator.after(at_ns, dialogue.play, step)

    def _mute(self, machine: Machine, port: int) -> None:
        machine.tcp.mute(port)
        machine.udp.open(_listen, port)


class _Dialogue:
    """One arrival."""

    def __init__(self, running: RunningScript, client: Machine, server: Machine, port: int) -> None:
        spec = running.spec
        addresses = (running.address(client), running.address(server))
        self._ends = (client, server)
        self._addresses = addresses
        self._ports = (port, spec.port)
        drawn = running.stream.getrandbits(32) if spec.client_isn is None else spec.client_isn
        self._isns = (drawn, running.stream.getrandbits(32))
        self._number = client.conversations.begin(addresses[0], port, addresses[1], spec.port)
        self._dscp = spec.dscp
        #: By sender and protocol.
        self._routes: dict[tuple[int, int], ip.Route] = {}

    def play(self, step: script.Step) -> None:
        """Send what a line says."""
        side = 0 if step.from_client else 1
        if isinstance(step.what, script.Segment):
            self._send_segment(side, step.what)
        elif isinstance(step.what, script.UDP):
            self._send_datagram(side, step.what)
        else:
            self._ends[side].transmit(step.what)

    def _send_segment(self, side: int, segment: script.Segment) -> None:
        options = _options(segment.options, self._isns[1 - side])
        # Payload is the same for the same sequence numbers; a SYN has number 0.
        text = segment.text
        data = text + payload.piece((segment.seq - 1 + len(text)) % payload.PERIOD, segment.length - len(text))
        seq = (self._isns[side] + segment.seq) & _SEQUENCE
        acks = segment.flags & offsets.TCP_ACK_FLAG
        ack = (self._isns[1 - side] + segment.ack) & _SEQUENCE if acks else 0
        head = (tcp_wire.HEADER_LEN + len(options)) << 10 | segment.flags
        body = _TCP.pack(*self._ordered(side), seq, ack, head, segment.window, 0, 0) + options + data
        route = self._route(side, offsets.IPPROTO_TCP)
        total = checksum.field(route.pseudo + len(body) + checksum.partial(body))
        body = b"".join((body[:16], total.to_bytes(2, "big"), body[18:]))
        self._send(side, route, body, Segment(self._number, side == 0, seq, segment.length))

    def _send_datagram(self, side: int, datagram: script.UDP) -> None:
        data = datagram.text or payload.piece(0, datagram.length)
        length = _UDP.size + len(data)
        ports = self._ordered(side)
        route = self._route(side, offsets.IPPROTO_UDP)
        total = route.pseudo + 2 * length + sum(ports) + checksum.partial(data)
        self._send(side, route, _UDP.pack(*ports, length, checksum.udp_field(total)) + data, None)

    def _ordered(self, side: int) -> tuple[int, int]:
        """Source and destination port of what that side sends."""
        return self._ports if side == 0 else (self._ports[1], self._ports[0])

    def _route(self, side: int, protocol: int) -> ip.Route:
        route = self._routes.get((side, protocol))
        if route is None:
            is_tcp = protocol == offsets.IPPROTO_TCP
            route = self._ends[side].route(self._addresses[1 - side], protocol, dscp=self._dscp, df=is_tcp)
            self._routes[side, protocol] = route
        return route

    def _send(self, side: int, route: ip.Route, body: bytes, info: Segment | None) -> None:
        sender, receiver = self._ends[side], self._ends[1 - side]
        for frame in route.frames(receiver.mac, body, sender.mtu):
            sender.transmit(frame, info)


def _options(options: script.TCPOptions, isn: int) -> bytes:
    """Options as bytes; `isn` is that of the receiver, from which SACK blocks count."""
    result = b"" if options.mss is None else struct.pack(">BBH", offsets.TCP_OPT_MSS, 4, options.mss)
    if options.sack_permitted:
        result += bytes((_NOP, _NOP, _SACK_PERMITTED, 2))
    if options.window_scale is not None:
        result += bytes((_NOP, offsets.TCP_OPT_WSCALE, 3, options.window_scale))
    if options.sack:
        result += tcp_wire.sack_option([(isn + first, isn + end) for first, end in options.sack])
    return result


def _listen(address: bytes, port: int, data: bytes) -> None:
    """What comes is in the script already."""
