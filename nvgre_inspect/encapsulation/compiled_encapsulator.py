"""CompiledEncapsulator: whole batches into tunnels; frame by frame the same as `encapsulator.Encapsulator`.

    describe    what headers and policy need to know of each frame
    ways        which legs the frames between two addresses take
    jobs        one frame to write per leg: its counters and its entropy
    write       headers on

Python is busy once for a new pair of addresses, a fragment, or a frame that is too long; never for each packet.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.encapsulation import mtu
from nvgre_inspect.encapsulation.entropy import FlowHash
from nvgre_inspect.encapsulation.inner_frame import read
from nvgre_inspect.encapsulation.interfaces import RecordedInterfaces
from nvgre_inspect.encapsulation.made import made
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.policy import Address, Policy
from nvgre_inspect.encapsulation.rewritten import Rewritten
from nvgre_inspect.encapsulation.routing import Leg, Router
from nvgre_inspect.encapsulation.ways import Keys, Legs, Way, Ways
from nvgre_inspect.encapsulation.wrapping import Facts, Ints, Verdicts, Wrapper, describe, fits
from nvgre_inspect.kernels import inner_frame, rewrite
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo

#: Pairs of addresses that are remembered; then all are forgotten, and asked for again.
_MAX_PAIRS = 1 << 18
_NOTHING = np.zeros(0, np.int64)


class CompiledEncapsulator:
    """A `Rewriter` that puts frames into tunnels; see `encapsulator.Encapsulator` for the options."""

    def __init__(
        self,
        policy: Policy,
        interfaces: Sequence[InterfaceInfo],
        *,
        vsid: int | None = None,
        by_policy: bool = False,
        origin: Origin | None = None,
    ) -> None:
        """`interfaces` are those of the input, a list that grows; `origin`: the tunnel of all frames."""
        self._options = policy.encapsulation
        self._recorded = RecordedInterfaces(interfaces, origin)
        self._router = Router(policy)
        self._vsid = vsid
        self._by_policy = by_policy
        self._wrapper = Wrapper(self._options)
        self._hash = FlowHash()
        self._keys = Keys()
        self._ways = Ways()
        self._legs = Legs(self._options)
        self.outputs = self._recorded.outputs
        self.noted: Counter[str] = Counter()

    def rewrite(self, batch: PacketBatch, records: npt.NDArray[np.void], numbers: Ints) -> Rewritten:
        """See `Rewriter`; the records are not needed."""
        self._recorded.follow()
        facts, keys = describe(batch, self._options)
        verdicts = Verdicts(facts)
        self._find_ways(keys, verdicts)
        replies, answered = self._check_lengths(batch, facts, verdicts)
        jobs = self._jobs(batch, facts, verdicts)
        written, unknown = self._wrapper.write(batch, facts, self._legs.arrays()[0], jobs)
        self._note(facts, jobs, unknown, len(answered))
        skipped, reason = verdicts.skipped()
        return Rewritten(
            batch=dataclasses.replace(written, linktype=np.full(len(jobs), offsets.DLT_ETHERNET, np.uint16)),
            number=numbers[jobs.frame],
            entropy=np.full(len(jobs), -1, np.int64),
            skipped=numbers[skipped],
            reason=reason,
            replies=replies,
            reply_number=numbers[answered],
        )

    def finish(self) -> Rewritten | None:
        """Nothing waits here."""
        return None

    def _find_ways(self, keys: npt.NDArray[np.uint32], verdicts: Verdicts) -> None:
        accepted = np.flatnonzero(verdicts.accepted)
        if self._ways.count + len(accepted) > _MAX_PAIRS:
            self._keys, self._ways = Keys(), Ways()
        found = self._keys.numbers(np.ascontiguousarray(keys[accepted]))
        self._ways.add([self._resolve(self._keys.words(n)) for n in range(self._ways.count, self._keys.used)])
        verdicts.way[accepted] = found
        lost = self._ways.legs[found] == 0
        for i, number in zip(accepted[lost].tolist(), found[lost].tolist(), strict=True):
            verdicts.skip(i, self._ways.reasons[number])

    def _resolve(self, words: list[int]) -> Way:
        """What the policy says of the frames with this key."""
        src_mac, dst_mac = (words[k].to_bytes(2) + words[k + 1].to_bytes(4) for k in (0, 2))
        version = words[inner_frame.VERSION]
        if version & inner_frame.BARE:
            src_mac = dst_mac = b""
        src_ca, dst_ca = (_address(version & ~inner_frame.BARE, words[k : k + 4]) for k in (5, 9))
        recorded = None if self._by_policy else self._recorded.origins[words[inner_frame.INTERFACE]]
        subnet = self._router.tenant(recorded, self._vsid, src_mac, src_ca)
        if isinstance(subnet, str):
            return Way(subnet)
        if recorded is not None and recorded.pa_src is not None and recorded.pa_dst is not None:
            leg = self._router.leg(recorded.pa_src, recorded.pa_dst)
            legs: tuple[Leg, ...] | str = leg if isinstance(leg, str) else (leg,)
        else:
            legs = self._router.route(subnet, src_mac, dst_mac, src_ca, dst_ca)
        if isinstance(legs, str):
            return Way(legs)
        return Way(None, subnet.vsid, tuple(self._legs.row(leg, subnet.vsid) for leg in legs))

    def _check_lengths(self, batch: PacketBatch, facts: Facts, verdicts: Verdicts) -> tuple[PacketBatch | None, Ints]:
        """Skips what is too long. The answers to it, and the places of the frames that they answer."""
        places = np.flatnonzero(verdicts.accepted)
        ways = verdicts.way[places]
        # All legs of a way are of one IP version.
        six = self._legs.arrays()[4][self._ways.flat[self._ways.first[ways]]] == 6
        keyed = self._ways.vsid[ways] >= 0
        headers = np.where(keyed, *self._wrapper.header) + np.where(six, offsets.IP6_LEN, offsets.IP4_MIN_LEN)
        total = headers + facts["length"][places]
        too_long = ~fits(total, six)
        for i in places[too_long].tolist():
            verdicts.skip(i, "too-long")
        if not self._options.mtu:
            return None, _NOTHING
        over = ~too_long & (total > self._options.mtu)
        if self._options.over_mtu == "send":
            self.noted["over-mtu-sent"] += int(self._ways.legs[ways[over]].sum())
            return None, _NOTHING
        answers: list[tuple[int, bytes]] = []
        for at in np.flatnonzero(over).tolist():
            i = int(places[at])
            verdicts.skip(i, "over-mtu")
            if self._options.over_mtu == "icmp":
                frame = read(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i]))
                room = mtu.room(self._options, 6 if six[at] else 4, frame, keyed=bool(keyed[at]))
                answer = mtu.answer(frame, room)
                if answer is not None:
                    answers.append((i, answer))
        if not answers:
            return None, _NOTHING
        answered = [place for place, _ in answers]
        return made(batch, answered, [frame for _, frame in answers]), np.array(answered, np.int64)

    def _jobs(self, batch: PacketBatch, facts: Facts, verdicts: Verdicts) -> Any:
        """A JOB for each frame to write, in the order of frames and legs."""
        places = np.flatnonzero(verdicts.accepted)
        ways = verdicts.way[places]
        copies = self._ways.legs[ways]
        of = np.repeat(np.arange(len(places)), copies)
        nth = np.arange(len(of)) - np.repeat(np.cumsum(copies) - copies, copies)
        legs = self._ways.flat[self._ways.first[ways][of] + nth]
        _, starts, lengths, _, families = self._legs.arrays()
        frame = places[of]
        jobs: Any = np.zeros(len(of), rewrite.JOB).view(np.recarray)
        jobs.frame = frame
        jobs.prefix = starts[legs]
        jobs.prefix_len = lengths[legs]
        jobs.ip_at = lengths[legs] - np.where(families[legs] == 6, offsets.IP6_LEN, offsets.IP4_MIN_LEN)
        jobs.ident, jobs.sequence = self._legs.count(legs)
        jobs.tos = self._tos(facts["tos"][frame].astype(np.int64))
        jobs.id = self._ways.vsid[ways][of]
        jobs.entropy = self._wrapper.entropy(self._hashes(batch, facts, places, ways)[of])
        return jobs

    def _tos(self, inner: Ints) -> Ints:
        """Outer TOS from the inner one; ECN as `ecn.ingress` has it."""
        dscp = inner & 0xFC if self._options.dscp == "uniform" else np.int64(self._options.dscp << 2)
        ecn = inner & 3 if self._options.ecn == "normal" else np.zeros_like(inner)
        return np.asarray(dscp | ecn, np.int64)

    def _hashes(self, batch: PacketBatch, facts: Facts, places: Ints, ways: Ints) -> Ints:
        """The hashes of frames; those of fragments follow their first, which takes a memory and Python."""
        hashes: Ints = facts["hash"][places]
        for at in np.flatnonzero(facts["fragment"][places]).tolist():
            i, vsid = int(places[at]), int(self._ways.vsid[ways[at]])
            frame = read(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i]))
            hashes[at] = self._hash.of(vsid if vsid >= 0 else None, frame)
        return hashes

    def _note(self, facts: Facts, jobs: Any, unknown: int, answered: int) -> None:
        first = np.flatnonzero(np.diff(jobs.frame, prepend=-1))
        counts = {
            "vlan-removed": int((facts["tags"][jobs.frame[first]] > 0).sum()),
            "checksum-unknown": unknown,
            "replicated": len(jobs) - len(first),
            "packet-too-big": answered,
        }
        self.noted.update({name: count for name, count in counts.items() if count})


def _address(version: int, words: list[int]) -> Address | None:
    """The address of a key's words."""
    if version == 4:
        return ipaddress.IPv4Address(words[3])
    if version == 6:
        return ipaddress.IPv6Address(b"".join(word.to_bytes(4) for word in words))
    return None
