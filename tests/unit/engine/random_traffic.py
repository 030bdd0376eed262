"""Random records: TCP segments that collide, fragments out of order, caps of all kinds, and cut batches."""

from __future__ import annotations

import random
from dataclasses import fields
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from tests.builders.fragments import THERE, both, inner, later_twin, outer_first, outer_later, twin
from tests.builders.records import TCP, UDP, Frames
from tests.builders.segments import Segment, told

Records = npt.NDArray[np.void]

#: Few flags, numbers and times, so that everything collides.
FLAGS = [0x10] * 20 + [0x18, 0x02, 0x12, 0x11, 0x01, 0x04, 0x14, 0x03, 0x06, 0x00, 0xFF]
EDGES = [1, 49, 51, 2**31, 2**32 - 1]


def random_segments(rnd: random.Random, count: int) -> Frames:
    def number(others: list[int]) -> int:
        return rnd.choice([rnd.randrange(13) * 50] * 4 + others)

    segments: list[Segment] = []
    if rnd.random() < 0.5:
        for from_client, flags, seq, ack in [(True, 0x02, 49, 0), (False, 0x12, 49, 50), (True, 0x10, 50, 50)]:
            segments.append(Segment(100, from_client, flags, seq, ack, 0, 1000, -1, True, 5001, 1))
    for _ in range(count):
        if segments and rnd.random() < 0.15:
            segments.append(segments[-1])  # a copy, a retransmission, or an acknowledgement once more
            continue
        segment = Segment(
            step_us=rnd.choice([-500, 0, 1, 100, 2_000, 5_000, 200_000_000]),
            from_client=rnd.random() < 0.5,
            flags=rnd.choice(FLAGS),
            seq=number(EDGES),
            ack=number([1, 51, 2**31]),
            length=rnd.choice([-1, 0, 0, 1, 2, 50, 100, 500]),
            window=rnd.choice([0, 1000, 1000, 2000]),
            ip_id=rnd.choice([-1, 0, 5, 6]),
            readable=rnd.random() < 0.8,
            vsid=rnd.choice([5001, 5001, 5002, -1]),
            host=rnd.randint(1, 3),
        )
        segments.append(segment)
    return told(segments)


def random_fragments(rnd: random.Random, count: int) -> Frames:
    frames = Frames()
    at = 0.0
    for _ in range(count):
        at += rnd.choice([0, 1, 10, -5, 4e6, 31e6]) if rnd.random() < 0.3 else rnd.choice([1, 2])
        ident = rnd.randint(1, 6)
        kind = rnd.random()
        if kind < 0.25:
            outer_first(frames, at, ident, length=rnd.choice([500, 1000]), src_port=rnd.randint(1, 4))
        elif kind < 0.45:
            offset, length = rnd.choice([500, 1000, 1500]), rnd.choice([100, 500])
            outer_later(frames, at, ident, offset, length, last=rnd.random() < 0.5)
        elif kind < 0.65:
            offset = rnd.choice([0, 0, 1000, 2000])
            inner(
                frames,
                at,
                ident,
                offset,
                1000,
                last=offset == 2000,
                vsid=rnd.choice([5001, 5002]),
                protocol=rnd.choice([TCP, UDP]),
                tcp_ok=int(rnd.random() < 0.2),
                tcp_flags=0x10,
                tcp_seq=rnd.randrange(5) * 100,
                payload_len=rnd.choice([0, 100]),
            )
        elif kind < 0.8:
            make = rnd.choice([twin, later_twin])
            make(frames, at, ident, rnd.choice([0, 1000] if make is twin else [1000]), 500, last=rnd.random() < 0.5)
        elif kind < 0.9:
            both(frames, at, rnd.randint(1, 4), rnd.randint(90, 92), rnd.choice([0, 1100]))
        else:
            frames.tcp(at, "10.0.0.1:5", "10.0.0.2:6", "", rnd.randrange(5) * 100, THERE, length=100)
    return frames


def in_parts(batch: PacketBatch, records: Records, rnd: random.Random) -> list[tuple[PacketBatch, Records]]:
    """The same frames in up to four batches, some of them empty."""
    cuts = [0, *sorted(rnd.randint(0, len(batch)) for _ in range(rnd.randint(0, 3))), len(batch)]
    names = [field.name for field in fields(PacketBatch)][1:]
    return [
        (PacketBatch(batch.buffer, *(getattr(batch, name)[start:end] for name in names)), records[start:end])
        for start, end in pairwise(cuts)
    ]


def random_caps(rnd: random.Random) -> AccountOptions:
    return rnd.choice(
        [
            AccountOptions(),
            AccountOptions(gaps_per_direction=3, placements_per_flow=2, pas_per_endpoint=2),
            AccountOptions(
                gaps_per_direction=1,
                placements_per_flow=1,
                pas_per_endpoint=1,
                fragment_sets=2,
                pending_fragments=2,
            ),
            AccountOptions(fragment_sets=3, pending_fragments=4),
            AccountOptions(max_stacks=rnd.randint(1, 3), max_addresses=rnd.randint(1, 4)),
            AccountOptions(max_flows=rnd.randint(1, 4), max_placements=rnd.randint(1, 4), max_paths=1),
            AccountOptions(max_tunnels=1, max_endpoints=2, max_series=rnd.randint(1, 2)),
            AccountOptions(max_flows=2, fragment_sets=2, idle_timeout_ns=0),
            AccountOptions(evict=True, max_flows=rnd.randint(1, 6), max_endpoints=rnd.randint(1, 6)),
            AccountOptions(
                evict=True,
                max_flows=rnd.randint(1, 3),
                max_endpoints=3,
                max_packets=rnd.randint(1, 20),
                fragment_sets=rnd.randint(1, 4),
                pending_fragments=rnd.randint(1, 4),
                placements_per_flow=2,
                gaps_per_direction=2,
            ),
        ]
    )
