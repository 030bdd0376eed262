"""Frames behind new headers, whole batches of them: what the compiled encapsulator and translator share.

`describe` says what headers and policy need to know of each frame (`kernels.inner_frame`), `Verdicts` what becomes of
it, and `Wrapper` writes frames behind their headers (`kernels.rewrite`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.engine.decoder import plain
from nvgre_inspect.kernels import inner_frame, rewrite
from nvgre_inspect.model.batch import PacketBatch

Ints = npt.NDArray[np.int64]
#: FACT of `kernels.inner_frame`.
Facts = npt.NDArray[np.void]
_TAGS = {"remove": inner_frame.TAGS_REMOVE, "refuse": inner_frame.TAGS_REFUSE, "keep": inner_frame.TAGS_KEEP}
_REASONS = {
    inner_frame.TOO_SHORT: "too-short",
    inner_frame.NOT_ETHERNET: "not-ethernet",
    inner_frame.NOT_IP: "not-ip",
    inner_frame.INNER_VLAN: "inner-vlan",
    inner_frame.UNREADABLE: "unreadable",
}


def describe(batch: PacketBatch, encapsulation: Encapsulation) -> tuple[Facts, npt.NDArray[np.uint32]]:
    """FACT and key (uint32[KEY_WORDS]) of each frame, as `kernels.inner_frame` says."""
    facts: Any = np.zeros(len(batch), inner_frame.FACT).view(np.recarray)
    keys = np.zeros((len(batch), inner_frame.KEY_WORDS), np.uint32)
    inner_frame.describe(
        plain(batch.buffer),
        plain(batch.offset),
        plain(batch.caplen),
        plain(batch.wirelen),
        plain(batch.linktype),
        plain(batch.interface),
        encapsulation.kind in outer.CARRIES_IP,
        _TAGS[encapsulation.inner_vlan],
        keys,
        facts,
    )
    return facts, keys


class Verdicts:
    """What becomes of each frame of a batch."""

    def __init__(self, facts: Facts) -> None:
        self.accepted: npt.NDArray[np.bool_] = facts["reason"] == 0
        self.way = np.zeros(len(facts), np.int64)
        self._reasons = {i: _REASONS[int(facts["reason"][i])] for i in np.flatnonzero(facts["reason"]).tolist()}

    def skip(self, place: int, reason: str) -> None:
        """The frame does not come out."""
        self.accepted[place] = False
        self._reasons[place] = reason

    def skipped(self) -> tuple[list[int], list[str]]:
        """Places of the frames that do not come out, in order, and why."""
        places = sorted(self._reasons)
        return places, [self._reasons[place] for place in places]


def fits(total: Ints, six: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """`outer.fits` for IP packets of `total` bytes; `six`: IPv6."""
    return total <= 0xFFFF + np.where(six, offsets.IP6_LEN, 0)


class Wrapper:
    """Writes jobs: what encapsulation and translation share."""

    def __init__(self, encapsulation: Encapsulation) -> None:
        self.header = [outer.overhead(encapsulation, 4, keyed=keyed) - offsets.IP4_MIN_LEN for keyed in (True, False)]
        options: Any = np.zeros(2, rewrite.OPTIONS).view(np.recarray)
        options.kind = encaps.CODES[encapsulation.kind]
        options.header = self.header
        options.port = encapsulation.port or outer.PORTS.get(encapsulation.kind, 0)
        options.key = (encapsulation.key, 0)
        options.checksum = encapsulation.checksum
        options.has_sequence = encapsulation.sequence
        self._options = options
        self._out = np.empty(1, np.uint8)
        self._entropy = encapsulation.kind in outer.PORTS
        self._flow_id = encapsulation.flow_id

    def entropy(self, hashes: Ints) -> Ints:
        """FlowIDs or source ports of the hashes of frames."""
        if self._entropy:
            return 0xC000 + (hashes & 0x3FFF)
        if self._flow_id == "hash":
            return 1 + hashes % 255
        return np.full(len(hashes), 0 if self._flow_id == "zero" else self._flow_id, np.int64)

    def write(
        self, batch: PacketBatch, facts: Facts, prefixes: npt.NDArray[np.uint8], jobs: Any
    ) -> tuple[PacketBatch, int]:
        """The frames of the jobs as a batch, and how many checksums cover bytes that are not there.

        Link types are those of the frames: whoever's prefixes are of another changes them. The bytes are there until
        the next call: a new buffer for each batch costs more in page faults than the copying.
        """
        frame = jobs.frame
        room = int((jobs.prefix_len + facts["captured"][frame]).sum()) + len(jobs) * max(self.header)
        if len(self._out) < room:
            self._out = np.empty(room + room // 4, np.uint8)
        out = self._out
        offset, caplen, wirelen = (np.empty(len(jobs), np.int64) for _ in range(3))
        unknown = rewrite.wrap(
            plain(batch.buffer), plain(batch.offset), facts, prefixes, jobs, self._options, out, offset, caplen, wirelen
        )
        written = PacketBatch(
            buffer=out,
            offset=offset,
            caplen=caplen,
            wirelen=wirelen,
            ts_ns=batch.ts_ns[frame],
            linktype=batch.linktype[frame],
            interface=batch.interface[frame],
            position=batch.position[frame],
        )
        return written, int(unknown)
