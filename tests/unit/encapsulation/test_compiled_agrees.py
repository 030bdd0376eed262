"""The compiled encapsulator and translator equal the reference on random stacks of headers and on the samples.

What real captures hold is compared in `tests/interop/test_rewriting_captures.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.capture import open_capture
from nvgre_inspect.encapsulation.compiled_translator import CompiledTranslator
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.model.options import DecodeOptions
from tests.unit.encapsulation.compiled_agreement import (
    ENCAPSULATIONS,
    encapsulated_alike,
    interfaces,
    policy_for,
    translated_alike,
)
from tests.unit.engine.random_frames import options_of, random_batch, sample_frames

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted((ROOT / "samples").glob("*.pcap*"))
FRAMES = 500


@pytest.fixture(scope="module")
def samples():
    return sample_frames()


@pytest.mark.parametrize("six", [False, True], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("number", range(len(ENCAPSULATIONS)))
def test_encapsulation_of_random_frames(number, six, samples):
    """Two batches: counters and fragments go on from one to the next."""
    batches = [random_batch(seed, FRAMES, samples) for seed in (number, number + 100)]
    origin = Origin("nvgre", 5001, ip_address("192.0.2.8"), ip_address("192.0.2.9")) if number % 2 else None
    policy = policy_for(batches[0], ENCAPSULATIONS[number], six=six)
    assert encapsulated_alike(batches, interfaces(3, origin), policy) > 50


@pytest.mark.parametrize("number", range(len(ENCAPSULATIONS)))
def test_translation_of_random_frames(number, samples):
    batches = [random_batch(seed, FRAMES, samples) for seed in (number + 200, number + 300)]
    options = options_of(number)
    assert translated_alike(batches, interfaces(3), ENCAPSULATIONS[number], {5001: 7001, 1: 5001}, options) > 20


@pytest.mark.parametrize("path", SAMPLES, ids=[path.name for path in SAMPLES])
def test_samples(path):
    with open_capture(path) as reader:
        batches = list(reader.batches())
        infos = list(reader.interfaces)
    count = 0
    for encapsulation in ENCAPSULATIONS[:: max(1, sum(len(batch) for batch in batches) // 100)]:
        policy = policy_for(batches[0], encapsulation, six=False)
        count += encapsulated_alike(batches, infos, policy)
        count += translated_alike(batches, infos, encapsulation, {5001: 7001}, DecodeOptions())
    assert count > 0


def test_usual_frames_take_the_compiled_way():
    """The reference is for what is rare: a mistake in the test for that would only show as slowness."""
    with open_capture(ROOT / "samples" / "ovs-nvgre.pcap") as reader:
        batch = next(reader.batches())
        translator = CompiledTranslator(
            Encapsulation(kind="vxlan"), list(reader.interfaces), ids={}, options=DecodeOptions()
        )
    records = KernelDecoder(DecodeOptions()).decode(batch)
    assert np.array_equal(translator.usual(batch, records), records["encap"] == 1)


def test_uncompiled():
    """What the compiler does with integers is not what makes them equal."""
    environment = {**os.environ, "NVGRE_INSPECT_NO_JIT": "1"}
    command = [sys.executable, "-m", "tests.unit.encapsulation.compiled_agreement", "7", "60"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 100
    assert "Warning" not in done.stderr  # NumPy's word for an integer that overflowed
