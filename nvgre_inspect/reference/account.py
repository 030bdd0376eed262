"""The reference accountant: from records to flows, placements, tunnels, endpoints and counters.

It follows docs/accounting.md in plain Python, one small function a rule: it serves small inputs at once, and it is
what the compiled accountant (`kernels/account.py`) is held against, array by array. Here are steps 1 and 2 (the order
of time, and which frames are fragments of what); `ledger.py` has steps 3 to 10, `tcp.py` the TCP words.

Nothing raises on what a record says. About 15 µs a frame.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable

import numpy as np

from dissectors import anomalies
from nvgre_inspect.model import state as model
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.state import State
from nvgre_inspect.reference import rows
from nvgre_inspect.reference.eviction import Eviction, evict_endpoints
from nvgre_inspect.reference.fragments import FragmentSet, FragmentSets
from nvgre_inspect.reference.frame import Fragment, FrameRecord, frame_records
from nvgre_inspect.reference.ledger import Ledger, Outcome


class Accountant:
    """Takes batches of records in the order of frames; hands out the State at any time."""

    def __init__(self, options: AccountOptions) -> None:
        """There is no word of flows that leave (`AccountOptions.evict`) but their totals."""
        self._options = options
        self._ledger = Ledger(options)
        self._eviction = Eviction()
        self._fragments: FragmentSets[Outcome] = FragmentSets(options)
        #: Frames that are not in the arrays of frames any more.
        self._gone = 0
        #: Time of the last frame, by interface.
        self._last_ts: dict[int, int] = {}
        self._frame_flow = array("i")
        self._frame_position = array("q")

    def account(self, batch: PacketBatch, records: np.ndarray) -> None:
        """Accounts a batch; `records` (RECORD) has one row per frame of it, else ValueError."""
        if len(batch) != len(records):
            raise ValueError(f"{len(batch)} frames with {len(records)} records")
        first_number = self._gone + len(self._frame_flow) + 1
        self._frame_flow.extend([-1] * len(records))
        self._frame_position.frombytes(batch.position.astype(np.int64).tobytes())
        for frame in frame_records(batch, records, first_number):
            self._make_room()
            self._account_frame(frame)
        self._keep_newest()

    def _make_room(self) -> None:
        """Before a frame: where there are as many flows or endpoints as may be, those idle longest leave."""
        ledger, options = self._ledger, self._options
        if options.evict and len(ledger.flows.rows) >= options.max_flows:
            moved = self._eviction.evict_flows(ledger, options.max_flows, self._fragments.firsts())
            self._frame_flow = array("i", (moved.get(flow, -1) for flow in self._frame_flow))
        if options.evict and len(ledger.endpoints.rows) >= options.max_endpoints:
            evict_endpoints(ledger, options.max_endpoints)

    def _keep_newest(self) -> None:
        over = len(self._frame_flow) - (self._options.max_packets or len(self._frame_flow))
        if over > 0:
            del self._frame_flow[:over], self._frame_position[:over]
            self._gone += over

    def finish(self) -> None:
        """The end of the input: fragments that still wait are accounted alone."""
        self._fragments.give_up_all()
        self._enter_given_up()

    def state(self) -> State:
        """What is known so far; gaps that are open count as lost. Later frames do not change it."""
        ledger = self._ledger
        numbers = self._eviction.numbers(len(ledger.flows.rows))
        return State(
            stacks=rows.to_array([rows.stack_values(row) for row in ledger.stacks.rows], model.STACK),
            addresses=rows.to_array([rows.address_values(row) for row in ledger.addresses.rows], model.ADDRESS),
            paths=rows.to_array([rows.path_values(row) for row in ledger.paths.rows], model.PATH),
            flows=rows.to_array([row.values() for row in ledger.flows.rows], model.FLOW),
            placements=rows.to_array([row.values() for row in ledger.placements.rows], model.PLACEMENT),
            tunnels=rows.to_array([row.values() for row in ledger.tunnels.rows], model.TUNNEL),
            endpoints=rows.to_array([row.values() for row in ledger.endpoints.rows], model.ENDPOINT),
            endpoint_pas=rows.to_array(ledger.endpoint_pas, model.ENDPOINT_PA),
            series=rows.to_array(ledger.series.rows, model.SERIES),
            bins=ledger.timeline.bins(len(ledger.series.rows)),
            bin_start_ns=ledger.timeline.start_ns,
            bin_width_ns=ledger.timeline.width_ns,
            anomalies=rows.to_array([row.values() for row in ledger.anomalies.values()], model.ANOMALY),
            frame_flow=np.array(self._frame_flow, dtype=np.int32),
            frame_position=np.array(self._frame_position, dtype=np.int64),
            overflow=dict(ledger.overflow),
            frame_number=self._frame_numbers(),
            frames_gone=None if self._options.max_packets is None else self._gone,
            flow_number=None if numbers is None else np.array(numbers, dtype=np.int64),
            evicted=rows.to_array([row.values() for row in self._eviction.totals.values()], model.EVICTED),
        )

    def _frame_numbers(self) -> np.ndarray | None:
        if not self._gone:
            return None
        return np.arange(self._gone + 1, self._gone + len(self._frame_flow) + 1, dtype=np.int64)

    def _account_frame(self, frame: FrameRecord) -> None:
        """Steps 1 and 2."""
        if frame.ts_ns < self._last_ts.get(frame.interface, frame.ts_ns):
            frame = frame._replace(anomalies=frame.anomalies | 1 << anomalies.TIMESTAMP_BACKWARD)
        self._last_ts[frame.interface] = frame.ts_ns
        if frame.underlay_fragment is None and frame.inner_fragment is None:
            self._enter(frame)
        else:
            self._account_fragment(frame)

    # --- a frame and its place in the tables -----------------------------------------------------------------------

    def _enter(self, frame: FrameRecord) -> Outcome:
        return self._keep(frame, self._ledger.enter(frame))

    def _enter_alone(self, frame: FrameRecord) -> Outcome:
        """A later fragment whose first was not seen, at least not in time."""
        return self._enter(frame._replace(anomalies=frame.anomalies | 1 << anomalies.FRAGMENT_WITHOUT_FIRST))

    def _enter_given_up(self) -> None:
        for frame in self._fragments.take_given_up():
            self._enter_alone(frame)

    def _keep(self, frame: FrameRecord, outcome: Outcome) -> Outcome:
        if frame.number > self._gone:
            self._frame_flow[frame.number - 1 - self._gone] = outcome.flow
        return outcome

    # --- fragments -------------------------------------------------------------------------------------------------

    def _account_fragment(self, frame: FrameRecord) -> None:
        """A frame with a fragmented header on the underlay, in the tenant's packet, or both.

        A later fragment inside a first one of the underlay does not wait for its own first: others wait for it.
        """
        self._fragments.expire(frame.ts_ns)
        underlay, inner = frame.underlay_fragment, frame.inner_fragment
        inner_set = underlay_set = known = None
        if inner is not None:
            key = self._key(inner)
            if inner.offset == 0:
                inner_set = self._fragments.open_first(key, frame.ts_ns)
            else:
                known = self._fragments.continue_known(key, inner)
                if known is None and underlay is None:
                    self._wait(key, frame, inner)
                    return
        if underlay is not None:
            underlay_set = self._fragments.open_first(self._key(underlay), frame.ts_ns)
        self._enter_given_up()
        outcome = self._enter_fragment(frame, inner, known)
        if inner is not None and inner_set is not None:
            self._remember_first(inner_set, inner, outcome, merged=False)
        if underlay is not None and underlay_set is not None:
            self._remember_first(underlay_set, underlay, outcome, merged=True)

    def _key(self, fragment: Fragment) -> Hashable:
        """Of the set of a fragment's packet."""
        return self._ledger.intern_stack(fragment.stack), fragment.packet

    def _wait(self, key: Hashable, frame: FrameRecord, fragment: Fragment) -> None:
        """A later fragment that came before its first. Its path is noted now, in the order of arrival."""
        if frame.path is not None and self._ledger.intern_path(frame.path) < 0:
            frame = frame._replace(path=None)
        self._fragments.wait(key, frame, fragment)
        self._enter_given_up()

    def _enter_fragment(
        self, frame: FrameRecord, inner: Fragment | None, known: FragmentSet[Outcome] | None
    ) -> Outcome:
        """A first fragment, or a later one of which the first is known or cannot be waited for."""
        if inner is None or inner.offset == 0:
            return self._enter(frame)
        if known is None or known.first is None:
            return self._enter_alone(frame)
        return self._enter_continuation(known.first, frame, inner, merged=known.merged)

    def _enter_continuation(self, first: Outcome, frame: FrameRecord, fragment: Fragment, *, merged: bool) -> Outcome:
        """A later fragment of which the first was accounted."""
        if not merged:
            return self._keep(frame, self._ledger.enter_continuation(first, frame))
        if first.flow < 0:
            self._ledger.count_overflow("flows")
        else:
            self._ledger.enter_merged(first, frame, fragment.length)
        return self._keep(frame, first)

    def _remember_first(
        self, fragments: FragmentSet[Outcome], fragment: Fragment, first: Outcome, *, merged: bool
    ) -> None:
        """The first fragment is entered: those that waited for it follow."""
        for frame, later in self._fragments.remember_first(fragments, fragment, first, merged=merged):
            self._enter_continuation(first, frame, later, merged=merged)
