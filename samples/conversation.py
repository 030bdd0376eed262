"""What VMs say to each other: TCP connections (healthy or not), datagrams, pings, ARP, and some payloads.

Everything is put on the time line of an `Overlay`.
"""

from __future__ import annotations

import struct
import zlib

import build
from overlay import MS, SECOND, US, Host, Overlay, Vm


class Tcp:
    """One TCP connection, spoken as a Linux guest does, and seen by a capture beside the client's host.

    The client answers what it gets after `NEAR_NS`, the server after `rtt_ns`. `now` is the time of the next
    segment; a caller moves it on to let time pass. The two sides are called by their `Vm`.
    """

    NEAR_NS = 40 * US
    SCALE = 7

    def __init__(
        self,
        overlay: Overlay,
        vsid: int,
        client: Vm,
        server: Vm,
        ports: tuple[int, int],
        start_ns: int,
        *,
        rtt_ns: int = 400 * US,
        mss: int = 1418,
        reply_vsid: int | None = None,
    ) -> None:
        self.overlay, self.client, self.server, self.now = overlay, client, server, start_ns
        self.rtt_ns, self.mss = rtt_ns, mss
        self.vsids = {client: vsid, server: vsid if reply_vsid is None else reply_vsid}
        self.ports = {client: ports[0], server: ports[1]}
        seed = f"{vsid} {client.ip} {server.ip} {ports} {start_ns}".encode()
        # Initial sequence numbers, IPv4 identifications, time stamp offsets: random per connection.
        self.seq = {client: zlib.crc32(seed), server: zlib.crc32(seed[::-1])}
        self.ident = {client: zlib.crc32(seed) >> 16, server: zlib.crc32(seed[::-1]) >> 16}
        self.clock = {client: zlib.crc32(seed + b"c"), server: zlib.crc32(seed + b"s")}
        #: What each side hears, for its time stamp echoes: (time, time stamp value).
        self.heard: dict[Vm, list[tuple[int, int]]] = {client: [], server: []}
        self.window = {client: 64_256, server: 65_152}

    def peer(self, side: Vm) -> Vm:
        return self.server if side is self.client else self.client

    def reaction_ns(self, side: Vm) -> int:
        """How long after a segment passes the capture the answer of `side` passes it."""
        return self.NEAR_NS if side is self.client else self.rtt_ns

    def segment(
        self,
        side: Vm,
        flags: int,
        payload: bytes = b"",
        *,
        at_ns: int | None = None,
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        sack: tuple[int, int] | None = None,
        captured: bool = True,
        comment: str = "",
    ) -> None:
        """One segment from `side`. Without `seq` it is the next in line and moves the sequence number on."""
        peer, at_ns = self.peer(side), self.now if at_ns is None else at_ns
        syn, acks = bool(flags & build.SYN), bool(flags & build.ACK)
        window = self.window[side] if window is None else window
        stamp = (self.clock[side] + at_ns // MS) & 0xFFFFFFFF
        echo = next((value for time_ns, value in reversed(self.heard[side]) if time_ns <= at_ns), 0)
        options = struct.pack("!BBII", 8, 10, stamp, echo if acks else 0)
        if syn:
            options = struct.pack("!BBHBB", 2, 4, self.mss, 4, 2) + options + bytes((1, 3, 3, self.SCALE))
        else:
            options = b"\x01\x01" + options
        if sack is not None:
            options += struct.pack("!BBBBII", 1, 1, 5, 10, sack[0] & 0xFFFFFFFF, sack[1] & 0xFFFFFFFF)
        body = build.tcp(
            side.ip, peer.ip, self.ports[side], self.ports[peer],
            seq=self.seq[side] if seq is None else seq,
            ack=0 if not acks else self.seq[peer] if ack is None else ack,
            flags=flags,
            window=min(window, 0xFFFF) if syn else min(window >> self.SCALE, 0xFFFF),
            payload=payload,
            options=options,
        )  # fmt: skip
        self.ident[side] += 1
        if captured:
            packet = build.ip(side.ip, peer.ip, build.TCP, body, ident=self.ident[side], ttl=side.ttl)
            self.overlay.deliver(at_ns, side, peer, self.vsids[side], packet, comment)
        self.heard[peer].append((at_ns, stamp))
        if seq is None:
            self.seq[side] += len(payload) + syn + bool(flags & build.FIN)

    def open(self) -> Tcp:
        self.segment(self.client, build.SYN)
        self.now += self.rtt_ns
        self.segment(self.server, build.SYN | build.ACK)
        self.now += self.NEAR_NS
        self.segment(self.client, build.ACK)
        self.now += self.NEAR_NS
        return self

    def send(self, side: Vm, data: bytes, *, window: int = 10, gap_ns: int = 12 * US) -> Tcp:
        """Data in bursts of `window` segments, of which the peer acknowledges each second and the last."""
        size = self.mss - 12
        chunks = [data[i : i + size] for i in range(0, len(data), size)]
        for first in range(0, len(chunks), window):
            burst = chunks[first : first + window]
            for index, chunk in enumerate(burst):
                last = first + index + 1 == len(chunks)
                self.segment(side, build.ACK | (build.PSH if last else 0), chunk)
                if index % 2 or index + 1 == len(burst):
                    self.acknowledge(self.peer(side))
                self.now += gap_ns
            self.now += self.reaction_ns(self.peer(side))
        return self

    def acknowledge(
        self, side: Vm, *, ack: int | None = None, window: int | None = None, sack: tuple[int, int] | None = None
    ) -> None:
        """An ACK from `side` for what was just sent to it, after its reaction time."""
        at_ns = self.now + self.reaction_ns(side)
        self.segment(side, build.ACK, at_ns=at_ns, ack=ack, window=window, sack=sack)

    def wait(self, ns: int) -> Tcp:
        self.now += ns
        return self

    def close(self, side: Vm) -> None:
        """Both FINs, `side` first."""
        peer = self.peer(side)
        self.segment(side, build.FIN | build.ACK)
        self.now += self.reaction_ns(peer)
        self.segment(peer, build.FIN | build.ACK)
        self.now += self.reaction_ns(side)
        self.segment(side, build.ACK)

    def reset(self, side: Vm) -> None:
        self.segment(side, build.RST | build.ACK, window=0)

    # --- what goes wrong ------------------------------------------------------------------------------------
    def send_with_loss(self, side: Vm, data: bytes, *, comment: str = "") -> Tcp:
        """The second of many segments is lost behind the capture: duplicate ACKs, and it comes again."""
        peer, size = self.peer(side), self.mss - 12
        chunks = [data[i : i + size] for i in range(0, len(data), size)]
        self.segment(side, build.ACK, chunks[0])
        self.acknowledge(peer)
        hole, lost = self.seq[side], chunks[1]
        for index, chunk in enumerate(chunks[1:]):
            self.now += 12 * US
            self.segment(side, build.ACK | (build.PSH if index == len(chunks) - 2 else 0), chunk)
            if index:
                self.acknowledge(peer, ack=hole, sack=(hole + len(lost), self.seq[side]))
        self.now += self.reaction_ns(peer) + self.reaction_ns(side)
        self.segment(side, build.ACK, lost, seq=hole, comment=comment)
        self.acknowledge(peer)
        self.now += self.reaction_ns(peer) + 12 * US
        return self

    def send_swapped(self, side: Vm, data: bytes, *, comment: str = "") -> Tcp:
        """The second and the third segment change places on the way to the capture, 20 µs apart."""
        peer, size = self.peer(side), self.mss - 12
        chunks = [data[i : i + size] for i in range(0, len(data), size)]
        self.segment(side, build.ACK, chunks[0])
        self.acknowledge(peer)
        hole = self.seq[side]
        self.now += 12 * US
        self.segment(side, build.ACK, chunks[1], at_ns=self.now + 20 * US, comment=comment)
        for chunk in chunks[2:]:
            self.segment(side, build.ACK, chunk)
            if chunk is chunks[2]:
                self.acknowledge(peer, ack=hole, sack=(hole + len(chunks[1]), self.seq[side]))
            self.now += 40 * US
        self.acknowledge(peer)
        self.now += self.reaction_ns(peer) + 12 * US
        return self

    def send_against_zero_window(self, side: Vm, data: bytes) -> Tcp:
        """The peer's buffer fills: window 0, a probe, its answer, and the window opens again."""
        peer = self.peer(side)
        self.send(side, data)
        self.segment(peer, build.ACK, window=0)
        self.now += 200 * MS
        self.segment(side, build.ACK, seq=self.seq[side] - 1)
        self.now += self.reaction_ns(peer)
        self.segment(peer, build.ACK, window=0)
        self.now += 350 * MS
        self.segment(peer, build.ACK)
        self.now += self.reaction_ns(side)
        return self


def ping(
    overlay: Overlay, vsid: int, src: Vm, dst: Vm, start_ns: int, *, count: int = 3, rtt_ns: int = 350 * US
) -> None:
    """Echo requests each second, and their replies."""
    identifier = zlib.crc32(f"{vsid} {src.ip} {start_ns}".encode()) & 0xFFFF
    data = struct.pack("!QQ", overlay.epoch_ns // SECOND, 0) + bytes(range(0x10, 0x38))
    for sequence in range(1, count + 1):
        at_ns = start_ns + (sequence - 1) * SECOND
        rest = identifier << 16 | sequence
        for side, peer, delay, kind in ((src, dst, 0, 0), (dst, src, rtt_ns + sequence * 7 * US, 1)):
            if ":" in src.ip:
                body = build.icmpv6(side.ip, peer.ip, 128 + kind, 0, rest, data)
                packet = build.ipv6(side.ip, peer.ip, build.ICMPV6, body)
            else:
                body = build.icmp(0 if kind else 8, 0, rest, data)
                packet = build.ipv4(
                    side.ip,
                    peer.ip,
                    build.ICMP,
                    body,
                    ident=identifier + sequence,
                    fragment=0 if kind else build.DF,
                )
            overlay.deliver(at_ns + delay, side, peer, vsid, packet)


def datagrams(
    overlay: Overlay,
    vsid: int,
    src: Vm,
    dst: Vm,
    ports: tuple[int, int],
    start_ns: int,
    exchange: list[tuple[int, bytes]],
    *,
    reply_ns: int = 300 * US,
) -> None:
    """UDP: (0, payload) goes from `src`, (1, payload) comes back, `reply_ns` after the one before."""
    ident = zlib.crc32(f"{src.ip}{ports}".encode())
    for index, (back, payload) in enumerate(exchange):
        side, peer = (dst, src) if back else (src, dst)
        sport, dport = reversed(ports) if back else ports
        body = build.udp(side.ip, peer.ip, sport, dport, payload)
        packet = build.ip(side.ip, peer.ip, build.UDP, body, ident=ident + index, ttl=side.ttl)
        overlay.deliver(start_ns + index * reply_ns, side, peer, vsid, packet)


def resolve(
    overlay: Overlay,
    vsid: int,
    asker: Vm,
    owner: Vm,
    start_ns: int,
    copies: list[Host],
    *,
    rtt_ns: int = 250 * US,
) -> None:
    """ARP: the question goes to each of `copies` (other hosts, or a multicast group)."""
    question = build.ethernet(
        build.BROADCAST,
        asker.mac,
        build.ARP,
        build.arp(1, asker.mac, asker.ip, "00:00:00:00:00:00", owner.ip),
    )
    for index, host in enumerate(copies):
        overlay.send(start_ns + index * 4 * US, asker.host, host, vsid, question)
    answer = build.ethernet(asker.mac, owner.mac, build.ARP, build.arp(2, owner.mac, owner.ip, asker.mac, asker.ip))
    overlay.send(start_ns + rtt_ns, owner.host, asker.host, vsid, answer)


# --- what is said inside ------------------------------------------------------------------------------------
def dns(name: str, identifier: int, answer: str | None = None) -> bytes:
    """A query for `name`, or its answer."""
    labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split(".")) + b"\0"
    packed = build.address(answer) if answer else b""
    kind = 28 if answer and ":" in answer else 1
    question = labels + struct.pack("!HH", kind, 1)
    header = struct.pack("!HHHHHH", identifier, 0x8180 if answer else 0x0100, 1, 1 if answer else 0, 0, 0)
    record = struct.pack("!HHHIH", 0xC00C, kind, 1, 300, len(packed)) + packed if answer else b""
    return header + question + record


def http_get(host: str, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n".encode()


def http_ok(length: int, seed: str) -> bytes:
    """An HTTP answer with `length` bytes of body."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + build.noise(seed, length)
