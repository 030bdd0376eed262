"""The compiled accountant equals the reference on random segments and fragments, however low the caps."""

from __future__ import annotations

import random

import numpy as np
import pytest

from nvgre_inspect.model.account_options import AccountOptions
from tests.builders.fragments import THERE, inner
from tests.builders.records import Frames
from tests.unit.engine.agreement import accounted_alike
from tests.unit.engine.random_traffic import in_parts, random_caps, random_fragments, random_segments


@pytest.mark.parametrize("make", [random_segments, random_fragments])
@pytest.mark.parametrize("seed", range(5))
def test_random_frames(make, seed):
    rnd = random.Random(seed)
    for _ in range(100):
        caps = random_caps(rnd)
        batch, records = make(rnd, rnd.randint(0, 60)).take()
        accounted_alike(in_parts(batch, records, rnd), caps)


def test_what_random_frames_reach():
    """The words and corners that the comparison is about do occur in what it compares."""
    rnd = random.Random(1)
    options = AccountOptions(gaps_per_direction=1)
    flows = np.concatenate([accounted_alike([random_segments(rnd, 60).take()], options).flows for _ in range(150)])
    words = ["retransmissions", "out_of_order", "lost_segments", "acked_unseen", "duplicates", "duplicate_acks"]
    for word in [*words, "zero_windows", "resets"]:
        assert flows[word].sum() > 0, word
    assert len(np.unique(flows["state"])) == 8
    assert (flows["handshake_rtt_ns"] >= 0).any()


EARLIEST, LATEST = -(1 << 62), (1 << 62) - 1


@pytest.mark.parametrize("times", [(EARLIEST, LATEST, 0), (LATEST, EARLIEST, LATEST), (-3_000_000, -2_000_000, -500)])
def test_times_at_the_ends_and_before_1970(times):
    """Handshakes, gaps, duplicates, idle flows and fragments over the longest time that there is."""
    frames = Frames()
    client, server = "10.0.0.1:1000", "10.0.0.2:80"
    for ts_ns in times:
        for src, dst, flags, seq, ack in [
            (client, server, "S", 1000, None),
            (server, client, "S", 5000, 1001),
            (client, server, "", 1001, 5001),
        ]:
            frames.tcp(0, src, dst, flags, seq, THERE, ack=ack, ip_id=5, ts_ns=ts_ns)
        for seq in (1101, 1001):
            frames.tcp(0, client, server, "", seq, THERE, ack=5001, length=100, ts_ns=ts_ns)
        frames.udp(0, client, server, ip_id=9, ts_ns=ts_ns)
        inner(frames, 0, 3, 1000, 200, last=True, ts_ns=ts_ns)
        inner(frames, 0, 3 if ts_ns == times[1] else 4, 0, 1000, ts_ns=ts_ns)
    state = accounted_alike([frames.take()])
    assert state.bins[:, :, 0].sum() == state.flows["packets"].sum() == 8 * len(times)
    assert state.flows["first_ns"].min() == min(times)
    assert state.flows["last_ns"].max() == max(times)


def test_the_round_trip_of_a_handshake_before_1970():
    frames = Frames()
    frames.tcp(0, "10.0.0.1:1", "10.0.0.2:2", "S", 1000, ts_ns=-3000)
    frames.tcp(0, "10.0.0.2:2", "10.0.0.1:1", "S", 5000, ack=1001, ts_ns=-2000)
    frames.tcp(0, "10.0.0.1:1", "10.0.0.2:2", "", 1001, ack=5001, ts_ns=-500)
    (flow,) = accounted_alike([frames.take()]).flows
    assert flow["handshake_rtt_ns"] == 2500
