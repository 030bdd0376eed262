"""The compiled accountant's arrays: made, grown, kept within bounds and handed out as a State.

`LedgerAccountant` has the same three methods as `reference.account.Accountant`; the loops are `kernels/account.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.engine import eviction
from nvgre_inspect.engine.decoder import plain
from nvgre_inspect.kernels import account as kernel
from nvgre_inspect.kernels import codes, lookup
from nvgre_inspect.kernels.ledger import (
    BUCKETS,
    FRAGMENTS,
    GAP,
    KEY_WORDS,
    LIVE,
    META,
    WAITING,
    Ledger,
)
from nvgre_inspect.kernels.timeline import FIELDS
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.record import MAX_LAYERS, RECORD
from nvgre_inspect.model.state import (
    ADDRESS,
    ANOMALY,
    ENDPOINT,
    ENDPOINT_PA,
    FLOW,
    PATH,
    PLACEMENT,
    SERIES,
    STACK,
    TUNNEL,
    State,
)

#: Rows with which a table starts. Small, so that the tests grow every table; doubling makes the number unimportant.
_FIRST_ROWS = 1024
#: Frames for which there is room before the oldest are let go, beside a quarter of those that are kept.
_FEW_FRAMES = 1 << 14
#: Of each table: its rows' dtype, and the other arrays that have one entry per row (dtype, shape of an entry).
_TABLES: dict[str, tuple[Any, dict[str, tuple[Any, tuple[int, ...]]]]] = {
    "stacks": (STACK, {"stack_hash": (np.uint32, ())}),
    "addresses": (ADDRESS, {"address_hash": (np.uint32, ())}),
    "paths": (PATH, {"path_hash": (np.uint32, ())}),
    "tunnels": (TUNNEL, {"tunnel_hash": (np.uint32, ())}),
    "flows": (FLOW, {"live": (LIVE, ()), "flow_hash": (np.uint32, ())}),
    "placements": (PLACEMENT, {"placement_hash": (np.uint32, ()), "placement_series": (np.int32, ())}),
    "endpoints": (ENDPOINT, {"endpoint_hash": (np.uint32, ()), "pa_head": (np.int32, ())}),
    "endpoint_pas": (ENDPOINT_PA, {"pa_next": (np.int32, ())}),
    "series": (SERIES, {"series_hash": (np.uint32, ()), "bins": (np.int64, (codes.BINS, FIELDS))}),
    "anomalies": (ANOMALY, {"anomaly_hash": (np.uint32, ())}),
    "gaps": (GAP, {}),
}
#: The index of each table that has one.
_INDEXES = {
    "stacks": "stack",
    "addresses": "address",
    "paths": "path",
    "tunnels": "tunnel",
    "flows": "flow",
    "placements": "placement",
    "endpoints": "endpoint",
    "series": "series",
    "anomalies": "anomaly",
}
#: Tables with a cap: name -> field of AccountOptions and META.
_CAPS = ("stacks", "addresses", "paths", "flows", "placements", "tunnels", "endpoints", "series")

#: What is let go when the input has ended: the arrays of the kernel that are no table.
_ONLY_WHILE_ACCOUNTING = (
    *(other for _, beside in _TABLES.values() for other in beside if other != "bins"),
    *(f"{index}_index" for index in _INDEXES.values()),
    "gaps",
    "sets",
    "waiting",
    "waiting_records",
)


def _rows(n: int, dtype: Any, shape: tuple[int, ...] = ()) -> Any:
    """`n` zeroed rows. The kernels run uncompiled as well, which needs fields as attributes: recarrays."""
    array = np.zeros((n, *shape), dtype=dtype)
    return array.view(np.recarray) if array.dtype.names else array


class LedgerAccountant:
    """The accountant over the kernels."""

    def __init__(self, options: AccountOptions | None = None, on_evict: Callable[[State], None] | None = None) -> None:
        """`on_evict` is told, in the thread that accounts, of flows that leave (`AccountOptions.evict`): a State with
        their rows, placements and numbers, and with nothing that is not theirs.
        """
        options = options or AccountOptions()
        self._options = options
        self._on_evict = on_evict
        meta = _rows(1, META)
        for name in META.names or ():
            if hasattr(options, name):
                meta[name] = getattr(options, name)
        for name in ("free_gap", "oldest_set", "newest_set", "queue_head", "queue_tail", "set_u", "set_f"):
            meta[name] = -1
        meta["idle_ns"] = options.idle_timeout_ns
        # A number of this process's own keeps a sender from choosing what collides.
        meta["seed"] = secrets.randbits(63)
        meta["max_sets"] = options.fragment_sets
        meta["max_waiting"] = options.pending_fragments
        meta["bin_width"] = codes.FIRST_BIN_NS
        meta["n_gaps"] = 1  # node 0 is scratch
        for name in ("flows", "endpoints"):
            meta[f"full_{name}"] = getattr(options, f"max_{name}") if options.evict else np.iinfo(np.int64).max
            # One frame can set free all that wait, and each may bring a row.
            meta[f"max_{name}"] += options.pending_fragments + 2 if options.evict else 0
        arrays: dict[str, Any] = {"meta": meta}
        for name, (dtype, beside) in _TABLES.items():
            arrays[name] = _rows(_FIRST_ROWS if name != "series" else 16, dtype)
            for other, (kind, shape) in beside.items():
                arrays[other] = _rows(len(arrays[name]), kind, shape)
        for name, index in _INDEXES.items():
            arrays[f"{index}_index"] = np.full(4 * len(arrays[name]), -1, dtype=np.int32)
        arrays["sets"] = _chained(_rows(options.fragment_sets, FRAGMENTS), "chain")
        arrays["sets"]["flow"] = arrays["sets"]["placement"] = -1
        # Those that wait and those that were given up at the same moment.
        arrays["waiting"] = _chained(_rows(2 * options.pending_fragments + 2, WAITING), "next")
        arrays["waiting_records"] = _rows(len(arrays["waiting"]), RECORD)
        arrays["buckets"] = np.full(BUCKETS, -1, dtype=np.int32)
        arrays["frame_flow"] = np.zeros(0, dtype=np.int32)
        arrays["last_ns"] = np.zeros(0, dtype=np.int64)
        self._ledger = Ledger(**arrays)
        self._note_room()
        self._frames = 0
        #: The first frame, from 0, of which flow and position are kept.
        self._first_kept = 0
        #: Numbers of the flows that were there at the last eviction, and how many had left until then.
        self._flow_number = np.zeros(0, dtype=np.int64)
        self._flows_gone = 0
        self._evicted = eviction.Totals()
        #: Whether somebody may hold a view of the positions.
        self._lent = False
        self._last: State | None = None
        self._position = np.zeros(0, dtype=np.int64)
        self._scratch = (
            np.zeros(MAX_LAYERS, dtype=np.int64),
            np.zeros(KEY_WORDS, dtype=np.uint32),
            np.zeros(4, dtype=np.int64),
            _rows(1, WAITING),
        )

    def account(self, batch: PacketBatch, records: npt.NDArray[np.void]) -> None:
        """Account the frames of a batch, decoded to `records` (RECORD; anomalies found here are added to it)."""
        n = len(batch)
        self._make_room_for_frames(n, int(batch.interface.max(initial=-1)) + 1)
        at = self._frames - self._first_kept
        self._position[at : at + n] = batch.position
        self._run(plain(batch.buffer), plain(batch.offset), plain(records.view(np.recarray)), finish=False)
        self._frames += n

    def finish(self) -> None:
        """The input has ended: account the fragments that still wait for their first. Nothing can follow."""
        self._run(np.zeros(1, np.uint8), np.zeros(0, np.int64), _rows(0, RECORD), finish=True)
        self._last = self._state(copy=False)
        # A million flows take 400 MB beside their rows; the tables need none of it.
        self._ledger = self._ledger._replace(**dict.fromkeys(_ONLY_WHILE_ACCOUNTING, None))

    def state(self) -> State:
        """What is known now: copies, but for the frames' positions, which never change."""
        return self._last or self._state(copy=True)

    def _state(self, *, copy: bool) -> State:
        ledger, meta = self._ledger, self._ledger.meta[0]

        def rows(name: str) -> npt.NDArray[np.void]:
            part = getattr(ledger, name)[: int(meta[f"n_{name}"])]
            # A recarray's dtype is one of records; plain fields are what everybody else wants.
            plain: npt.NDArray[np.void] = part.view(np.ndarray).view(np.dtype((np.void, part.dtype)))
            result: npt.NDArray[np.void] = plain.copy() if copy else plain
            return result

        flows = rows("flows")
        flows["lost_segments"] += ledger.live["gap_count"][: len(flows)]
        kept = self._frames - self._first_kept
        newest = slice(max(kept - (self._options.max_packets or kept), 0), kept)
        gone = self._first_kept + newest.start
        width = int(meta["bin_width"])
        first = int(meta["min_ns"]) // width
        self._lent = True
        tables: dict[str, Any] = {name: rows(name) for name in _TABLES if name not in ("flows", "gaps")}
        return State(
            **tables,
            flows=flows,
            bins=np.roll(ledger.bins[: int(meta["n_series"])], -first, axis=1),
            bin_start_ns=first * width,
            bin_width_ns=width,
            frame_flow=ledger.frame_flow[newest].copy() if copy else ledger.frame_flow[newest],
            frame_position=self._position[newest],
            overflow={name: int(meta[f"lost_{name}"]) for name in _CAPS if meta[f"lost_{name}"]},
            frame_number=np.arange(gone + 1, self._frames + 1, dtype=np.int64) if gone else None,
            frames_gone=None if self._options.max_packets is None else gone,
            flow_number=self._flow_numbers() if self._flows_gone else None,
            evicted=self._evicted.rows(),
        )

    def _flow_numbers(self) -> npt.NDArray[np.int64]:
        """The numbers of all flows: those that were made since the last eviction follow each other."""
        rows = np.arange(len(self._flow_number), int(self._ledger.meta[0]["n_flows"]), dtype=np.int64)
        return np.concatenate([self._flow_number, rows + (1 + self._flows_gone)])

    def _run(self, buffer: Any, offset: Any, records: Any, *, finish: bool) -> None:
        done = 0
        while True:
            done = kernel.account(self._ledger, buffer, offset, records, done, self._frames, finish, *self._scratch)
            if done == len(records):
                return
            self._evict(done)
            self._grow()

    def _evict(self, done: int) -> None:
        """Make room for new flows and endpoints where there are as many as may be; `done`: frames of this batch."""
        ledger, meta = self._ledger, self._ledger.meta[0]
        if meta["n_flows"] >= meta["full_flows"]:
            leaves = eviction.flows_to_leave(ledger, self._options.max_flows)
            numbers = self._flow_numbers()
            self._evicted.add(eviction.flow_rows(ledger, leaves))
            if self._on_evict is not None:
                self._on_evict(eviction.leaving_state(ledger, leaves, numbers))
            moved = eviction.remove_flows(ledger, leaves)
            self._flow_number = numbers[~leaves]
            self._flows_gone += int(leaves.sum())
            counted = ledger.frame_flow[: self._frames + done - self._first_kept]
            counted[:] = moved[counted]
        if meta["n_endpoints"] >= meta["full_endpoints"]:
            eviction.remove_endpoints(ledger, eviction.endpoints_to_leave(ledger, self._options.max_endpoints))

    def _make_room_for_frames(self, n: int, interfaces: int) -> None:
        ledger = self._ledger
        kept = self._frames - self._first_kept
        most = self._options.max_packets
        if most is not None and kept + n > max(most * 5 // 4, _FEW_FRAMES):
            kept = min(kept, max(most - n, 0))
            self._keep_newest(kept)
        if kept + n > len(ledger.frame_flow):
            # The index is what grows with packets. It grows in place while nobody holds a view of it: a copy would
            # double it for a moment, and memory is to grow by at most 16 bytes a packet.
            room = max((kept + n) * 9 // 8, _FEW_FRAMES)
            ledger.frame_flow.resize(room, refcheck=False)
            if self._lent:
                self._position = _longer(self._position, room)
                self._lent = False
            else:
                self._position.resize(room, refcheck=False)
        if interfaces > len(ledger.last_ns):
            last = _longer(ledger.last_ns, interfaces)
            last[len(ledger.last_ns) :] = np.iinfo(np.int64).min
            self._ledger = ledger._replace(last_ns=last)

    def _keep_newest(self, count: int) -> None:
        """Let all frames but so many go."""
        flow = self._ledger.frame_flow
        old = slice(self._frames - self._first_kept - count, self._frames - self._first_kept)
        flow[:count] = flow[old]
        if self._lent:
            self._position = _longer(self._position[old], len(self._position))
            self._lent = False
        else:
            self._position[:count] = self._position[old]
        self._first_kept = self._frames - count
        self._ledger.meta[0]["first_kept"] = self._first_kept

    def _grow(self) -> None:
        """Double the tables that could be too small for one more frame."""
        ledger, meta = self._ledger, self._ledger.meta[0]
        waiting = int(meta["n_waiting"]) + 2
        new: dict[str, Any] = {}
        for name, (_, beside) in _TABLES.items():
            rows = getattr(ledger, name)
            used = int(meta[f"n_{name}"])
            per_frame = kernel.ANOMALIES_PER_FRAME if name == "anomalies" else kernel.ROWS_PER_FRAME
            needed = used + waiting * per_frame + 1
            limit = int(meta[f"max_{name}"]) + 1 if name in _CAPS else needed
            if needed <= len(rows) or (name in _CAPS and len(rows) >= limit):
                continue
            room = max(needed, min(2 * len(rows), limit if name in _CAPS else 2 * len(rows)))
            for other in (name, *beside):
                new[other] = _longer(getattr(ledger, other), room)
            if name in _INDEXES:
                index = np.full(_power_of_two(2 * room), -1, dtype=np.int32)
                hashes = new[f"{_INDEXES[name]}_hash"]
                if name == "flows":
                    lookup.rehash_flows(hashes, new["live"], used, index)
                else:
                    lookup.rehash(hashes, used, index)
                new[f"{_INDEXES[name]}_index"] = index
        self._ledger = ledger._replace(**new)
        self._note_room()

    def _note_room(self) -> None:
        meta = self._ledger.meta[0]
        for name in _TABLES:
            rows = len(getattr(self._ledger, name))
            at_cap = name in _CAPS and rows >= int(meta[f"max_{name}"]) + 1
            meta[f"room_{name}"] = np.iinfo(np.int64).max if at_cap else rows


def _chained(rows: Any, field: str) -> Any:
    """All rows in a list of free ones, the first at its head."""
    rows[field] = np.arange(1, len(rows) + 1)
    rows[field][-1] = -1
    return rows


def _longer(array: Any, room: int) -> Any:
    longer = _rows(room, array.dtype, array.shape[1:])
    longer[: len(array)] = array
    return longer


def _power_of_two(n: int) -> int:
    return 1 << max(n - 1, 1).bit_length()
