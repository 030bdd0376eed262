"""Derive: a capture to the policy of those who made it.

    derived = derive(session.frames())
    print(dump(derived.policy, derived.notes))

A policy has one encapsulation, so one is learnt: that of most frames, unless `kind` says which. What is the same in all
of its frames becomes a value of the policy; `notes` say what is not, so that whoever encapsulates by the policy knows
what will not come back. Learning is one pass over the frames, by NumPy; memory grows with different addresses, bounded.

Limits: later fragments of outer packets are not looked at; layers outside the tenant's (mirrors, IPsec, MPLS) are not
part of a policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import anomalies, encaps, offsets
from nvgre_inspect.encapsulation.learning.addresses import Addresses
from nvgre_inspect.encapsulation.learning.headers import KINDS, Flags, Headers, Ints
from nvgre_inspect.encapsulation.learning.hosts import Hosts
from nvgre_inspect.encapsulation.learning.options import Options
from nvgre_inspect.encapsulation.learning.words import Notes, frames, listed
from nvgre_inspect.encapsulation.outer import overhead
from nvgre_inspect.encapsulation.policy import Encapsulation, Kind, Policy
from nvgre_inspect.encapsulation.policy_keys import GRE_KINDS
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.selected import Selected


class NothingToLearn(ValueError):  # noqa: N818 (what it is, rather than what went wrong)
    """No frame carries the encapsulation; the text is one sentence."""


class Derived(NamedTuple):
    """What a capture says."""

    policy: Policy
    #: Sentences about what the policy does not hold.
    notes: tuple[str, ...]
    #: Frames that it was learnt from.
    frames: int


def derive(source: Iterable[Selected], *, kind: Kind | None = None, names: Names | None = None) -> Derived:
    """Learn from the frames of `source` that their `mask` selects; `names` are given to hosts and subnets.

    `kind`: the encapsulation, None: the one that most frames have. Raises NothingToLearn.
    """
    learners: dict[Kind, _Learner] = {}
    others: Counter[int] = Counter()
    for batch, records, _, mask in source:
        for code in np.unique(records["encap"][mask]).tolist():
            found = KINDS.get(code)
            if code == encaps.NONE:
                continue
            if found is None:
                others[code] += int((mask & (records["encap"] == code)).sum())
            else:
                learners.setdefault(found, _Learner(found))
        for learner in learners.values():
            learner.add(batch, records, mask)
    there = {str(found): learner.frames for found, learner in learners.items() if learner.frames}
    chosen = kind
    if chosen is None and learners:
        chosen = max(learners.items(), key=lambda item: item[1].frames)[0]
    if chosen is None or chosen not in there:
        what = kind or "an encapsulation that a policy can describe"
        raise NothingToLearn(f"no frame carries {what}" + (f"; there are {_kinds(there)}" if there else ""))
    notes = Notes()
    policy = learners[chosen].learned(names or Names(), notes)
    count = there.pop(chosen)
    if there:
        notes.add(f"the capture has other encapsulations, which --encap chooses: {_kinds(there)}")
    if others:
        named = {encaps.NAMES.get(code, "a user's own"): number for code, number in others.items()}
        notes.add(f"no policy can describe {_kinds(named)}")
    return Derived(policy, tuple(notes.all()), count)


def _kinds(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return listed([f"{kind} ({frames(count)})" for kind, count in ordered])


class _Learner:
    """What the frames of one kind say."""

    def __init__(self, kind: Kind) -> None:
        self.frames = 0
        self._kind = kind
        self._codes = [code for code, known in KINDS.items() if known == kind]
        self._hosts = Hosts()
        self._addresses = Addresses(kind)
        self._options = Options(kind)
        self._counts: Counter[str] = Counter()

    def add(self, batch: PacketBatch, records: npt.NDArray[np.void], mask: Flags) -> None:
        """Learn from the frames of the batch that are of this kind."""
        # Records of the kernels are a recarray, whose fields take long to find.
        records = records.view(np.ndarray)
        rows = np.flatnonzero(mask & np.isin(records["encap"], self._codes))
        headers = Headers(self._kind, batch, records[rows], rows)
        carries = (headers.inner_at >= 0) & (headers.ip_at >= 0)
        if self._kind == "gre":
            carries &= np.isin(headers.gre_type, (offsets.ETHERTYPE_IPV4, offsets.ETHERTYPE_IPV6))
        if not carries.all():
            self._counts["not-carried"] += int((~carries).sum())
            rows = rows[carries]
            headers = Headers(self._kind, batch, records[rows], rows)
        if not len(rows):
            return
        self.frames += len(rows)
        self._hosts.add(headers)
        self._addresses.add(headers)
        self._options.add(headers)
        for what, there in _oddities(headers).items():
            self._counts[what] += int(there.sum())

    def learned(self, names: Names, notes: Notes) -> Policy:
        """The policy; `notes` are about what it does not hold."""
        encapsulation = self._options.learned(notes)
        hosts = self._hosts.learned(names, notes)
        subnets = self._addresses.learned({host.pa for host in hosts}, names, notes)
        for what, sentence in _ODD.items():
            notes.count(self._counts[what], sentence.format(kind=self._kind))
        return Policy(encapsulation, tuple(hosts), tuple(subnets))


#: What no policy holds: counted by `_oddities`, and said so.
_ODD = {
    "not-carried": "of {kind} that carry something else than it should, or were cut before that",
    "unusual": "with options, extension headers or header bits that no policy holds",
    "outside": "with further layers outside (mirrors, IPsec, MPLS), which no policy holds",
    "fragment": "are fragments of outer packets, which nobody makes by a policy",
    "trailing": "with bytes behind the outer packet (padding, FCS), which do not come back",
    "flow-label": "with an IPv6 flow label, for which 0 is written",
}


def _oddities(headers: Headers) -> dict[str, Flags]:
    records = headers.records
    fragment = (records["anomalies"] >> anomalies.UNDERLAY_FRAGMENT & 1) == 1
    end = records["inner_off"].astype(np.int64) + records["inner_len"]
    return {
        "unusual": ~headers.usual | (headers.inner_at - headers.ip_at != _expected_overhead(headers)),
        "outside": records["tenant_layer"] > 0,
        "fragment": fragment,
        "trailing": ~fragment & (records["wire_len"] > end),
        "flow-label": headers.flow_label > 0,
    }


def _expected_overhead(headers: Headers) -> npt.NDArray[np.int64]:
    """Bytes from the outer IP header to the tenant's frame, where nothing is there but what an encapsulator writes."""
    plain = Encapsulation(kind=headers.kind, key=headers.kind not in GRE_KINDS)
    expected: Ints = np.where(headers.records["pa_family"] == 6, overhead(plain, 6), overhead(plain, 4))
    if headers.kind in GRE_KINDS:
        for flag in (offsets.GRE_C, offsets.GRE_K, offsets.GRE_S):
            expected = expected + np.where(headers.gre_flags & flag, 4, 0)
    return expected
