"""Following the stream of a flow: its packets go to tshark decapsulated, and come back as what the two ends said."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nvgre_inspect.session import Session, UsageError
from nvgre_inspect.wireshark.follow import Piece, follow
from nvgre_inspect.wireshark.packet_file import PacketFile
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tenant_packets import Strip
from nvgre_inspect.with_tshark.again import frames_again

if TYPE_CHECKING:
    from nvgre_inspect.flows.packet_pages import PacketPages
    from nvgre_inspect.model.snapshot import Snapshot

#: Bytes of a flow that tshark is given, which keeps them all in memory.
STREAM_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Stream:
    """One flow's stream."""

    #: Number of the flow, from 1.
    flow: int
    #: Of follow.PROTOCOLS.
    protocol: str
    #: (address, port) of the forward and the reverse end.
    ends: tuple[tuple[str, int], tuple[str, int]]
    #: What they said, in order; to be read within the block.
    pieces: Iterator[Piece]
    #: The flow's last packets that tshark was not given, since they are too many.
    left_out: int


@contextmanager
def stream(
    session: Session,
    *,
    flow: int | None = None,
    packet: int | None = None,
    protocol: str | None = None,
    settings: Settings | None = None,
    snapshot: Snapshot | None = None,
) -> Iterator[Stream]:
    """The stream of a flow (number from 1), or of the flow of a packet; reads to the end if nothing was read yet.

    `protocol` is one of follow.PROTOCOLS; None: the flow's own. UsageError for what has no stream.
    """
    if not session.is_counted:
        session.read()
    snapshot = snapshot or session.snapshot()
    pages = session.pages(snapshot)
    row = _flow_row(pages, snapshot, flow, packet)
    number = int(snapshot.state.flow_numbers[row])
    known = snapshot.flows.iloc[row]
    own = str(known["protocol"])
    if own not in ("tcp", "udp"):
        raise UsageError(f"flow {number} is {own}: only TCP and UDP have streams")
    if protocol is not None and (own == "udp") != (protocol == "udp"):
        raise UsageError(f"flow {number} is {own}: there is no {protocol} stream in it")
    if known.isna()[["src_port", "dst_port"]].any():
        raise UsageError(f"flow {number} has no ports: only later fragments of it were captured")
    ends = (str(known["src_ip"]), int(known["src_port"])), (str(known["dst_ip"]), int(known["dst_port"]))
    numbers = pages.numbers_of(np.array([row], dtype=np.int64))
    with tempfile.TemporaryDirectory(prefix="nvgre-inspect-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "stream.pcapng"
        given = _write(session, pages, numbers, path)
        with closing(follow(path, protocol or own, ends[0], settings or Settings())) as pieces:
            yield Stream(number, protocol or own, ends, pieces, len(numbers) - given)


def _flow_row(pages: PacketPages, snapshot: Snapshot, flow: int | None, packet: int | None) -> int:
    if packet is not None:
        row = pages.flow_of(packet)
        if row is None:
            raise UsageError(f"there is no packet {packet}, or it is in no flow; the last one is {pages.last}")
        return row
    row = -1 if flow is None else snapshot.state.flow_row(flow)
    if row < 0:
        raise UsageError(f"there is no flow {flow}: the last one is {snapshot.state.last_flow}")
    return row


def _write(session: Session, pages: PacketPages, numbers: npt.NDArray[np.int64], path: Path) -> int:
    """Write the tenant's packets in these frames to a capture; how many frames were taken."""
    strip = Strip(session.decode_options(), session.decoder().decode)
    room, given = STREAM_BYTES, 0
    with PacketFile(path, session.interfaces) as file, closing(frames_again(pages, numbers)) as frames:
        for part in frames:
            packets = strip.strip(part.batch, part.records, part.numbers)
            file.write(packets.batch, packets.numbers)
            given += len(part.numbers)
            room -= int(packets.batch.caplen.sum())
            if room < 0:
                break
    return given
