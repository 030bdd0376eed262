"""Scripts: the packets of a conversation one by one, as data; `script_notation` reads them from text."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The window field of segments that do not say.
DEFAULT_WINDOW = 512


@dataclass(frozen=True, slots=True)
class TCPOptions:
    """Options of a TCP header; None and empty: not there."""

    mss: int | None = None
    sack_permitted: bool = False
    window_scale: int | None = None
    #: First and end of each block, counted from the initial sequence number of who gets it.
    sack: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment; numbers count from initial sequence numbers."""

    flags: int
    seq: int
    length: int
    ack: int = 0
    window: int = DEFAULT_WINDOW
    options: TCPOptions = field(default_factory=TCPOptions)
    #: What its payload begins with; the rest is a part of the stream of payload.
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class UDP:
    """A UDP datagram; `text` is its payload, empty: a part of the stream of payload."""

    length: int
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Step:
    """One line."""

    #: After the line above.
    after_ns: int
    from_client: bool
    #: bytes: a whole Ethernet frame.
    what: Segment | UDP | bytes
