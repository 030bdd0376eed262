"""LiveOptions: which interfaces are captured from, and how."""

from __future__ import annotations

from dataclasses import dataclass

from nvgre_inspect.capture.limits import GIB, MIB, STANDARD_SNAPLEN, CaptureError

#: The name that stands for all interfaces at once.
ANY = "any"
#: Who makes time stamps: the machine; the network card, by a clock of its own.
HOST = "host"
ADAPTER = "adapter_unsynced"
TIMESTAMPS = (HOST, ADAPTER)
#: More memory than that nobody gives to a ring; the kernel counts frames in 32 bits.
MOST_BUFFER_BYTES = 64 * GIB


@dataclass(frozen=True)
class LiveOptions:
    """What `open_live` opens. Checked there, not here."""

    #: At least one; `any` only alone.
    interfaces: tuple[str, ...]
    #: A filter of libpcap (pcap-filter(7)), which the kernel applies; empty: everything.
    bpf: str = ""
    #: Most bytes that are kept of a frame.
    snaplen: int = STANDARD_SNAPLEN
    promiscuous: bool = True
    #: Bytes of kernel memory for frames that wait, for each interface.
    buffer_bytes: int = 128 * MIB
    #: Frames are handed over at once, rather than when there are many of them or 50 ms are over.
    immediate: bool = False
    #: One of `TIMESTAMPS`; empty: the first.
    timestamp: str = ""
    #: Only frames that carry one of these virtual networks outermost, as far as a filter of libpcap can tell.
    vsid: tuple[int, ...] = ()
    #: Only frames of an encapsulation.
    tunnels_only: bool = False


def checked_interfaces(options: LiveOptions) -> tuple[str, ...]:
    """The names of the interfaces. CaptureError for options that cannot be."""
    names = options.interfaces
    if len(set(names)) < len(names):
        raise CaptureError("an interface is named twice")
    if ANY in names and len(names) > 1:
        raise CaptureError(f"{ANY} stands for all interfaces: name no others beside it")
    if options.timestamp and options.timestamp not in TIMESTAMPS:
        raise CaptureError(f"no time stamps of type {options.timestamp!r}; there are: {', '.join(TIMESTAMPS)}")
    if not 0 < options.snaplen < 1 << 31:
        raise CaptureError(f"a snapshot length of {options.snaplen} bytes cannot be")
    if not 0 < options.buffer_bytes <= MOST_BUFFER_BYTES:
        raise CaptureError(f"a buffer has from 1 MiB to {MOST_BUFFER_BYTES // MIB:,} MiB")
    return names
