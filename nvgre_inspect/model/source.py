"""Where frames come from: interfaces of captures, damage, and single frames that were read again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Damage:
    """Why a capture could not be read to its end. Everything before it was."""

    #: Byte position within the decompressed file at which reading stopped.
    position: int
    #: Number, from 1, of the frame in this file that could not be read any more.
    frame: int
    #: One sentence for people, which names both.
    sentence: str


@dataclass(slots=True)
class InterfaceInfo:
    """One row of the `captures` table: an interface of a capture file, updated while the file is read.

    Text from the file (name, description, comments) is as it stands there: escape it before a terminal sees
    it.
    """

    #: The file as the user named it; `-` is standard input.
    file: str
    #: Number of the interface within the file, from 0, counted on through the sections of a pcapng file.
    interface: int
    #: Name in the capture; empty where the format has none.
    name: str
    #: LINKTYPE_ number.
    linktype: int
    #: Snapshot length in bytes; 0 means unlimited or unknown.
    snaplen: int
    description: str = ""
    #: Frames and their bytes on the wire.
    packets: int = 0
    bytes: int = 0
    #: Earliest and latest time stamp in nanoseconds since the epoch; None as long as there is no frame.
    first_ns: int | None = None
    last_ns: int | None = None
    #: Counters of the capturing system (pcapng interface statistics); None if it gave none.
    received: int | None = None
    dropped_kernel: int | None = None
    dropped_interface: int | None = None
    #: Frames whose link type is not decoded.
    unsupported: int = 0
    #: Frames whose time stamp does not fit into int64 nanoseconds and was clamped.
    clamped: int = 0
    #: Comments on the section and the interface.
    comments: list[str] = field(default_factory=list)
    #: The damage sentence of the file; empty if it was read to its end.
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, read again from its capture by position."""

    data: bytes
    #: Nanoseconds since the epoch, UTC.
    ts_ns: int
    #: Bytes on the wire, never below `len(data)`.
    wirelen: int
    #: LINKTYPE_ number.
    linktype: int
    #: Row of the `captures` table.
    interface: int
    #: Comments on this packet, joined by line breaks; empty where there are none.
    comment: str
