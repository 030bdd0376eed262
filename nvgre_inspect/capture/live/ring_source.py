"""RingSource: live frames of Linux, from one ring for each interface, in order of time.

Everything is prepared before anything is received: filters, memory, the compiled walk. What needs rights is done then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live import bpf, rtnetlink
from nvgre_inspect.capture.live.device import Device, find_interface, linktype_of
from nvgre_inspect.capture.live.options import ADAPTER, LiveOptions, checked_interfaces
from nvgre_inspect.capture.live.packet_socket import PacketSocket, wait_for
from nvgre_inspect.capture.live.ready_made import chosen
from nvgre_inspect.capture.live.ring import BLOCK_BYTES, Ring, RingMemory, load_kernel
from nvgre_inspect.capture.live.ring_merge import RingMerge
from nvgre_inspect.capture.live.rtnetlink import Link
from nvgre_inspect.capture.reader import select
from nvgre_inspect.capture.walked import BATCH_FRAMES
from nvgre_inspect.kernels import ring as kernel
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo

#: After this time without a frame an empty batch comes.
_TICK_SECONDS: Final = 0.1
#: And after this one it is seen whether capturing is to stop.
_LOOK_SECONDS: Final = 0.05
#: Until a block that is not full is handed over: alone, with other interfaces to be merged with, in a hurry.
_BLOCK_MS, _MERGED_BLOCK_MS, _IMMEDIATE_BLOCK_MS = 50, 20, 10
#: The kernel's timer may be that late.
_SLACK_SECONDS: Final = 0.02


class RingSource:
    """See `LiveSource`."""

    def __init__(self, options: LiveOptions) -> None:
        """See `open_live`."""
        self.interfaces: list[InterfaceInfo] = []
        self.notes: list[str] = []
        self.damage: list[str] = []
        self._options = options
        self._stopping = False
        # Made with the sockets, so that they are of the same namespace.
        self._links, self._changes = _kernel_told()
        self._devices: list[Device] = []
        self._sockets: list[PacketSocket] = []
        self._rings: list[Ring] = []
        self._memory: RingMemory | None = None
        self._mixed_times = False
        several = len(options.interfaces) > 1
        self._block_ms = _MERGED_BLOCK_MS if several else _BLOCK_MS
        if options.immediate:
            self._block_ms = _IMMEDIATE_BLOCK_MS
        # After twice that time a ring has handed over whatever was there.
        self._patience = 2 * self._block_ms / 1000 + _SLACK_SECONDS
        load_kernel()
        try:
            self._open([(name, find_interface(self._links, name)) for name in checked_interfaces(options)])
        except BaseException:
            self.close()
            raise

    # --- opening -----------------------------------------------------------------------------------------------------

    def _open(self, links: Sequence[tuple[str, Link | None]]) -> None:
        sizes = [self._prepare(name, link) for name, link in links]
        self._memory = RingMemory(sum(sizes) * BLOCK_BYTES)
        buffer = np.asarray(self._memory)
        words, halves = buffer.view(np.uint32), buffer.view(np.uint16)
        start = 0
        for (name, link), sock, blocks in zip(links, self._sockets, sizes, strict=True):
            self._memory.place(start, blocks * BLOCK_BYTES, sock.fileno())
            loopback = 1 if link is None or link.is_loopback else 0  # it has index 1 in every namespace
            self._rings.append(Ring(words, halves, buffer, start, blocks, _form(link), self._options.snaplen, loopback))
            info = InterfaceInfo("live", len(self._devices), name, linktype_of(link), self._options.snaplen)
            info.description = link.alias if link else ""
            self.interfaces.append(info)
            promiscuous = self._options.promiscuous
            self._devices.append(Device(link, sock, info, self._links, self.notes, promiscuous=promiscuous))
            start += blocks * BLOCK_BYTES
        self._merge = RingMerge(self._rings, [info.linktype for info in self.interfaces], self._patience)
        self.refresh()

    def _prepare(self, name: str, link: Link | None) -> int:
        """Make a socket with everything that it needs but a start; returns how many blocks its ring has."""
        sock = PacketSocket(name, cooked=_form(link) == kernel.COOKED)
        self._sockets.append(sock)
        sock.attach(self._program(name, linktype_of(link)))
        if link is not None and link.is_loopback:
            sock.ignore_outgoing()
        if self._options.timestamp == ADAPTER:
            sock.use_hardware_time()
        wanted = max(2, self._options.buffer_bytes // BLOCK_BYTES)
        blocks = sock.make_ring(BLOCK_BYTES, wanted, self._block_ms)
        if blocks < wanted:
            self.notes.append(f"{name}: there was memory for {blocks} MiB only, of the {wanted} MiB asked for")
        return blocks

    def _program(self, name: str, linktype: int) -> bpf.BpfProgram:
        snaplen = self._options.snaplen
        program = bpf.everything(snaplen)
        # The user's own is compiled by itself, too: what is wrong is shown in the user's words.
        for expression in filter(None, (self._options.bpf.strip(), chosen(self._options, linktype))):
            if linktype == offsets.DLT_ETHERNET:
                program = bpf.compile_for_interface(expression, name, snaplen)
            elif linktype == offsets.DLT_SLL2:
                program = bpf.compile_filter(expression, offsets.DLT_SLL, snaplen)
                program = bpf.for_cooked_socket(program, expression)
            else:
                program = bpf.compile_filter(expression, linktype, snaplen)
        return program

    # --- reading -----------------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[PacketBatch]:
        """See `LiveSource`."""
        yielded = time.monotonic()
        while not self._stopping:
            self._merge.fetch()
            batch = self._merge.ready()
            now = time.monotonic()
            if len(batch) or now - yielded >= _TICK_SECONDS:
                yield from _pieces(batch)
                yielded = time.monotonic()
                self._look()
            else:
                self._wait(min(_LOOK_SECONDS, yielded + _TICK_SECONDS - now))
            self._merge.give_back()
        yield from self._rest()

    def _rest(self) -> Iterator[PacketBatch]:
        """What was received until now."""
        for sock in self._sockets:
            sock.attach(bpf.nothing())
        until = time.monotonic() + self._patience
        while True:
            fetched = self._merge.fetch()
            batch = self._merge.ready()
            if len(batch):
                yield from _pieces(batch)
            elif not fetched:
                now = time.monotonic()
                if now >= until or all(ring.is_empty() for ring in self._rings):
                    break
                self._wait(until - now)
            self._merge.give_back()
        yield from _pieces(self._merge.rest())
        self._merge.give_back()

    def _wait(self, seconds: float) -> None:
        """Until a ring has something, but for those that have: the kernel tells that again and again."""
        rings = zip(self._rings, self._sockets, strict=True)
        readable = [sock.fileno() for ring, sock in rings if not ring.waiting]
        if len(readable) < len(self._rings):
            seconds = min(seconds, self._patience / 4)
        # A socket's error is that its interface went down. It is reported until `look` has asked for it.
        self._look(something=wait_for([*readable, self._changes.fileno()], seconds))

    def _look(self, *, something: bool = False) -> None:
        """See what became of the interfaces, if anything did."""
        if self._changes.drain() or something:
            for device in self._devices:
                device.look()

    # --- the rest of LiveSource -------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """See `LiveSource`."""
        for device, ring in zip(self._devices, self._rings, strict=True):
            device.refresh()
            if ring.damaged and not device.info.damage:
                device.info.damage = f"{device.info.name}: the kernel handed over frames that could not be read"
                self.damage.append(device.info.damage)
        self._note_times()

    def _note_times(self) -> None:
        """Two clocks in one capture are worth a word."""
        if self._options.timestamp != ADAPTER or self._mixed_times:
            return
        for info, ring in zip(self.interfaces, self._rings, strict=True):
            if ring.unstamped[0]:
                self._mixed_times = True
                self.notes.append(f"{info.name}: its network card stamps not all frames; others have the host's time")

    def stop(self) -> None:
        """See `LiveSource`."""
        self._stopping = True

    def close(self) -> None:
        """See `LiveSource`."""
        if self._memory is not None:
            self._memory.close()
        for sock in self._sockets:
            sock.close()
        self._changes.close()
        self._links.close()


def _kernel_told() -> tuple[rtnetlink.Interfaces, rtnetlink.LinkChanges]:
    try:
        return rtnetlink.Interfaces(), rtnetlink.LinkChanges()
    except OSError as error:
        raise CaptureError(f"the kernel does not tell its interfaces: {error.strerror}") from None


def _pieces(batch: PacketBatch) -> Iterator[PacketBatch]:
    """The batch, in pieces of the size that all batches have."""
    if len(batch) <= BATCH_FRAMES:
        yield batch
        return
    for first in range(0, len(batch), BATCH_FRAMES):
        yield select(batch, slice(first, first + BATCH_FRAMES))


def _form(link: Link | None) -> int:
    linktype = linktype_of(link)
    if linktype == offsets.DLT_SLL2:
        form = kernel.COOKED
    else:
        form = kernel.ETHERNET if linktype == offsets.DLT_ETHERNET else kernel.PLAIN
    return int(form)
