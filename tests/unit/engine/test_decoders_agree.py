"""The compiled decoder equals the reference on random stacks of headers, and on what is left of them when mutated.

What real captures hold is compared in `tests/interop`; here it is what no network sends.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dissectors import anomalies
from nvgre_inspect.model.account_options import AccountOptions
from tests.unit.engine.agreement import accounted_alike, decoded_alike
from tests.unit.engine.random_frames import KINDS, batch_of, options_of, random_batch, sample_frames
from tests.unit.reference.frames import CA_A, CA_B, eth, ip4, ip6, tcp, udp

ROOT = Path(__file__).resolve().parents[3]
FRAMES = 1200
LOW_CAPS = AccountOptions(
    max_stacks=50,
    max_addresses=20,
    max_paths=5,
    max_flows=60,
    max_placements=50,
    max_tunnels=20,
    max_endpoints=20,
    max_series=6,
    placements_per_flow=2,
)


@pytest.fixture(scope="module")
def samples():
    return sample_frames()


@pytest.mark.parametrize("seed", range(6))
def test_random_frames(seed, samples):
    """Also accounted: what the decoder makes of mutated frames is input that no test would think of."""
    batch = random_batch(seed, FRAMES, samples)
    records = decoded_alike(batch, options_of(seed))
    caps = [AccountOptions(), AccountOptions(fragment_sets=20, pending_fragments=10), LOW_CAPS][seed % 3]
    accounted_alike([(batch, records)], caps)


def test_what_random_frames_reach(samples):
    """Every layer, also a user's, and every anomaly that a decoder can find."""
    records = [decoded_alike(random_batch(seed, FRAMES, samples), options_of(seed)) for seed in range(10, 16)]
    layers = {int(kind) & 0x7F for part in records for row in part for kind in row["layer_kind"][: row["n_layers"]]}
    assert layers >= KINDS
    seen = int(np.bitwise_or.reduce([np.bitwise_or.reduce(part["anomalies"]) for part in records]))
    decoded = sum(1 << code for code in anomalies.NAMES if code < anomalies.FRAGMENT_WITHOUT_FIRST)
    assert anomalies.names(decoded & ~seen) == []
    assert max(int(part["n_layers"].max()) for part in records) == 16


def test_uncompiled():
    """What the compiler does with integers is not what makes them equal."""
    environment = {**os.environ, "NVGRE_INSPECT_NO_JIT": "1"}
    command = [sys.executable, "-m", "tests.unit.engine.agreement", "3", "900"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("900\n", 0), done.stderr[-2000:]
    assert "Warning" not in done.stderr  # NumPy's word for an integer that overflowed


@pytest.mark.parametrize("claim", [(1 << 31) - 1, 1 << 31, (1 << 32) - 1])
@pytest.mark.parametrize(
    "packet",
    [
        ip4(tcp(b"hello"), 6, CA_A, CA_B, total=0),
        ip4(udp(b"hello", 53), 17, CA_A, CA_B, total=0),
        ip4(udp(b"hello", 53, length=0), 17, CA_A, CA_B, total=0),
        ip4(udp(b"hello", 53), 17, CA_A, CA_B, total=0, fragment=0x2000),
        ip4(udp(b"hello", 53), 17, CA_A, CA_B, total=0, fragment=1),
        ip6(tcp(b"hello"), 6, length=0),
    ],
    ids=["tcp", "udp", "udp of length 0", "first fragment", "later fragment", "ipv6"],
)
def test_a_length_on_the_wire_that_no_packet_has(packet, claim):
    """A capture may claim 4 GiB; lengths in records have 31 bits. The claim itself is counted as it is."""
    frame = eth(packet, 0x86DD if packet[0] >> 4 == 6 else 0x0800)
    batch = batch_of([(1, frame)], random.Random(0))
    batch.wirelen[:] = claim
    (record,) = decoded_alike(batch, options_of(0))
    assert record["wire_len"] == claim
    assert record["payload_len"] >= -1
    assert min(record["frag_a_len"], record["inner_len"]) >= 0
    state = accounted_alike([(batch, np.array([record]))])
    assert state.flows["wire_bytes"].sum() == claim
