"""Kernels equal the reference: every field of every record, and every array of the state, on every capture at hand.

`flow_hash` is the one field in which they may differ (docs/decoding.md): it must only be equal for equal flows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import capture_files
import numpy as np
import pytest

from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.engine.ledger import LedgerAccountant
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import GRE_KEYS, DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.account import Accountant
from nvgre_inspect.reference.decode import decode
from tests.builders.states import assert_arrays_equal, assert_states_equal

#: Frames of each capture for the uncompiled kernels, which take more than a millisecond for one.
_FIRST_FRAMES = 8


@pytest.mark.parametrize("part", capture_files.PARTS)
def test_compiled_kernels_equal_the_reference(part: str) -> None:
    frames = sum(compare(path) for path in capture_files.files_of(part))
    assert frames > 300
    print(f"{frames} frames")


@pytest.mark.parametrize("gre_key", [key for key in GRE_KEYS if key != "auto"])
def test_they_equal_each_other_however_the_key_is_read(gre_key: str) -> None:
    options = DecodeOptions(gre_key=gre_key)
    assert sum(compare(path, options) for path in capture_files.sample_files()) > 300


def test_uncompiled_kernels_equal_the_reference() -> None:
    """The same sources as plain Python: what the compiler does with integers is not what makes them equal."""
    environment = {**os.environ, "NVGRE_INSPECT_NO_JIT": "1", "PYTHONPATH": str(capture_files.CHECKOUT)}
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[0]) > 300


def compare(path: Path, options: DecodeOptions | None = None, limit: int | None = None) -> int:
    """Decode and account the first `limit` frames of a capture by both; how many there were."""
    options = options or DecodeOptions()
    kernel, ledger, reference = KernelDecoder(options), LedgerAccountant(AccountOptions()), Accountant(AccountOptions())
    frames = 0
    for batch in capture_files.read(path) or []:
        ours = batch if limit is None else first_frames(batch, limit - frames)
        expected = np.empty(len(ours), dtype=RECORD)
        decode(ours, options, expected)
        # A copy, because records own padding that nobody sets.
        found = np.array(kernel.decode(ours), dtype=RECORD)
        assert_hashes_agree(found)
        for records in (found, expected):
            records["flow_hash"] = 0
        assert_arrays_equal(capture_files.short_name(path), found, expected)
        reference.account(ours, expected)
        ledger.account(ours, found)
        frames += len(ours)
    assert_same_state(path, ledger, reference)
    for accountant in (ledger, reference):
        accountant.finish()
    assert_same_state(path, ledger, reference)
    return frames


def assert_same_state(path: Path, ledger: LedgerAccountant, reference: Accountant) -> None:
    try:
        assert_states_equal(ledger.state(), reference.state())
    except AssertionError as difference:
        raise AssertionError(f"{capture_files.short_name(path)}: {difference}") from None


def assert_hashes_agree(records: np.ndarray) -> None:
    """Both directions between two IP endpoints hash to the same number."""
    seen: dict[tuple[object, ...], int] = {}
    for record in records[(records["family"] > 0) & (records["icmp_type"] < 0)]:
        ends = sorted(
            [(*record["src"].tolist(), int(record["src_port"])), (*record["dst"].tolist(), int(record["dst_port"]))]
        )
        vlans = record["vlan"][: record["n_vlan"]].tolist()
        key = (int(record["family"]), int(record["protocol"]), *ends, *vlans)
        assert seen.setdefault(key, int(record["flow_hash"])) == record["flow_hash"], key


def first_frames(batch: PacketBatch, count: int) -> PacketBatch:
    chosen = slice(count)
    return PacketBatch(
        batch.buffer,
        batch.offset[chosen],
        batch.caplen[chosen],
        batch.wirelen[chosen],
        batch.ts_ns[chosen],
        batch.linktype[chosen],
        batch.interface[chosen],
        batch.position[chosen],
    )


def main() -> None:
    """Compare with uncompiled kernels, in a process of their own."""
    samples, shared = capture_files.sample_files(), capture_files.shared_files()
    # Where the shared captures are absent the samples alone have to be enough.
    frames = sum(compare(path, limit=3 * _FIRST_FRAMES) for path in samples)
    frames += sum(compare(path, limit=_FIRST_FRAMES) for path in shared)
    print(frames, "frames of", len(samples) + len(shared), "captures")


if __name__ == "__main__":
    main()
