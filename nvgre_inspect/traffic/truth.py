"""Truth: what is true of a generated capture: every flow at every point with its exact counters, and every fault.

    {"scenario": "loss", "seed": 1,
     "points": {"uplink-a": {"packets": 812, "flows": [{"flow": 1, "encap": "nvgre", ...}]}},
     "faults": [{"id": "loss-1", "kind": "loss", "selection": {...}, "window": {"from_ns": 0, "until_ns": null},
                 "parameters": {...}, "frames": {"uplink-a": [17, 93]}}]}

A flow has all columns of the table `flows`, as `--json` writes them. The frames of a fault are those in which packets
that it touched passed a point, before and after it did, by their numbers in the capture. A fault of one point's copies
or clock has frames at that point only, and drops of a capture, which leave none there, at the others.
"""

from __future__ import annotations

import dataclasses
import datetime
from array import array
from collections.abc import Iterable
from typing import Any

from nvgre_inspect.traffic.fault_specs import Fault
from nvgre_inspect.traffic.faults.touched import Touched
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.observer import ObservedPoint
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.scenario import Point

_NS = 1_000_000_000
_COMMON = {field.name for field in dataclasses.fields(Fault)}
_TIMES = ("first_seen", "last_seen")


class _At:
    """What was recorded at one point."""

    def __init__(self, flows: ObservedPoint) -> None:
        self.flows = flows
        #: Number and serial number of each frame.
        self.numbers = array("Q")
        self.serials = array("Q")
        #: Frames of packets that were marked when they passed, by fault.
        self.marked: dict[str, set[int]] = {}


class Truth:
    """Watches all points of a network (`points.Watcher`)."""

    def __init__(self, network: Network) -> None:
        """Raises ValueError for an encapsulation in which flows cannot be told (`observer.KINDS`)."""
        self._scenario = scenario = network.scenario
        self._points = {
            point.name: _At(ObservedPoint(scenario.encapsulation, inner=point.vnic is not None))
            for point in scenario.points
        }

    def seen(self, point: Point, number: int, ts_ns: int, packet: Packet, frame: bytes) -> None:
        """A frame was written under this number."""
        at = self._points[point.name]
        at.flows.seen(ts_ns, packet, frame)
        if self._scenario.faults:
            at.numbers.append(number)
            at.serials.append(packet.serial)
            for fault in packet.marks:
                at.marked.setdefault(fault, set()).add(number)

    def document(self, touched: Touched) -> dict[str, Any]:
        """Everything, with values as in JSON. The simulation has to be over."""
        return {
            "scenario": self._scenario.name,
            "seed": self._scenario.seed,
            "points": {
                name: {"packets": at.flows.packets, "flows": [_written(row) for row in at.flows.rows()]}
                for name, at in self._points.items()
            },
            "faults": [self._fault(fault, touched) for fault in self._scenario.faults],
        }

    def _fault(self, fault: Fault, touched: Touched) -> dict[str, Any]:
        return {
            "id": fault.id,
            "kind": fault.KIND,
            "selection": {key: _plain(value) for key, value in dataclasses.asdict(fault.selection).items()},
            "window": {"from_ns": fault.from_ns, "until_ns": fault.until_ns or None},
            "parameters": {
                field.name: _plain(getattr(fault, field.name))
                for field in dataclasses.fields(fault)
                if field.name not in _COMMON
            },
            "frames": {name: list(self._frames(fault, touched, name)) for name in self._points},
        }

    def _frames(self, fault: Fault, touched: Touched, point: str) -> Iterable[int]:
        at = self._points[point]
        if touched.only_at.get(fault.id, point) != point:
            return []
        serials = touched.serials(fault.id)
        found = {number for number, serial in zip(at.numbers, at.serials, strict=True) if serial in serials}
        return sorted(found | at.marked.get(fault.id, set()))


def _written(row: dict[str, Any]) -> dict[str, Any]:
    return {key: _iso(value) if key in _TIMES else value for key, value in row.items()}


def _iso(ns: int) -> str:
    seconds, rest = divmod(ns, _NS)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"{moment.isoformat()}.{rest:09d}Z"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
