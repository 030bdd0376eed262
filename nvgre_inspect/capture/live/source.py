"""LiveSource: where live frames come from; `open_live` chooses who provides it on this system."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Protocol

from nvgre_inspect.capture.live.options import LiveOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo


class LiveSource(Protocol):
    """Frames while they come. One thread reads; `stop` may be called from any, and from a signal's handler."""

    #: The rows of the `captures` table. `refresh` renews `received` (by the filter, dropped ones included),
    #: `dropped_kernel` and `dropped_interface`; packets and bytes are counted by whoever takes the batches.
    interfaces: list[InterfaceInfo]
    #: Sentences for the user: an interface went down at …
    notes: list[str]
    #: Sentences: what could not be read, and why.
    damage: list[str]

    def batches(self) -> Iterator[PacketBatch]:
        """The frames; once. Each batch is valid until the next one is asked for.

        An empty batch comes at least every 0.1 s where nothing else does. Ends soon after `stop`, with what was
        received until then, or when the source ended. `position` counts the frames from 0.
        """
        ...

    def refresh(self) -> None:
        """Read the counters of the capturing system anew. Called by the thread that reads."""
        ...

    def stop(self) -> None:
        """End `batches`."""
        ...

    def close(self) -> None:
        """Let everything go. The bytes of batches are no longer there afterwards."""
        ...


def open_live(options: LiveOptions) -> LiveSource:
    """Start capturing: what comes from now on is read by `batches`.

    Raises CaptureError with one sentence: no such interface, one that is down, no rights and what grants them, a filter
    that libpcap does not take.
    """
    if hasattr(socket, "AF_PACKET"):
        from nvgre_inspect.capture.live.ring_source import RingSource

        return RingSource(options)
    from nvgre_inspect.capture.live.portable import PortableSource

    return PortableSource(options)
