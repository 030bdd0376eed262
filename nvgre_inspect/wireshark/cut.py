"""Cutting out: the packets of one conversation, decapsulated, in a capture of their own for tshark.

So a packet in the middle of gigabytes is dissected as if it stood in a small file: with all of its stream before it,
and with nothing of another tenant that happens to use the same addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.wireshark.bounded import Bounded
from nvgre_inspect.wireshark.conversation import same_conversation
from nvgre_inspect.wireshark.packet_file import PacketFile
from nvgre_inspect.wireshark.tenant_packets import TenantPackets

Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Cut:
    """A capture that was cut out."""

    path: Path
    #: int64, the number in the input of each of its packets.
    numbers: Ints
    #: Place in the file, from 1, of the packet that it was made for.
    place: int
    #: Whether a tunnel was taken off that packet.
    stripped: bool
    #: Packets of the conversation that were left out for their number.
    left_out: int


def record_of(packets: Iterable[TenantPackets], number: int) -> np.void | None:
    """The RECORD of the packet of that number, put together if it was fragmented; None: it was not completed."""
    for some in packets:
        rows = np.flatnonzero((some.numbers == number) & some.stripped)
        if len(rows):
            record: np.void = some.records[rows[0]].copy()
            return record
    return None


def cut_out(
    packets: Iterable[TenantPackets],
    alone: TenantPackets,
    conversation: np.void,
    interfaces: Sequence[InterfaceInfo],
    path: Path,
) -> Cut:
    """Write the conversation of one packet, up to it, to `path`.

    `packets` are those of the input, at least up to that packet, in order; `alone` is that packet by itself, which is
    all that is written where it is none of its own (a fragment of the underlay). `conversation` is a RECORD of its
    conversation. Raises CaptureError where the file cannot be written.
    """
    number = int(alone.numbers[0])
    kept = Bounded()
    found, stripped = False, False
    for some in packets:
        belongs = same_conversation(some.records, conversation) & (some.numbers <= number)
        rows = np.flatnonzero(belongs)
        if len(rows):
            mine = some.chosen(rows)
            kept.add(mine.batch, mine.numbers)
            last = np.flatnonzero(mine.numbers == number)
            if len(last):
                found, stripped = True, bool(mine.stripped[last[-1]])
        if found or (len(some.numbers) and int(some.numbers[-1]) > number):
            break
    with PacketFile(path, interfaces) as file:
        for batch, numbers in kept.kept() if found else [(alone.batch, alone.numbers)]:
            file.write(batch, numbers)
    numbers = file.numbers()
    place = int(np.flatnonzero(numbers == number)[-1]) + 1
    return Cut(path, numbers, place, stripped, kept.left_out if found else 0)


def one_frame(batch: PacketBatch, records: Records, number: int) -> TenantPackets:
    """A frame as it came, by itself: `batch` and `records` have one entry."""
    return TenantPackets(batch, records, np.array([number], dtype=np.int64), np.zeros(1, dtype=bool))
