"""Captures: the files that observation points are written to: one pcapng with an interface each, or a file each.

Interfaces and files are named after their points, and pcapng has the names of hosts. What a point's capture missed is
in the statistics of its interface. Both kinds are `points.Sink`s and context managers: at the end of the block files
are renamed into place, and none are left if it raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from nvgre_inspect.capture.limits import STANDARD_SNAPLEN
from nvgre_inspect.capture.writer import PcapngWriter, PcapWriter
from nvgre_inspect.traffic.scenario import Point, Scenario

Format = Literal["pcap", "pcapng"]


class OneFile:
    """All points in one pcapng, or a single point in a pcap. Frames are numbered over all points."""

    def __init__(
        self,
        target: str | Path | BinaryIO,
        scenario: Scenario,
        *,
        form: Format = "pcapng",
        force: bool = False,
        inputs: Iterable[str | Path] = (),
    ) -> None:
        """`inputs` are never overwritten. Raises CaptureError if `target` cannot be made.

        Raises ValueError for several points in a pcap, which has no place for interfaces.
        """
        if form == "pcap" and len(scenario.points) > 1:
            raise ValueError(f"pcap cannot tell {len(scenario.points)} points apart")
        self._writer = _open(target, scenario, scenario.points, form, force=force, inputs=inputs)

    def write(self, point: int, ts_ns: int, frame: bytes, comment: str = "") -> int:
        """As `points.Sink`."""
        if isinstance(self._writer, PcapngWriter):
            self._writer.write_frame(frame, ts_ns, interface=point, comment=comment)
        else:
            self._writer.write_frame(frame, ts_ns)
        return self._writer.frames

    def finish(self, point: int, ts_ns: int, received: int, dropped: int) -> None:
        """As `points.Sink`."""
        if isinstance(self._writer, PcapngWriter):
            self._writer.write_statistics(point, ts_ns, received=received, dropped_kernel=dropped)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, traceback)


class FilePerPoint:
    """A file for each point in a folder, called by its name. Frames are numbered in each file from 1."""

    def __init__(
        self,
        folder: Path,
        scenario: Scenario,
        *,
        form: Format = "pcapng",
        force: bool = False,
        inputs: Iterable[str | Path] = (),
    ) -> None:
        """The folder is made if it is not there. Raises CaptureError if a file cannot be made, OSError for a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._files = ExitStack()
        self._writers: list[PcapWriter | PcapngWriter] = []
        with ExitStack() as made:
            for point in scenario.points:
                target = folder / f"{point.name}.{form}"
                writer = _open(target, scenario, (point,), form, force=force, inputs=inputs)
                made.enter_context(writer)
                self._writers.append(writer)
            self._files = made.pop_all()

    def write(self, point: int, ts_ns: int, frame: bytes, comment: str = "") -> int:
        """As `points.Sink`."""
        writer = self._writers[point]
        if isinstance(writer, PcapngWriter):
            writer.write_frame(frame, ts_ns, comment=comment)
        else:
            writer.write_frame(frame, ts_ns)
        return writer.frames

    def finish(self, point: int, ts_ns: int, received: int, dropped: int) -> None:
        """As `points.Sink`."""
        writer = self._writers[point]
        if isinstance(writer, PcapngWriter):
            writer.write_statistics(0, ts_ns, received=received, dropped_kernel=dropped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, traceback)


def _open(
    target: str | Path | BinaryIO,
    scenario: Scenario,
    points: Iterable[Point],
    form: Format,
    *,
    force: bool,
    inputs: Iterable[str | Path],
) -> PcapWriter | PcapngWriter:
    """A file for `points`, of which a pcap has one."""
    points = tuple(points)
    if form == "pcap":
        return PcapWriter(target, snaplen=points[0].snaplen, force=force, inputs=inputs)
    writer = PcapngWriter(target, comment=f"scenario {scenario.name}, seed {scenario.seed}", force=force, inputs=inputs)
    for point in points:
        writer.add_interface(point.name, snaplen=point.snaplen or STANDARD_SNAPLEN, description=place_of(point))
    writer.write_names({host.pa.packed: host.name for host in scenario.hosts})
    return writer


def place_of(point: Point) -> str:
    """Where a point is, in words."""
    if point.vnic is not None:
        return f"vNIC of {point.vnic[1]} in {point.vnic[0]}"
    return f"uplink of {point.uplink}" if point.uplink is not None else f"path {point.path}"
