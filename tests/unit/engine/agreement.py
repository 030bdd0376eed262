"""Both engines on the same batches: every field of every record and of every row must be the same.

`python -m tests.unit.engine.agreement SEED COUNT` compares random frames with whatever kernels the environment gives,
which is how the uncompiled ones are tested.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.engine.ledger import LedgerAccountant
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.model.state import State
from nvgre_inspect.reference.account import Accountant
from nvgre_inspect.reference.decode import decode
from tests.builders.states import assert_arrays_equal, assert_states_equal
from tests.unit.engine.random_frames import options_of, random_batch
from tests.unit.engine.random_traffic import in_parts, random_caps, random_fragments, random_segments

Records = npt.NDArray[np.void]


def decoded_alike(batch: PacketBatch, options: DecodeOptions) -> Records:
    """The records of a batch, which both decoders agree on, but for `flow_hash`: those of the kernels."""
    expected = np.empty(len(batch), dtype=RECORD)
    decode(batch, options, expected)
    found = np.array(KernelDecoder(options).decode(batch), dtype=RECORD)
    assert_arrays_equal("records", _without_hash(found), _without_hash(expected))
    return found


def _without_hash(records: Records) -> Records:
    copy = records.copy()
    copy["flow_hash"] = 0
    return copy


def accounted_alike(batches: Sequence[tuple[PacketBatch, Records]], options: AccountOptions | None = None) -> State:
    """The state after the last batch and its finish; both accountants agree after each batch, and at the end."""
    options = options or AccountOptions()
    reference, kernels = Accountant(options), LedgerAccountant(options)
    for batch, records in batches:
        reference.account(batch, records.copy())
        kernels.account(batch, records.copy())
        assert_states_equal(kernels.state(), reference.state())
    reference.finish()
    kernels.finish()
    assert_states_equal(kernels.state(), reference.state())
    return kernels.state()


def main(seed: int, count: int) -> None:
    """`count` random frames, and as many random records, through both."""
    for number in range(6):
        batch = random_batch(seed + number, count // 6)
        records = decoded_alike(batch, options_of(number))
        accounted_alike([(batch, records)], AccountOptions(fragment_sets=20, pending_fragments=10))
    rnd = random.Random(seed)
    for make in (random_segments, random_fragments) * (count // 60):
        accounted_alike(in_parts(*make(rnd, 30).take(), rnd), random_caps(rnd))
    print(count)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
