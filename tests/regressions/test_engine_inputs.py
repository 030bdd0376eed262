"""Captures, as bytes, on which the engine raised, disagreed with itself, or said something wrong."""

from __future__ import annotations

import pandas as pd
import pytest

import nvgre_inspect
from nvgre_inspect.model.columns import TABLES

INPUTS = {
    # The IP length is 0 (offload), so the packet is as long as the capture says: 2^32 - 1 bytes did not fit into a
    # record. struct.error in the reference, a negative length in the kernels.
    "4 GiB on the wire": (
        "d4c3b2a1020004000000000000000000ffff000001000000000000000000000036000000ffffffff02bb0000000202aa"
        "000000010800450000000007000040060000c0000201c0000202c00001bb000003e8000007d0501801f500000000"
    ),
    "4 GiB on the wire, IPv6 fragment": (
        "d4c3b2a1020004000000000000000000ffff00000100000000000000000000003e000000ffffffff02bb0000000202aa"
        "0000000186dd6000000000002c3f20010db800000000000000000000000120010db80000000000000000000000021100"
        "000100000007"
    ),
    # Linux cooked capture without an address, and Ethernet behind it: the kernels had no MAC for the endpoint.
    "cooked, then Ethernet": (
        "d4c3b2a1020004000000000000000000ffff000071000000000000000000000032000000320000000000000000000000"
        "000000000000655800000000000200000000000108004500001400070000400100000a0000010a000002"
    ),
    # pcapng: an interface whose clock begins 2^40 s before 1970, and one 2^40 s after it. Differences of such times
    # overflowed in the kernels, and in the reference when its rows became arrays.
    "as early as can be, and as late": (
        "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c0000000100000028000000010000000000000009000100"
        "000000000e0008000000000000ffffff280000000100000028000000010000000000000009000100000000000e000800"
        "000000000001000028000000060000004400000000000000000000000000000022000000220000000000000000020000"
        "0000000108004500001400070000400100000a0000010a00000200004400000006000000440000000100000000000000"
        "00000000220000002200000000000000000200000000000108004500001400070000400100000a0000020a0000010000"
        "44000000"
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_both_engines_take_it_alike(name, tmp_path):
    path = tmp_path / "capture"
    path.write_bytes(bytes.fromhex(INPUTS[name]))
    with (
        nvgre_inspect.open(path, engine="reference") as reference,
        nvgre_inspect.open(path, engine="kernels") as kernels,
    ):
        assert kernels.read().damage == []
        assert kernels.captures["packets"].sum() > 0
        for table in sorted(set(TABLES) - {"packets"}):
            pd.testing.assert_frame_equal(reference.table(table), kernels.table(table))
        (left,), (right,) = reference.packets(), kernels.packets()
        pd.testing.assert_frame_equal(left, right)
