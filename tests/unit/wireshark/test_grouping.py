"""Tenants that share an address never share a tshark; those that share none do."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.wireshark import grouping
from nvgre_inspect.wireshark.grouping import Tenants
from tests.unit.reference.frames import PA_A, PA_B, batch, eth, ip4, nvgre, udp


def packets(*tenants: tuple[int, str, str]) -> np.ndarray:
    """A packet of each (vsid, source, destination)."""
    frames = [eth(ip4(nvgre(eth(ip4(udp(b"", 1), 17, src, dst)), vsid), 47, PA_A, PA_B)) for vsid, src, dst in tenants]
    records = empty_records(len(frames))
    decode(batch(frames), DecodeOptions(), records)
    return records


def groups_of(records: np.ndarray) -> list[int]:
    tenants = Tenants()
    for start in range(0, len(records), 3):
        tenants.see(records[start : start + 3])
    return tenants.groups()[tenants.numbers(records)].tolist()


def test_tenants_with_addresses_of_their_own_share_one() -> None:
    records = packets((1, "10.0.0.1", "10.0.0.2"), (2, "10.1.0.1", "10.1.0.2"), (3, "10.2.0.1", "10.2.0.2"))
    assert groups_of(records) == [0, 0, 0]


def test_tenants_with_the_same_addresses_do_not() -> None:
    same = ("10.0.0.1", "10.0.0.2")
    assert groups_of(packets((1, *same), (2, *same), (3, *same), (1, *same))) == [0, 1, 2, 0]


def test_one_address_in_common_is_enough() -> None:
    found = groups_of(packets((1, "10.0.0.1", "10.0.0.2"), (2, "10.0.0.3", "10.0.0.2"), (3, "10.0.0.3", "10.0.0.4")))
    assert found[0] != found[1] != found[2]
    assert max(found) == 1


@given(st.lists(st.tuples(st.integers(4096, 4100), st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=30))
def test_no_two_in_a_group_share_an_address(drawn: list[tuple[int, int, int]]) -> None:
    named = [(vsid, str(ip_address(0x0A000000 + a)), str(ip_address(0x0A000000 + b))) for vsid, a, b in drawn]
    groups = groups_of(packets(*named))
    owner: dict[tuple[int, str], int] = {}
    of_tenant: dict[int, int] = {}
    for (vsid, *addresses), group in zip(named, groups, strict=True):
        assert of_tenant.setdefault(vsid, group) == group
        for address in addresses:
            assert owner.setdefault((group, address), vsid) == vsid


def test_tenants_beyond_the_limit_are_one(monkeypatch) -> None:
    monkeypatch.setattr(grouping, "MAX_TENANTS", 2)
    tenants = Tenants()
    records = packets(*((vsid, "10.0.0.1", "10.0.0.2") for vsid in range(1, 6)))
    tenants.see(records)
    assert tenants.numbers(records).tolist() == [0, 1, 2, 2, 2]
    assert tenants.groups().tolist() == [0, 1, 2]
