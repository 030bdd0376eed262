"""Cutting the conversation of one packet out of a session, by the way that costs least.

Where the input was not counted yet, it is walked up to the packet; counting all of it would take longer than asking.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nvgre_inspect.model.batch import batch_of
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.session import Session, UsageError
from nvgre_inspect.wireshark.bounded import FIRST_PACKETS, LATEST_PACKETS
from nvgre_inspect.wireshark.cut import Cut, cut_out, one_frame, record_of
from nvgre_inspect.wireshark.tenant_packets import TenantPackets, tenant_packets
from nvgre_inspect.with_tshark.again import frames_again

if TYPE_CHECKING:
    from pathlib import Path

    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.model.source import Frame


def cut_for(session: Session, number: int, path: Path, snapshot: Snapshot | None) -> Cut:
    """Write the conversation of the packet of that number, up to it, to `path`. Raises as `Session.frame`."""
    frame = _frame(session, number, snapshot)
    batch = batch_of([frame], [0])
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


def _frame(session: Session, number: int, snapshot: Snapshot | None) -> Frame:
    """As `Session.frame`; the frames of a Snapshot can be read while more are being counted."""
    if snapshot is None:
        return session.frame(number)
    pages = session.pages(snapshot)
    try:
        return pages.frame(number)
    except KeyError:
        raise UsageError(f"there is no packet {number}: the last one is {pages.last}") from None


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
