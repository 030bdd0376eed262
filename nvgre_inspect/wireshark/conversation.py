"""Which packets belong to the same conversation as a given one, told from their records alone.

The same as a flow, but for time: connections one after the other with the same addresses and ports are one
conversation, as nothing was counted here. Later fragments of a tenant's packets do not say their ports: all between
the two addresses with that protocol belong.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nvgre_inspect.wireshark.tenant_keys import tenant_keys

Records = npt.NDArray[np.void]
Mask = npt.NDArray[np.bool_]

_EACH = ("n_vlan", "family", "protocol")


def same_conversation(records: Records, one: np.void) -> Mask:
    """bool[len(records)]: the packet belongs to the conversation of `one`, a RECORD."""
    # Records are wide: most packets are told apart by two fields, before all others are compared.
    rows = np.flatnonzero(records["vsid"] == one["vsid"])
    here = [(records["src"][rows, 3], records["dst"][rows, 3])]
    rows = rows[_either_way(here, [(int(one["src"][3]), int(one["dst"][3]))])]
    same = np.zeros(len(records), dtype=bool)
    same[rows] = _same(records[rows], one)
    return same


def _same(records: Records, one: np.void) -> Mask:
    alone = np.array([one])
    same: Mask = (tenant_keys(records) == tenant_keys(alone)).all(axis=1)
    for name in _EACH:
        same &= records[name] == one[name]
    same &= (records["vlan"] == one["vlan"]).all(axis=1)
    if int(one["family"]) == 0:
        same &= records["ethertype"] == one["ethertype"]
        return same & _either_way(
            [(records["src_mac"], records["dst_mac"])], [(int(one["src_mac"]), int(one["dst_mac"]))]
        )
    here = [(records["src"][:, i], records["dst"][:, i]) for i in range(4)]
    there = [(int(one["src"][i]), int(one["dst"][i])) for i in range(4)]
    ports_unknown = _is_later_fragment(records) | _is_later_fragment(alone)
    source, target = int(one["src_port"]), int(one["dst_port"])
    if target < 0:
        # An echo's identifier is its source port in both directions.
        same &= (records["src_port"] == source) | ports_unknown
        return same & _either_way(here, there)
    with_ports = _either_way([*here, (records["src_port"], records["dst_port"])], [*there, (source, target)])
    return same & (with_ports | (ports_unknown & _either_way(here, there)))


def _either_way(
    pairs: list[tuple[npt.NDArray[np.signedinteger], npt.NDArray[np.signedinteger]]], wanted: list[tuple[int, int]]
) -> Mask:
    """Whether all (source, destination) are as wanted, or all are the other way round."""
    count = len(pairs[0][0])
    there, back = np.ones(count, dtype=bool), np.ones(count, dtype=bool)
    for (source, target), (want_source, want_target) in zip(pairs, wanted, strict=True):
        there &= (source == want_source) & (target == want_target)
        back &= (source == want_target) & (target == want_source)
    return there | back


def _is_later_fragment(records: Records) -> Mask:
    """A fragment of the innermost packet other than its first."""
    outermost: Mask = (records["frag_a_ip"] >= 0) & (records["frag_a_off"] > 0)
    return outermost | ((records["frag_b_ip"] >= 0) & (records["frag_b_off"] > 0))
