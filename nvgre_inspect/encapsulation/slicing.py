"""Slicing: decapsulation of whole batches. A tenant's frame is a stretch of the frame around it, so nothing is copied.

`inner_places` says where it is, for all frames of a batch at once; here they become frames of their own, and each
combination of input interface and tunnel an interface of the output (docs/encapsulation.md, "What decapsulation
keeps"). `decapsulator` does the same one frame at a time, readably, and is what this is held against.

Limits: tunnels beyond 65,536 interfaces share one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.capture.limits import MAX_INTERFACES
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.inner_places import (
    INCOMPLETE,
    NOT_ETHERNET,
    REASONS,
)
from nvgre_inspect.encapsulation.inner_places import find as find_places
from nvgre_inspect.encapsulation.key_numbers import KeyNumbers
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.policy import Address
from nvgre_inspect.encapsulation.reassembly import Decode, Reassembly
from nvgre_inspect.encapsulation.rewritten import OutputInterface, Rewritten
from nvgre_inspect.encapsulation.tunnels import Tunnels
from nvgre_inspect.encapsulation.tunnels import find as find_tunnels
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.source import InterfaceInfo

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]

#: 32-bit words of the key of an output: interface, link type, kind, PA family, id (two words), PAs.
_KEY_WORDS = 14
_NO_ID = 0xFFFFFFFF


class Decapsulation:
    """Takes the frames of tenants out of those of the underlay. A `rewritten.Rewriter`."""

    def __init__(
        self,
        options: DecodeOptions,
        interfaces: Sequence[InterfaceInfo],
        decode: Decode,
        *,
        ethernet: bool = False,
    ) -> None:
        """`options` are those of the records that will come, `inner` says which layer's payload is taken out.

        `interfaces` are those of the input and may grow; `decode` makes records of frames that were put together.
        With `ethernet` bare IP packets get an Ethernet header, as files of a single link type need it.
        """
        self.outputs: list[OutputInterface] = []
        self.noted: Counter[str] = Counter()
        self._options = options
        self._interfaces = interfaces
        self._reassembly = Reassembly(decode)
        self._ethernet = ethernet
        self._keys = KeyNumbers(_KEY_WORDS // 2)
        #: Row in `outputs` of each number of `_keys`; and of what shares one, by link type.
        self._rows = np.zeros(0, dtype=np.int64)
        self._others: dict[int, int] = {}

    def rewrite(self, batch: PacketBatch, records: Records, numbers: Ints) -> Rewritten:
        """See `Rewriter`."""
        whole = self._reassembly.join(batch, records, numbers)
        return self._rewrite(whole.batch, whole.records, whole.numbers, whole.incomplete, whole.joined)

    def finish(self) -> Rewritten | None:
        """See `Rewriter`."""
        rest = self._reassembly.finish()
        if rest is None:
            return None
        return self._rewrite(rest.batch, rest.records, rest.numbers, rest.incomplete, rest.joined)

    def _rewrite(
        self,
        batch: PacketBatch,
        records: Records,
        numbers: Ints,
        incomplete: npt.NDArray[np.bool_] | None,
        joined: int,
    ) -> Rewritten:
        place = find_places(batch, records, self._options)
        reason = place.reason
        if incomplete is not None:
            reason[incomplete] = INCOMPLETE
        if self._ethernet:
            reason[(reason == 0) & ~place.is_ethernet & (place.start < offsets.ETH_LEN)] = NOT_ETHERNET
        if not reason.any():
            rows: slice | Ints = slice(None)
            kept = np.zeros(0, dtype=np.int64)
        else:
            rows, kept = np.flatnonzero(reason == 0), np.flatnonzero(reason)
        taken = records[rows]
        start, end, is_ethernet = place.start[rows], place.end[rows], place.is_ethernet[rows]
        tunnels = find_tunnels(select(batch, rows), taken, self._options)
        result = PacketBatch(
            buffer=batch.buffer,
            offset=batch.offset[rows] + start,
            caplen=np.minimum(batch.caplen[rows], end) - start,
            wirelen=end - start,
            ts_ns=batch.ts_ns[rows],
            linktype=np.where(is_ethernet, offsets.DLT_ETHERNET, offsets.DLT_RAW).astype(np.uint16),
            interface=batch.interface[rows],
            position=batch.position[rows],
        )
        if self._ethernet and not is_ethernet.all():
            result = self._with_ethernet(result, select(batch, rows), np.flatnonzero(~is_ethernet))
        result = result.at_interfaces(self._output_rows(result, tunnels))
        return Rewritten(
            batch=result,
            number=numbers[rows],
            entropy=tunnels.entropy,
            skipped=numbers[kept],
            reason=[REASONS[code] for code in reason[kept].tolist()],
            left=select(batch, kept),
            joined=joined,
        )

    # --- interfaces --------------------------------------------------------------------------------------------------

    def _output_rows(self, batch: PacketBatch, tunnels: Tunnels) -> npt.NDArray[np.int32]:
        """Row in `outputs` of each frame; adds the rows that are new."""
        keys = np.zeros((len(batch), _KEY_WORDS), dtype=np.uint32)
        keys[:, 0] = batch.interface
        keys[:, 1] = batch.linktype
        keys[:, 2] = tunnels.kind
        keys[:, 3] = tunnels.family
        keys[:, 4] = tunnels.ident >> 32
        keys[:, 5] = tunnels.ident & 0xFFFFFFFF
        keys[:, 6:10] = tunnels.src
        keys[:, 10:14] = tunnels.dst
        # Two rows stay free for what shares one: Ethernet and bare IP.
        limit = max(MAX_INTERFACES - 2 - len(self._interfaces), 1)
        numbers = self._keys.of(keys.view(np.uint64), limit)
        if len(self._keys) > len(self._rows):
            new = range(len(self._rows), len(self._keys))
            self._rows = np.concatenate([self._rows, [self._add_output(self._keys.key(i)) for i in new]])
        if numbers.min(initial=0) >= 0:
            return self._rows[numbers].astype(np.int32)
        shared = numbers < 0
        self.noted["shared-interface"] += int(shared.sum())
        rows = np.where(shared, 0, self._rows[numbers])
        for linktype in np.unique(batch.linktype[shared]).tolist():
            rows[shared & (batch.linktype == linktype)] = self._shared_row(linktype)
        return rows.astype(np.int32)

    def _add_output(self, key: list[int]) -> int:
        words: list[int] = np.array(key, dtype=np.uint64).view(np.uint32).tolist()
        source, linktype, kind, family, high, low = words[:6]
        names: Mapping[int, str] = self._options.tables.names
        vsid = None if high == _NO_ID else high << 32 | low
        pair = (_address(family, words[6:10]), _address(family, words[10:14]))
        origin = Origin(names.get(kind, f"user-{kind}"), vsid, *pair)
        self.outputs.append(OutputInterface(linktype, self._interfaces[source].name, origin.description(), source))
        return len(self.outputs) - 1

    def _shared_row(self, linktype: int) -> int:
        if linktype not in self._others:
            self._others[linktype] = len(self.outputs)
            self.outputs.append(OutputInterface(linktype, "", "others", -1))
        return self._others[linktype]

    # --- Ethernet headers for bare IP --------------------------------------------------------------------------------

    def _with_ethernet(self, result: PacketBatch, around: PacketBatch, bare: Ints) -> PacketBatch:
        """The frames `bare` of `result` behind Ethernet headers with the addresses of the frames `around` them."""
        # Where the header goes were bytes that are taken off; the batch as it came may still be needed.
        buffer = result.buffer.copy()
        at = result.offset[bare]
        headers = np.zeros((len(bare), offsets.ETH_LEN), dtype=np.uint8)
        outer = around.linktype[bare] == offsets.DLT_ETHERNET
        macs = np.arange(offsets.ETH_TYPE)
        headers[outer, : offsets.ETH_TYPE] = buffer[around.offset[bare[outer]][:, None] + macs]
        six = buffer[at] >> 4 == 6
        headers[:, offsets.ETH_TYPE] = np.where(six, offsets.ETHERTYPE_IPV6 >> 8, offsets.ETHERTYPE_IPV4 >> 8)
        headers[:, offsets.ETH_TYPE + 1] = np.where(six, offsets.ETHERTYPE_IPV6 & 0xFF, 0)
        buffer[(at - offsets.ETH_LEN)[:, None] + np.arange(offsets.ETH_LEN)] = headers
        self.noted["ethernet-added"] += len(bare)
        longer = np.zeros(len(result), dtype=np.int64)
        longer[bare] = offsets.ETH_LEN
        return PacketBatch(
            buffer,
            result.offset - longer,
            result.caplen + longer,
            result.wirelen + longer,
            result.ts_ns,
            np.full(len(result), offsets.DLT_ETHERNET, dtype=np.uint16),
            result.interface,
            result.position,
        )


def _address(family: int, words: list[int]) -> Address | None:
    if family == 4:
        return IPv4Address(words[3])
    return IPv6Address(b"".join(word.to_bytes(4, "big") for word in words)) if family == 6 else None
