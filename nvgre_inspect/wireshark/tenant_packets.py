"""What tshark is given: the packets of tenants, decapsulated, each with its number in the input.

tshark keys conversations by addresses and ports alone, so two tenants with the same addresses would share streams
there (docs/wireshark.md). Nobody who sees one tenant at a time, without the tunnel, has that trouble.

Packets that were fragmented on the underlay are put together first and have the number of the fragment that completed
them. What has no tunnel, or hides its content (ESP), is given as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.inner_places import find
from nvgre_inspect.encapsulation.reassembly import Decode, Joined, Reassembly
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.selected import Selected

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]


class TenantPackets(NamedTuple):
    """Consecutive packets; all arrays have an entry for each."""

    #: What a tenant sent, or the frame as it came.
    batch: PacketBatch
    #: RECORD of the frame that it was in.
    records: Records
    #: int64, the number of that frame in the input, from 1; mostly rising.
    numbers: Ints
    #: bool, whether a tunnel was taken off.
    stripped: npt.NDArray[np.bool_]

    def chosen(self, rows: Ints) -> TenantPackets:
        """These packets only."""
        return TenantPackets(select(self.batch, rows), self.records[rows], self.numbers[rows], self.stripped[rows])


class Strip:
    """Takes batches in order; fragments that wait for others are kept between them."""

    def __init__(self, options: DecodeOptions, decode: Decode) -> None:
        """`options` are those of the records that will come; `decode` makes records as those were made."""
        self._options = options
        self._reassembly = Reassembly(decode)

    def strip(self, batch: PacketBatch, records: Records, numbers: Ints) -> TenantPackets:
        """The tenants' packets in these frames; `records` and `numbers` have one entry per frame."""
        return self._strip(self._reassembly.join(batch, records, numbers))

    def finish(self) -> TenantPackets | None:
        """Fragments that waited in vain, as they came; None: there are none."""
        rest = self._reassembly.finish()
        return None if rest is None else self._strip(rest)

    def _strip(self, whole: Joined) -> TenantPackets:
        batch = whole.batch
        place = find(batch, whole.records, self._options)
        stripped = place.reason == 0
        if whole.incomplete is not None:
            stripped &= ~whole.incomplete
        start = np.where(stripped, place.start, 0)
        end = np.where(stripped, place.end, batch.wirelen)
        inner_linktype = np.where(place.is_ethernet, offsets.DLT_ETHERNET, offsets.DLT_RAW)
        return TenantPackets(
            PacketBatch(
                buffer=batch.buffer,
                offset=batch.offset + start,
                caplen=np.minimum(batch.caplen, end) - start,
                wirelen=end - start,
                ts_ns=batch.ts_ns,
                linktype=np.where(stripped, inner_linktype, batch.linktype).astype(np.uint16),
                interface=batch.interface,
                position=batch.position,
            ),
            whole.records,
            whole.numbers,
            stripped,
        )


def tenant_packets(source: Iterable[Selected], options: DecodeOptions, decode: Decode) -> Iterator[TenantPackets]:
    """The frames of `source` as their tenants sent them; `options` and `decode` as for `Strip`."""
    strip = Strip(options, decode)
    for part in source:
        yield strip.strip(part.batch, part.records, part.numbers)
    rest = strip.finish()
    if rest is not None:
        yield rest
