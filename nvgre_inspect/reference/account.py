"""The reference accountant: from records to flows, placements, tunnels, endpoints and counters.

It follows docs/accounting.md in plain Python, one small function a rule: it serves small inputs at once, and it is
what the compiled accountant (`kernels/account.py`) is held against, array by array. Here are steps 1 and 2 (the order
of time, and which frames are fragments of what); `ledger.py` has steps 3 to 10, `tcp.py` the TCP words.

Nothing raises on what a record says. About 15 µs a frame.
"""

from __future__ import annotations

from array import array

import numpy as np

from dissectors import anomalies
from nvgre_inspect.model import state as model
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.state import State
from nvgre_inspect.reference import rows
from nvgre_inspect.reference.fragments import FragmentSet, FragmentSets
from nvgre_inspect.reference.frame import Fragment, FrameRecord, frame_records
from nvgre_inspect.reference.ledger import Ledger, Outcome


class Accountant:
    """Takes batches of records in the order of frames; hands out the State at any time."""

    def __init__(self, options: AccountOptions) -> None:
        self._ledger = Ledger(options)
        self._fragments: FragmentSets[Outcome] = FragmentSets(options)
        #: Time of the last frame, by interface.
        self._last_ts: dict[int, int] = {}
        self._frame_flow = array("i")
        self._frame_position = array("q")

    def account(self, batch: PacketBatch, records: np.ndarray) -> None:
        """Accounts a batch; `records` (RECORD) has one row per frame of it, else ValueError."""
        if len(batch) != len(records):
            raise ValueError(f"{len(batch)} frames with {len(records)} records")
        first_number = len(self._frame_flow) + 1
        self._frame_flow.extend([-1] * len(records))
        self._frame_position.frombytes(batch.position.astype(np.int64).tobytes())
        for frame in frame_records(batch, records, first_number):
            self._account_frame(frame)

    def finish(self) -> None:
        """The end of the input: fragments that still wait are accounted alone."""
        for frame in self._fragments.give_up_all():
            self._enter_alone(frame)

    def state(self) -> State:
        """What is known so far; gaps that are open count as lost. Later frames do not change it."""
        ledger = self._ledger
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
        )

    def _account_frame(self, frame: FrameRecord) -> None:
        """Steps 1 and 2."""
        if frame.ts_ns < self._last_ts.get(frame.interface, frame.ts_ns):
            frame = frame._replace(anomalies=frame.anomalies | 1 << anomalies.TIMESTAMP_BACKWARD)
        self._last_ts[frame.interface] = frame.ts_ns
        if frame.underlay_fragment is None and frame.inner_fragment is None:
            self._enter(frame)
            return
        for old in self._fragments.expire(frame.ts_ns):
            self._enter_alone(old)
        inner = frame.inner_fragment
        if inner is not None and inner.offset > 0:
            self._account_later_fragment(frame, inner)
        else:
            self._account_first_fragment(frame)

    # --- a frame and its place in the tables -----------------------------------------------------------------------

    def _enter(self, frame: FrameRecord) -> Outcome:
        return self._keep(frame, self._ledger.enter(frame))

    def _enter_alone(self, frame: FrameRecord) -> Outcome:
        """A later fragment whose first was not seen, at least not in time."""
        return self._enter(frame._replace(anomalies=frame.anomalies | 1 << anomalies.FRAGMENT_WITHOUT_FIRST))

    def _enter_continuation(
        self, fragments: FragmentSet[Outcome], first: Outcome, frame: FrameRecord, fragment: Fragment
    ) -> Outcome:
        """A later fragment of which the first is known."""
        if first.flow < 0:
            self._ledger.count_overflow("flows")
            return first
        if fragments.merged:
            return self._keep(frame, self._ledger.enter_merged(first, frame, fragment.length))
        return self._keep(frame, self._ledger.enter_continuation(first, frame))

    def _keep(self, frame: FrameRecord, outcome: Outcome) -> Outcome:
        self._frame_flow[frame.number - 1] = outcome.flow
        return outcome

    # --- fragments -------------------------------------------------------------------------------------------------

    def _account_first_fragment(self, frame: FrameRecord) -> None:
        """A first fragment on the underlay, in the tenant's packet, or both."""
        underlay, inner = frame.underlay_fragment, frame.inner_fragment
        underlay_set = self._open_for_first(frame, underlay) if underlay is not None else None
        inner_set = self._open_for_first(frame, inner) if inner is not None else None
        outcome = self._enter(frame)
        if inner_set is not None:
            self._ledger.set_resync(outcome)
        if underlay_set is not None and underlay is not None:
            self._remember_first(underlay_set, underlay, outcome, merged=True)
        if inner_set is not None and inner is not None:
            self._remember_first(inner_set, inner, outcome, merged=False)

    def _account_later_fragment(self, frame: FrameRecord, inner: Fragment) -> None:
        """A later fragment; perhaps itself within a first fragment on the underlay, for which others wait."""
        underlay = frame.underlay_fragment
        if underlay is None:
            if self._continue_known(frame, inner) is None:
                self._wait(frame, inner)
            return
        underlay_set = self._open_for_first(frame, underlay)
        outcome = self._continue_known(frame, inner) or self._enter_alone(frame)
        self._remember_first(underlay_set, underlay, outcome, merged=True)

    def _open_for_first(self, frame: FrameRecord, fragment: Fragment) -> FragmentSet[Outcome]:
        """The set of a first fragment. One that has a first already is another packet's, and forgotten."""
        known = self._fragments.known(fragment.key)
        if known is not None:
            self._fragments.forget(known)
        return self._open(frame, fragment)

    def _open(self, frame: FrameRecord, fragment: Fragment) -> FragmentSet[Outcome]:
        for old in self._fragments.room_for_set(fragment.key):
            self._enter_alone(old)
        return self._fragments.open(fragment.key, frame.ts_ns)

    def _remember_first(
        self, fragments: FragmentSet[Outcome], fragment: Fragment, outcome: Outcome, *, merged: bool
    ) -> None:
        """The first fragment is entered: those that waited for it follow."""
        fragments.first, fragments.merged = outcome, merged
        fragments.count(fragment)
        for waiting_frame, waiting in self._fragments.release(fragments):
            self._enter_continuation(fragments, outcome, waiting_frame, waiting)
        self._fragments.forget_if_complete(fragments)

    def _continue_known(self, frame: FrameRecord, fragment: Fragment) -> Outcome | None:
        """Enters a later fragment if its first is known."""
        known = self._fragments.known(fragment.key)
        if known is None or known.first is None:
            return None
        known.count(fragment)
        outcome = self._enter_continuation(known, known.first, frame, fragment)
        self._fragments.forget_if_complete(known)
        return outcome

    def _wait(self, frame: FrameRecord, fragment: Fragment) -> None:
        """A later fragment that came before its first."""
        for old in self._fragments.room_for_waiting():
            self._enter_alone(old)
        fragments = self._open(frame, fragment)
        fragments.count(fragment)
        self._fragments.wait(fragments, frame, fragment)
