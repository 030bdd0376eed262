"""Delivery: the frames of one tenant, in the clear, while they are captured (`live --decap-to`).

    NAME    a TAP device made for it, on which tcpdump, Wireshark and intrusion detection see the tenant
    -       a pcap stream on standard output; PATH: into a FIFO, as soon as somebody reads it

Batches of outer frames go in as they were decoded; fragments of outer packets are put together, the tenant's frames
come out by `encapsulation.slicing`. Nothing comes back: what a host sends on the TAP device is not read.

Limits: frames that the snapshot length cut cannot be put on a TAP device. A packet captured at several points is
delivered as often. ECN marks of the underlay stay outside, as in all that only looks on (`decap` does the same).
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.reasons import SKIPPED
from nvgre_inspect.encapsulation.reassembly import Reassembly
from nvgre_inspect.encapsulation.slicing import Decapsulation
from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.gateway import pcap_pipe, tap
from nvgre_inspect.model.batch import NO_FRAMES, PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.source import InterfaceInfo

DEFAULTS: Final = DecodeOptions()
#: Frames come out the same whichever interface they came from.
_ANY_INTERFACE: Final = InterfaceInfo("live", 0, "", offsets.DLT_ETHERNET, 0)
#: How often it is looked whether somebody reads a FIFO.
_LOOK_AGAIN_S: Final = 0.05


class Target(Protocol):
    """Where frames go."""

    #: Sentences for people, complete when the target is closed.
    notes: list[str]

    @property
    def ended(self) -> str:
        """Why nobody gets anything any more; empty: somebody does."""
        ...

    def write(self, batch: PacketBatch, left_out: Counter[str]) -> int:
        """Deliver what can be, and return how many; counts the others by reason. Never raises."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class Delivery:
    """Frames of one tenant to one target; made by `open_delivery`. A `Sink` of `capture.live.captures`."""

    def __init__(self, target: Target, vsid: int, *, encap: str = "", options: DecodeOptions = DEFAULTS) -> None:
        """See `open_delivery`."""
        self._target = target
        self._vsid, self._kind = vsid, encaps.CODES[encap] if encap else None
        # At once, not with the first fragment: it loads kernels.
        decode = KernelDecoder(options).decode
        self._reassembly = Reassembly(decode)
        self._decapsulation = Decapsulation(options, [_ANY_INTERFACE], decode, ethernet=True)
        self._count = 0
        self._ended = False
        #: Frames that were handed on, and those that were not by reason (`reasons.SKIPPED` or LEFT_OUT).
        self.delivered = 0
        self.left_out: Counter[str] = Counter()
        #: Sentences for people, each once.
        self.notes: list[str] = list(target.notes)

    @property
    def finished(self) -> bool:
        """Capturing goes on without it."""
        return False

    @property
    def ended(self) -> bool:
        """Whether nobody gets anything any more; `notes` says why."""
        return self._ended

    def write(self, batch: PacketBatch, records: npt.NDArray[np.void]) -> None:
        """Deliver the tenant's frames of a batch (records: RECORD[len(batch)]); nothing of it is kept. Never raises."""
        if not self._ended:
            self._hand_on(self._of_tenant(batch, records))

    def tick(self) -> None:
        """Nothing came for a moment: what waits for a slow reader is tried again. Never raises."""
        if not self._ended:
            self._hand_on(NO_FRAMES)

    def close(self) -> None:
        """Let the target go: a TAP device that was made is removed, a stream ended."""
        self._target.close()
        if self.left_out.total():
            why = ", ".join(
                f"{count:,} {_MEANINGS.get(reason, reason)} ({reason})"
                for reason, count in self.left_out.most_common()
                if count
            )
            self.notes.append(f"delivery: {self.delivered:,} frames, left out: {why}")

    def _hand_on(self, frames: PacketBatch) -> None:
        self.delivered += self._target.write(frames, self.left_out)
        if self._target.ended:
            self._ended = True
            self.notes.append(f"delivery ended: {self._target.ended}")

    def _of_tenant(self, batch: PacketBatch, records: npt.NDArray[np.void]) -> PacketBatch:
        numbers = np.arange(self._count, self._count + len(batch))
        self._count += len(batch)
        whole = self._reassembly.join(batch, records, numbers)
        mine = whole.records["vsid"] == self._vsid
        if self._kind is not None:
            mine &= whole.records["encap"] == self._kind
        if whole.incomplete is not None:
            self.left_out["incomplete"] += int((mine & whole.incomplete).sum())
            mine &= ~whole.incomplete
        rows = np.flatnonzero(mine)
        chosen = select(whole.batch, rows).at_interfaces(np.zeros(len(rows), np.int32))
        found = self._decapsulation.rewrite(chosen, whole.records[rows], whole.numbers[rows])
        self.left_out.update(found.reason)
        return found.batch


#: Reasons of a delivery's own for which a frame is not delivered.
LEFT_OUT: Final = {
    "cut": "cut by the snapshot length",
    "refused": "refused by the TAP device",
    "slow-reader": "their reader is too slow",
    "no-reader": "nobody read the FIFO yet",
}
_MEANINGS: Final = {**SKIPPED, **LEFT_OUT}


def open_delivery(target: str, vsid: int, *, encap: str = "", options: DecodeOptions = DEFAULTS) -> Delivery:
    """A delivery to `target`: `-`, a path (it has a slash in it) or FIFO, else a TAP device of that name.

    Of the tenant `vsid` of `encap` (as in the column of that name; empty: of whichever has it); `options` are those of
    the records that will come. A TAP device needs CAP_NET_ADMIN. CaptureError in words that say what to do.
    """
    place: Target
    if target == "-":
        place = _Stream(pcap_pipe.open_standard_output())
    elif "/" in target or Path(target).is_fifo():
        place = _Fifo(Path(target))
    elif not sys.platform.startswith("linux"):
        raise CaptureError(f"{target}: TAP devices are made on Linux only; name a FIFO, or - for standard output")
    else:
        place = _Device(tap.open_tap(target, for_host=False))
    return Delivery(place, vsid, encap=encap, options=options)


class _Device:
    """Frames on a TAP device."""

    def __init__(self, device: tap.Tap) -> None:
        self.notes = device.notes
        self.ended = ""
        self._tap = device

    def write(self, batch: PacketBatch, left_out: Counter[str]) -> int:
        whole = batch.caplen == batch.wirelen
        left_out["cut"] += len(batch) - int(whole.sum())
        view = batch.buffer.data
        starts, lengths = batch.offset[whole], batch.caplen[whole]
        taken = 0
        try:
            for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
                taken += self._tap.write(view[start : start + length])
        except CaptureError as error:
            self.ended = str(error)
        left_out["refused"] += len(starts) - taken
        return taken

    def close(self) -> None:
        self._tap.close()


class _Stream:
    """Frames in a pipe that somebody reads."""

    def __init__(self, pipe: pcap_pipe.PcapPipe) -> None:
        self.notes: list[str] = []
        self._pipe = pipe

    @property
    def ended(self) -> str:
        return self._pipe.ended

    def write(self, batch: PacketBatch, left_out: Counter[str]) -> int:
        taken = self._pipe.write(batch)
        left_out["slow-reader"] += len(batch) - taken
        return taken

    def close(self) -> None:
        self._pipe.close()


class _Fifo:
    """Frames in a FIFO, from the moment on in which somebody reads it."""

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = []
        self.ended = ""
        self._path = path
        self._stream: _Stream | None = None
        self._next_look = 0.0
        self._look()

    def write(self, batch: PacketBatch, left_out: Counter[str]) -> int:
        if self._stream is None and time.monotonic() >= self._next_look:
            try:
                self._look()
            except CaptureError as error:  # the FIFO is gone
                self.ended = str(error)
        if self._stream is None:
            left_out["no-reader"] += len(batch)
            return 0
        taken = self._stream.write(batch, left_out)
        self.ended = self._stream.ended
        return taken

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _look(self) -> None:
        pipe = pcap_pipe.open_fifo(self._path)
        self._next_look = time.monotonic() + _LOOK_AGAIN_S
        if pipe is not None:
            self._stream = _Stream(pipe)
