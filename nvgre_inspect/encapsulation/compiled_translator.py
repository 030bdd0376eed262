"""CompiledTranslator: whole batches from one encapsulation into another; the same as `translator.Translator`.

Frames of the usual form go through `kernels.rewrite`: their own bytes up to the outer IP header are the prefix of what
is written. What is not of that form (IPv6 extension headers, 802.3 lengths, payloads that are not Ethernet, mirrors …)
is left to the reference, frame by frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.entropy import FIRST_PORT
from nvgre_inspect.encapsulation.interfaces import follow
from nvgre_inspect.encapsulation.made import made
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.encapsulation.rewritten import OutputInterface, Rewritten
from nvgre_inspect.encapsulation.translator import FLOW_ID_MASK, Translator
from nvgre_inspect.encapsulation.wrapping import Facts, Ints, Verdicts, Wrapper, describe, fits
from nvgre_inspect.kernels import rewrite
from nvgre_inspect.model.batch import PacketBatch, concatenated
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.source import InterfaceInfo

Bools = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]
#: Encapsulations of Ethernet frames directly behind an IP or UDP header.
_USUAL = (encaps.NVGRE, encaps.GRETAP, encaps.VXLAN, encaps.GENEVE)
#: Columns of the records that a translation needs.
_COLUMNS = ("inner_off", "inner_len", "vsid", "pa_family", "encap", "flow_id")
_TAGS_OFFSET = 2 * offsets.VLAN_LEN


class CompiledTranslator:
    """A `Rewriter` into another encapsulation; see `translator.Translator` for `encapsulation`'s options and `ids`."""

    def __init__(
        self,
        encapsulation: Encapsulation,
        interfaces: Sequence[InterfaceInfo],
        *,
        ids: Mapping[int, int],
        options: DecodeOptions,
    ) -> None:
        """`interfaces` are those of the input, a list that grows; `options` say how its frames are decoded."""
        kind = encapsulation.kind
        self._kind = kind
        self._sequence = encapsulation.sequence
        self._keyed = kind != "ipip" and (encapsulation.key or kind not in ("gre", "gretap"))
        self._needs_id = kind not in ("ipip", "gre", "gretap")
        self._form = Encapsulation(kind=kind, inner_vlan="remove" if kind == "nvgre" else "keep")
        self._wrapper = Wrapper(encapsulation)
        self._ids = ids
        self._interfaces = interfaces
        self._reference = Translator(
            kind,
            ids=ids,
            port=encapsulation.port,
            key=encapsulation.key,
            checksum=encapsulation.checksum,
            sequence=encapsulation.sequence,
            options=options,
        )
        self.outputs: list[OutputInterface] = []
        self.noted: Counter[str] = Counter()

    def rewrite(self, batch: PacketBatch, records: Records, numbers: Ints) -> Rewritten:
        """See `Rewriter`."""
        follow(self.outputs, self._interfaces)
        usual = self.usual(batch, records)
        written, places, reasons = self._translate(batch, records, np.flatnonzero(usual))
        slow, slow_places = self._by_reference(batch, np.flatnonzero(~usual), reasons)
        if len(slow_places):
            both = np.concatenate([places, slow_places])
            order = np.argsort(both, kind="stable")
            written, places = select(concatenated([written, slow]), order), both[order]
        skipped = sorted(reasons)
        return Rewritten(
            batch=written,
            number=numbers[places],
            entropy=np.full(len(places), -1, np.int64),
            skipped=numbers[skipped],
            reason=[reasons[place] for place in skipped],
        )

    def finish(self) -> Rewritten | None:
        """Nothing waits here."""
        return None

    def usual(self, batch: PacketBatch, records: Records) -> Bools:
        """Frames whose parts are where the compiled path looks for them."""
        if self._sequence:
            return np.zeros(len(batch), bool)  # counted in one place only
        ip, l4 = (records[name][:, 0].astype(np.int64) for name in ("ip_off", "ip_l4_off"))
        four, six = records["pa_family"] == 4, records["pa_family"] == 6
        usual: Bools = (
            (batch.linktype == offsets.DLT_ETHERNET)
            & (records["tenant_layer"] == 0)
            & np.isin(records["encap"], _USUAL)
            & (records["frag_a_ip"] != 0)
            & (ip >= offsets.ETH_LEN)
            & (ip <= offsets.ETH_LEN + _TAGS_OFFSET)
            & (four | (six & (l4 == ip + offsets.IP6_LEN)))
            & (l4 > ip)
            # The tenant's Ethernet header was read, and is the second one of the frame.
            & (records["n_eth"] >= 2)
            & (records["eth_off"][:, 1] == records["inner_off"])
        )
        # The outer type field is no length: SNAP stands where two tags would.
        places = np.flatnonzero(usual)
        usual[places] &= batch.buffer[batch.offset[places] + offsets.ETH_TYPE] >= offsets.ETHERTYPE_MIN >> 8
        return usual

    def _translate(
        self, batch: PacketBatch, records: Records, places: Ints
    ) -> tuple[PacketBatch, Ints, dict[int, str]]:
        """The frames at `places` that come out, their places, and why others do not."""
        # By column: a whole record has 528 bytes.
        columns = {name: records[name][places] for name in _COLUMNS}
        columns |= {name: records[name][places, 0].astype(np.int64) for name in ("ip_off", "ip_l4_off")}
        inner_off = columns["inner_off"].astype(np.int64)
        inner = PacketBatch(
            buffer=batch.buffer,
            offset=batch.offset[places] + inner_off,
            caplen=np.minimum(batch.caplen[places] - inner_off, columns["inner_len"]),
            wirelen=columns["inner_len"],
            ts_ns=batch.ts_ns[places],
            linktype=batch.linktype[places],
            interface=batch.interface[places],
            position=batch.position[places],
        )
        facts, _ = describe(inner, self._form)
        verdicts = Verdicts(facts)
        ids = self._identifiers(columns["vsid"], verdicts)
        starts, lengths = columns["ip_off"], columns["ip_l4_off"]
        total = lengths - starts + np.where(ids >= 0, *self._wrapper.header) + facts["length"]
        for i in np.flatnonzero(verdicts.accepted & ~fits(total, columns["pa_family"] == 6)).tolist():
            verdicts.skip(i, "too-long")
        frame = np.flatnonzero(verdicts.accepted)
        jobs: Any = np.zeros(len(frame), rewrite.JOB).view(np.recarray)
        jobs.frame = frame
        jobs.prefix = batch.offset[places[frame]]
        jobs.prefix_len = lengths[frame]
        jobs.ip_at = starts[frame]
        jobs.ident = jobs.tos = -1
        jobs.id = ids[frame]
        jobs.entropy = self._entropy(columns["encap"][frame], columns["flow_id"][frame])
        written, unknown = self._wrapper.write(inner, facts, batch.buffer, jobs)
        self._note(facts, frame, unknown)
        skipped, why = verdicts.skipped()
        return written, places[frame], dict(zip(places[skipped].tolist(), why, strict=True))

    def _identifiers(self, vsids: Ints, verdicts: Verdicts) -> Ints:
        """int64: the new identifier of each frame, -1: none. Frames whose identifier does not fit are skipped."""
        if not self._keyed:
            return np.full(len(vsids), -1, np.int64)
        old, group = np.unique(vsids, return_inverse=True)
        new = [self._ids.get(vsid, vsid) for vsid in old.tolist()]
        valid = outer.IDENTIFIERS[self._kind]
        fit = [vsid in valid or (old_id < 0 and not self._needs_id) for vsid, old_id in zip(new, old, strict=True)]
        for i in np.flatnonzero(verdicts.accepted & ~np.array(fit, bool)[group]).tolist():
            verdicts.skip(i, "id-out-of-range")
        return np.array(new, np.int64)[group]

    def _entropy(self, encap: npt.NDArray[np.uint8], flow_id: Ints) -> Ints:
        """FlowIDs or source ports, made of the other's field."""
        # GRETAP has none; what its records say is the underlay's.
        flow_id = np.where(encap == encaps.GRETAP, -1, flow_id)
        known = np.maximum(flow_id, 0)
        if self._kind not in outer.PORTS:
            return known & FLOW_ID_MASK
        return np.where((encap == encaps.NVGRE) | (flow_id < 0), FIRST_PORT | known, flow_id)

    def _by_reference(self, batch: PacketBatch, places: Ints, reasons: dict[int, str]) -> tuple[PacketBatch, Ints]:
        """The same by the reference; why frames do not come out is added to `reasons`."""
        kept, frames, missing = [], [], []
        for i in places.tolist():
            result = self._reference.translate(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i]))
            self.noted.update(result.notes)
            if result.reason is not None:
                reasons[i] = result.reason
                continue
            kept.append(i)
            frames.append(result.frame)
            missing.append(result.wirelen - len(result.frame))
        return made(batch, kept, frames, missing), np.array(kept, np.int64)

    def _note(self, facts: Facts, frame: Ints, unknown: int) -> None:
        counts = {"vlan-removed": int((facts["tags"][frame] > 0).sum()), "checksum-unknown": unknown}
        self.noted.update({name: count for name, count in counts.items() if count})
