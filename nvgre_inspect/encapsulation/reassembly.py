"""Reassembly: fragments of outer packets put together, before anything is taken off them.

Only an IP header outside all layers counts: fragments of what a tenant sends are the tenant's own frames. The packet
takes the place of the fragment that completes it. Its header is that of the first fragment, without the signs of
fragmentation; IPv6 loses its fragment header. What a fragment carries shows only in the first: later ones wait for it,
or, if it carries no tunnel, go on as they are.

Limits: a fragment that overlaps others, and is no copy of one, is taken for the begin of another packet of the same
identification, and what was there is given up. Of a fragment that the snapshot length cut, the packet keeps what comes
before the cut. Fragmented tunnels inside mirrors (ERSPAN) are not put together. What waits is bounded in number, bytes
and capture time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import anomalies
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.fragmented import Payload, Piece, parse, whole_header
from nvgre_inspect.kernels.codes import FRAGMENT_SETS, FRAGMENT_TIMEOUT_NS
from nvgre_inspect.model.batch import NO_FRAMES, PacketBatch, batch_of, concatenated

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
#: Makes RECORDs of a batch.
Decode = Callable[[PacketBatch], Records]

#: Bytes of frames that wait.
_HELD_BYTES = 64 << 20
_HEADERS_MISSING = 1 << anomalies.HEADER_CUT_BY_SNAPLEN | 1 << anomalies.HEADER_TRUNCATED


class Joined(NamedTuple):
    """Frames that go on: as they came, put together, or given up."""

    batch: PacketBatch
    records: Records
    #: int64, the number of each; of a packet that was put together that of the fragment that completed it. Rising;
    #: frames that have waited come first.
    numbers: Ints
    #: bool per frame: a fragment of which other parts are missing; None: none is.
    incomplete: npt.NDArray[np.bool_] | None = None
    #: Frames that went into others: fragments less packets.
    joined: int = 0


class _Frame(NamedTuple):
    """A frame with everything that a batch says of it."""

    data: bytes
    wirelen: int
    ts_ns: int
    linktype: int
    interface: int
    position: int
    number: int


class _Held(NamedTuple):
    frame: _Frame
    #: One RECORD.
    record: np.void


@dataclass(slots=True)
class _Packet:
    """A packet in the making."""

    began_ns: int
    payload: Payload = field(default_factory=Payload)
    held: list[_Held] = field(default_factory=list)
    #: The first fragment, and where its IP header is.
    first: tuple[_Frame, int] | None = None
    #: The first fragment said that this is no tunnel: the others need not wait.
    plain: bool = False


@dataclass(slots=True)
class _Out:
    """What a call hands out besides the frames that are no fragments."""

    released: list[_Held] = field(default_factory=list)
    given_up: list[_Held] = field(default_factory=list)
    #: Packets that were put together, and what of.
    whole: list[tuple[_Frame, list[_Held]]] = field(default_factory=list)


class Reassembly:
    """Takes batches in order; what waits for its other fragments is kept between them."""

    def __init__(self, decode: Decode) -> None:
        """`decode` makes records of packets that were put together, as those of the batches were made."""
        self._decode = decode
        self._packets: OrderedDict[Hashable, _Packet] = OrderedDict()
        self._held_bytes = 0

    def join(self, batch: PacketBatch, records: Records, numbers: Ints) -> Joined:
        """The frames that go on now; `records` and `numbers` have one entry per frame of the batch."""
        fragment = (records["frag_a_ip"] >= 0) & (records["frag_a_layers"] == 0)
        if not len(batch) or not (fragment.any() or self._packets):
            return Joined(batch, records, numbers)
        out = _Out()
        for row in np.flatnonzero(fragment).tolist():
            self._take(_frame(batch, row, int(numbers[row])), records[row], out)
        self._expire(int(batch.ts_ns.max()), out)
        if not (fragment.any() or out.given_up):
            return Joined(batch, records, numbers)
        rest = np.flatnonzero(~fragment)
        return self._hand_out(select(batch, rest), records[rest], numbers[rest], out)

    def finish(self) -> Joined | None:
        """What has waited in vain; None: nothing."""
        out = _Out()
        while self._packets:
            self._give_up(next(iter(self._packets)), out)
        if not out.given_up:
            return None
        no_records = np.array([out.given_up[0].record])[:0]
        return self._hand_out(NO_FRAMES, no_records, np.zeros(0, dtype=np.int64), out)

    # --- packets in the making ---------------------------------------------------------------------------------------

    def _take(self, frame: _Frame, record: np.void, out: _Out) -> None:
        at, length = int(record["ip_off"][0]), int(record["frag_a_len"])
        parsed = parse(frame.data[at:])
        if parsed is None or parsed[1].invalid(length):
            out.given_up.append(_Held(frame, record))
            return
        key, fragment = (frame.interface, parsed[0]), parsed[1]
        begin = at + fragment.start
        piece = Piece(fragment.offset, fragment.offset + length, frame.data[begin : begin + length])
        is_first = fragment.offset == 0
        plain = is_first and not record["n_layers"] and not int(record["anomalies"]) & _HEADERS_MISSING
        packet = self._packets.get(key)
        if packet is not None and packet.plain and is_first:
            del self._packets[key]  # the identification is used again
            packet = None
        if packet is None or not (packet.plain or packet.payload.add(piece, last=not fragment.more)):
            if packet is not None:
                self._give_up(key, out)
            packet = self._packets[key] = _Packet(frame.ts_ns)
            packet.payload.add(piece, last=not fragment.more)
        packet.held.append(_Held(frame, record.copy()))
        self._held_bytes += len(frame.data)
        if is_first:
            packet.first, packet.plain = (frame, at), plain
        if packet.plain:
            out.released += self._let_go(packet)
        elif packet.payload.is_complete:
            self._put_together(key, frame, out)
        while len(self._packets) > FRAGMENT_SETS or self._held_bytes > _HELD_BYTES:
            self._give_up(next(iter(self._packets)), out)

    def _put_together(self, key: Hashable, latest: _Frame, out: _Out) -> None:
        packet = self._packets[key]
        assert packet.first is not None  # the payload has no gap at its start
        assert packet.payload.length is not None
        first, at = packet.first
        header = whole_header(first.data[at:], packet.payload.length)
        if header is None:
            self._give_up(key, out)
            return
        start = first.data[:at] + header
        data = start + packet.payload.captured()
        wirelen = len(start) + packet.payload.length
        whole = latest._replace(data=data, wirelen=wirelen, linktype=first.linktype)
        out.whole.append((whole, self._let_go(self._packets.pop(key))))

    def _expire(self, now_ns: int, out: _Out) -> None:
        # In order of their first fragments: times that run backward only have them wait longer.
        while self._packets:
            key, packet = next(iter(self._packets.items()))
            if now_ns - packet.began_ns <= FRAGMENT_TIMEOUT_NS:
                return
            self._give_up(key, out)

    def _give_up(self, key: Hashable, out: _Out) -> None:
        out.given_up += self._let_go(self._packets.pop(key))

    def _let_go(self, packet: _Packet) -> list[_Held]:
        held, packet.held = packet.held, []
        self._held_bytes -= sum(len(frame.data) for frame, _ in held)
        return held

    # --- batches -----------------------------------------------------------------------------------------------------

    def _hand_out(self, batch: PacketBatch, records: Records, numbers: Ints, out: _Out) -> Joined:
        """These frames and those of `out`, in order of their numbers."""
        whole = _batch([frame for frame, _ in out.whole])
        found = self._decode(whole)
        outer_fragment = (found["frag_a_ip"] >= 0) & (found["frag_a_layers"] == 0)
        good = (found["n_layers"] > 0) & ~outer_fragment
        for i in np.flatnonzero(~good).tolist():
            # No tunnel, as only the whole packet showed; or one of its further fragment headers is left.
            (out.given_up if outer_fragment[i] else out.released).extend(out.whole[i][1])
        done = [one for one, is_good in zip(out.whole, good.tolist(), strict=True) if is_good]
        held = out.released + out.given_up
        own = np.array([record for _, record in held], dtype=records.dtype)
        number = [frame.number for frame, _ in held] + [frame.number for frame, _ in done]
        batch = concatenated([batch, _batch([frame for frame, _ in held]), select(whole, good)])
        records = np.concatenate([records, own, found[good].astype(records.dtype)])
        numbers = np.concatenate([numbers, np.array(number, dtype=np.int64)])
        incomplete = np.zeros(len(numbers), dtype=bool)
        end = len(numbers) - len(done)
        incomplete[end - len(out.given_up) : end] = True
        order = np.argsort(numbers, kind="stable")
        joined = sum(len(parts) - 1 for _, parts in done)
        return Joined(select(batch, order), records[order], numbers[order], incomplete[order], joined)


def _frame(batch: PacketBatch, row: int, number: int) -> _Frame:
    return _Frame(
        batch.frame(row),
        int(batch.wirelen[row]),
        int(batch.ts_ns[row]),
        int(batch.linktype[row]),
        int(batch.interface[row]),
        int(batch.position[row]),
        number,
    )


def _batch(frames: Sequence[_Frame]) -> PacketBatch:
    return batch_of(frames, [frame.position for frame in frames])
