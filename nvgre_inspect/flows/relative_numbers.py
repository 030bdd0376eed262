"""Relative TCP sequence numbers: rows of the table `packets` with what each direction of a flow has come to.

`info` has the numbers as on the wire. Here they count from the first that a direction was seen with, which is 0, as in
Wireshark's packet list and in the ladder of a flow. Only a flow's first frames are read for that; of a direction that
is silent in them, what the other one acknowledges first is 1.

Limits: numbers start again at 0 after 4 GiB. Of a flow whose first frames were let go (live), counting begins with the
first that is still there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dissectors import offsets
from nvgre_inspect.flows.packet_pages import PacketPages
from nvgre_inspect.model.state import State

#: The columns beside the table's own: int64, -1: none.
SEQ: Final = "relative_seq"
ACK: Final = "relative_ack"

#: Frames of a flow that are read: a SYN, as often as Linux sends it again, and the answer.
_FIRST = 8
#: Flows that are remembered.
_MOST = 100_000
_MODULUS = 1 << 32


class Origins:
    """Where the directions of flows begin to count. It outlives Snapshots, so that numbers stay as they were."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}

    def of(self, flows: Sequence[int], state: State, pages: PacketPages) -> dict[int, tuple[int, int]]:
        """Flow -> first sequence number of its lower and of its higher side, -1: not known yet. CaptureError as
        `PacketPages.page`.
        """
        known = {flow: self._known[flow] for flow in flows if flow in self._known}
        unknown = [flow for flow in flows if flow not in known]
        if not unknown:
            return known
        numbers, owners = _first_frames(state, np.array([state.flow_row(flow) for flow in unknown], dtype=np.int64))
        _, records = pages.decoded(numbers)
        if len(self._known) + len(unknown) > _MOST:
            self._known.clear()
        for place, flow in enumerate(unknown):
            of_flow = records[owners == place]
            known[flow] = _origins(of_flow)
            if len(of_flow) == _FIRST:
                self._known[flow] = known[flow]
        return known


class RelativePages:
    """Pages of packets whose rows say more. May be used in any thread."""

    def __init__(self, pages: PacketPages, state: State, origins: Origins) -> None:
        """`state` is that of the Snapshot that `pages` are of."""
        self._pages = pages
        self._state = state
        self._origins = origins

    def page(self, numbers: npt.NDArray[np.int64]) -> pd.DataFrame:
        """As `PacketPages.page`, with the columns SEQ and ACK."""
        rows = self._pages.page(numbers)
        seq = np.full(len(rows), -1, dtype=np.int64)
        ack = seq.copy()
        flow = rows["flow"].to_numpy(dtype=np.int64, na_value=0)
        tcp = np.flatnonzero((rows["protocol"] == "tcp").to_numpy(dtype=bool, na_value=False) & (flow > 0))
        if len(tcp):
            _, records = self._pages.decoded(rows["number"].to_numpy(dtype=np.int64)[tcp])
            origins = self._origins.of(np.unique(flow[tcp]).tolist(), self._state, self._pages)
            of_row = np.array([origins[one] for one in flow[tcp].tolist()], dtype=np.int64)
            own, peer = of_row[np.arange(len(tcp)), records["side"]], of_row[np.arange(len(tcp)), 1 - records["side"]]
            seq[tcp] = _distance(records["tcp_seq"], own, records["tcp_ok"] == 1)
            ack[tcp] = _distance(records["tcp_ack"], peer, _acknowledges(records))
        return rows.assign(**{SEQ: seq, ACK: ack})


def _acknowledges(records: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    acknowledges: npt.NDArray[np.bool_] = (records["tcp_ok"] == 1) & (records["tcp_flags"] & offsets.TCP_ACK_FLAG != 0)
    return acknowledges


def _distance(
    values: npt.NDArray[np.integer], origins: npt.NDArray[np.int64], there: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    return np.where(there & (origins >= 0), (values.astype(np.int64) - origins) % _MODULUS, -1)


def _first_frames(state: State, flows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The numbers of the first frames of these flows (rows of State.flows), and of which flow each is (its place)."""
    place = np.full(len(state.flows) + 1, -1, dtype=np.int64)  # the last entry is for -1: no flow
    place[flows] = np.arange(len(flows))
    place[-1] = -1
    owners = place[state.frame_flow]
    rows = np.flatnonzero(owners >= 0)
    rows = rows[np.argsort(owners[rows], kind="stable")]
    owners = owners[rows]
    early = np.arange(len(rows)) - np.searchsorted(owners, owners) < _FIRST
    rows, owners = rows[early], owners[early]
    return rows + 1 if state.frame_number is None else state.frame_number[rows], owners


def _origins(records: npt.NDArray[np.void]) -> tuple[int, int]:
    """Of the records of a flow's first frames."""
    records = records[records["tcp_ok"] == 1]
    found = []
    for side in (0, 1):
        own = records["tcp_seq"][records["side"] == side]
        peer = records[(records["side"] != side) & _acknowledges(records)]
        if len(own):
            found.append(int(own[0]))
        elif len(peer):
            found.append((int(peer["tcp_ack"][0]) - 1) % _MODULUS)
        else:
            found.append(-1)
    return found[0], found[1]
