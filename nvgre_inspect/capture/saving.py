"""Frames that were chosen one by one, into a capture file of their own.

Limits: times before 1970 are written as 1970 (`writer`); what a file says besides of its sections and name resolution
is not carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from nvgre_inspect.capture.limits import STANDARD_SNAPLEN
from nvgre_inspect.capture.writer import PcapngWriter
from nvgre_inspect.model.source import Frame, InterfaceInfo

#: Frames between two words of progress.
_PROGRESS_FRAMES = 1024


def save_frames(
    frames: Iterable[Frame],
    interfaces: Sequence[InterfaceInfo],
    target: str | Path,
    *,
    force: bool = False,
    inputs: Iterable[str | Path] = (),
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write `frames` to a pcapng file and return how many there were; `interfaces` are the rows that they refer to.

    Only interfaces of these frames are written, in the order in which frames need them. `inputs` are never overwritten,
    nor is any other file without `force`. `progress` is told now and then how many were written. Raises CaptureError
    for a target that cannot be written, and what `frames` or `progress` raise; then no file is left behind.
    """
    with PcapngWriter(target, force=force, inputs=inputs) as writer:
        known: dict[int, tuple[int, int]] = {}
        for frame in frames:
            number, snaplen = known.get(frame.interface, (-1, -1))
            if len(frame.data) > snaplen:
                # A frame beyond what its interface says: described anew with more room, so that no byte is lost.
                known[frame.interface] = number, _ = _describe(writer, interfaces[frame.interface], len(frame.data))
            writer.write_frame(frame.data, frame.ts_ns, interface=number, wirelen=frame.wirelen, comment=frame.comment)
            if progress is not None and writer.frames % _PROGRESS_FRAMES == 0:
                progress(writer.frames)
        return writer.frames


def _describe(writer: PcapngWriter, info: InterfaceInfo, least: int) -> tuple[int, int]:
    """Adds the interface, with room for a frame of `least` bytes; its number in the new file, and how many it takes."""
    room = info.snaplen or STANDARD_SNAPLEN
    snaplen = info.snaplen if least <= room else least
    number = writer.add_interface(
        info.name,
        linktype=info.linktype,
        snaplen=snaplen,
        description=info.description,
        comment="\n".join(info.comments),
    )
    return number, max(room, least)
