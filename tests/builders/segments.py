"""TCP segments of one pair of ends, in several tenants, as random tests choose them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.builders.records import Frames, tunnel


@dataclass(frozen=True)
class Segment:
    """A TCP segment among few sequence numbers, so that everything collides."""

    step_us: int
    from_client: bool
    flags: int
    seq: int
    ack: int
    length: int
    window: int
    ip_id: int
    readable: bool
    vsid: int
    host: int


def told(segments: list[Segment], *, swapped: bool = False, seq_shift: int = 0) -> Frames:
    """The segments as frames. `swapped` gives the client the higher address and the tunnels the other order."""
    low, high, near, far = "10.0.0.1:80", "10.0.0.2:80", "192.0.2.100", "192.0.2.{}"
    client, server = (high, low) if swapped else (low, high)
    frames = Frames()
    at = 0
    for segment in segments:
        at += segment.step_us
        pas = (near, (far if not swapped else "192.0.2.20{}").format(segment.host))
        src, dst = (client, server) if segment.from_client else (server, client)
        way = tunnel(*(pas if segment.from_client else pas[::-1]), vsid=segment.vsid) if segment.vsid > 0 else {}
        frames.tcp(
            at,
            src,
            dst,
            "",
            segment.seq + seq_shift,
            way,
            length=segment.length,
            tcp_flags=segment.flags,
            tcp_ack=(segment.ack + seq_shift) % 2**32,
            tcp_window=segment.window,
            ip_id=segment.ip_id,
            tcp_ok=int(segment.readable),
            inner_len=100 + max(segment.length, 0),
            ca_mac=int(segment.from_client),
        )
    return frames
