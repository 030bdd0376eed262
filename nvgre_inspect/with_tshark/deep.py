"""Deep dissection of one packet of a session: its conversation is cut out, decapsulated, and given to tshark.

Where the input was not counted yet, it is walked up to the packet; counting all of it would take longer than asking.

Limits: of a conversation whose two directions have different VSIDs tshark sees the packet's own direction only.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.session import Session
from nvgre_inspect.wireshark.bounded import FIRST_PACKETS, LATEST_PACKETS
from nvgre_inspect.wireshark.cut import Cut, cut_out, one_frame, record_of
from nvgre_inspect.wireshark.deep import Deep
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tenant_packets import TenantPackets, tenant_packets
from nvgre_inspect.wireshark.tree import Node
from nvgre_inspect.with_tshark.again import frames_again

if TYPE_CHECKING:
    from pathlib import Path

    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.model.source import Frame


@dataclass(frozen=True, slots=True)
class DeepPacket:
    """What tshark says of a packet."""

    number: int
    #: tshark's lines, of the tenant's own packet. Texts are as they came: escape them before a terminal sees them.
    tree: tuple[Node, ...]
    #: Whether a tunnel was taken off before tshark saw it.
    stripped: bool
    #: Packets of its conversation that tshark was given, and that were left out for their number.
    given: int
    left_out: int


def deep(
    session: Session, number: int, settings: Settings | None = None, *, snapshot: Snapshot | None = None
) -> DeepPacket:
    """tshark's tree of the packet of that number (from 1), dissected with what its conversation sent before.

    Where nothing was counted yet the input is walked up to that packet; else its flow's packets are read again, of
    those that `snapshot` (None: that of now) counted.
    """
    with Deep(settings or Settings()) as asking:
        cut = _cut_for(session, number, asking.folder / "packets.pcapng", snapshot)
        tree = asking.tree(cut)
    return DeepPacket(number, tree, cut.stripped, len(cut.numbers), cut.left_out)


def _cut_for(session: Session, number: int, path: Path, snapshot: Snapshot | None) -> Cut:
    frame = session.frame(number)
    batch = _batch(frame)
    records = session.decoder().decode(batch)
    conversation: np.void | None = records[0]
    if bool(records["frag_a_ip"][0] >= 0) and bool(records["frag_a_layers"][0] == 0):
        # What a fragment of the underlay carries shows only once it is whole.
        conversation = _joined(session, number, snapshot)
    source = _Source.of(session, number, snapshot)
    with closing(source.frames):
        cut = cut_out(
            _tenant_packets(session, source),
            one_frame(batch, records, number),
            records[0] if conversation is None else conversation,
            session.interfaces,
            path,
        )
    return replace(cut, left_out=cut.left_out + source.left_out)


def _joined(session: Session, number: int, snapshot: Snapshot | None) -> np.void | None:
    source = _Source.of(session, number, snapshot)
    with closing(source.frames):
        return record_of(_tenant_packets(session, source), number)


def _tenant_packets(session: Session, source: _Source) -> Iterable[TenantPackets]:
    return tenant_packets(source.frames, session.decode_options(), session.decoder().decode)


class _Source(NamedTuple):
    """The frames among which the conversation of a packet is, up to that packet."""

    frames: Generator[Selected, None, None]
    #: Of its flow, not among them since they are too many.
    left_out: int = 0

    @classmethod
    def of(cls, session: Session, last: int, snapshot: Snapshot | None) -> _Source:
        """The way that costs least: the frames of its flow, if these are known, else all."""
        if not session.is_counted:
            return cls(_all(session))
        pages = session.pages(snapshot)
        flow = pages.flow_of(last)
        if flow is None:
            return cls(frames_again(pages, np.array([last], dtype=np.int64)))
        numbers = pages.numbers_of(np.array([flow], dtype=np.int64))
        numbers = numbers[: np.searchsorted(numbers, last, side="right")]
        excess = len(numbers) - FIRST_PACKETS - LATEST_PACKETS
        if excess <= 0:
            return cls(frames_again(pages, numbers))
        return cls(frames_again(pages, np.concatenate([numbers[:FIRST_PACKETS], numbers[-LATEST_PACKETS:]])), excess)


def _all(session: Session) -> Generator[Selected, None, None]:
    yield from session.frames()


def _batch(frame: Frame) -> PacketBatch:
    """A frame as a batch of one."""
    length = np.array([len(frame.data)], dtype=np.int64)
    return PacketBatch(
        np.frombuffer(frame.data or b"\0", dtype=np.uint8),
        np.zeros(1, dtype=np.int64),
        length,
        np.array([frame.wirelen], dtype=np.int64),
        np.array([frame.ts_ns], dtype=np.int64),
        np.array([frame.linktype], dtype=np.uint16),
        np.array([frame.interface], dtype=np.int32),
        np.zeros(1, dtype=np.int64),
    )
