"""PortableSource: live frames through libpcap (by cypcap, whose wheels carry it), where there are no rings of Linux.

Limits: about a microsecond of Python a packet; cypcap gives times as floats, so they are asked for in microseconds,
which floats still hold exactly. An interface that goes away ends with a sentence and is not taken up again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live import bpf
from nvgre_inspect.capture.live.options import LiveOptions, checked_interfaces
from nvgre_inspect.capture.live.privileges import missing_rights
from nvgre_inspect.capture.live.ready_made import chosen
from nvgre_inspect.model.batch import PacketBatch, packed
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.model.spelling import nearest

_TICK_SECONDS: Final = 0.1
#: Between two looks at silent interfaces.
_PAUSE_SECONDS: Final = 0.01
#: Frames that are taken of one interface at a time.
_FRAMES: Final = 4096


class PortableSource:
    """See `LiveSource`."""

    def __init__(self, options: LiveOptions) -> None:
        """See `open_live`."""
        self.interfaces: list[InterfaceInfo] = []
        self.notes: list[str] = []
        self.damage: list[str] = []
        self._cypcap = bpf.library()
        self._handles: list[Any] = []
        #: Interfaces that gave an error, by number.
        self._ended: set[int] = set()
        self._stopping = threading.Event()
        self._frames = 0
        try:
            for name in checked_interfaces(options):
                self._open(name, options)
        except BaseException:
            self.close()
            raise
        self.refresh()

    def _open(self, name: str, options: LiveOptions) -> None:
        cypcap = self._cypcap
        try:
            handle = cypcap.create(name)
            self._handles.append(handle)
            handle.set_snaplen(options.snaplen)
            handle.set_promisc(options.promiscuous)
            handle.set_timeout(_PAUSE_SECONDS)
            handle.set_buffer_size(min(options.buffer_bytes, (1 << 31) - 1))
            handle.set_immediate_mode(options.immediate)
            if options.timestamp:
                handle.set_tstamp_type(cypcap.TstampType[options.timestamp.upper()])
            handle.activate()
            handle.setnonblock(True)
        except cypcap.Error as error:
            raise CaptureError(self._explained(name, error)) from None
        datalink = int(handle.datalink())
        linktype = bpf.file_linktype(datalink)
        # The user's own is compiled by itself, too: what is wrong is shown in the user's words.
        for expression in filter(None, (options.bpf.strip(), chosen(options, linktype))):
            program = bpf.compile_for_handle(expression, handle, options.snaplen)
            handle.setfilter(cypcap.BpfProgram(list(program.instructions)))
        self.interfaces.append(InterfaceInfo("live", len(self.interfaces), name, linktype, options.snaplen))

    def _explained(self, name: str, error: Any) -> str:
        codes = self._cypcap.ErrorCode
        if error.code in (codes.PERM_DENIED, codes.PROMISC_PERM_DENIED):
            return f"{name}: {missing_rights('capturing')}"
        if error.code == codes.IFACE_NOT_UP:
            return f"{name} is down"
        if error.code == codes.NO_SUCH_DEVICE:
            names = [interface.name for interface in self._cypcap.findalldevs()]
            near = nearest(name, names)
            return f"no interface {name!r}; " + (f"did you mean {near}?" if near else f"there are: {', '.join(names)}")
        return f"{name} cannot be opened: {error.msg}"

    def batches(self) -> Iterator[PacketBatch]:
        """See `LiveSource`."""
        yielded = time.monotonic()
        while len(self._ended) < len(self._handles):
            stopping = self._stopping.is_set()
            batch = self._take()
            now = time.monotonic()
            if len(batch) or now - yielded >= _TICK_SECONDS:
                yield batch
                yielded = time.monotonic()
            elif not stopping:
                self._stopping.wait(_PAUSE_SECONDS)
            if stopping:
                return

    def _take(self) -> PacketBatch:
        """What has come on all interfaces, by time."""
        taken: list[tuple[int, int, int, bytes]] = []
        for number, handle in enumerate(self._handles):
            if number in self._ended:
                continue
            came: list[tuple[Any, bytes]] = []
            try:
                handle.dispatch(_FRAMES, lambda header, data, came=came: came.append((header, data)))
            except self._cypcap.Error as error:
                self._ended.add(number)
                self.notes.append(f"{self.interfaces[number].name} gives no more frames: {error.msg}")
            for header, data in came:
                taken.append((round(header.ts * 1e6) * 1000, number, header.len, data))
        taken.sort(key=lambda frame: frame[0])
        return self._batch(taken)

    def _batch(self, taken: list[tuple[int, int, int, bytes]]) -> PacketBatch:
        buffer, offset, caplen = packed([data for *_, data in taken])
        interface = np.array([number for _, number, _, _ in taken], np.int32)
        first = self._frames
        self._frames += len(taken)
        return PacketBatch(
            buffer=buffer,
            offset=offset,
            caplen=caplen,
            wirelen=np.maximum(np.array([length for _, _, length, _ in taken], np.int64), caplen),
            ts_ns=np.array([ts_ns for ts_ns, *_ in taken], np.int64),
            linktype=np.array([info.linktype for info in self.interfaces], np.uint16)[interface],
            interface=interface,
            position=np.arange(first, self._frames, dtype=np.int64),
        )

    def refresh(self) -> None:
        """See `LiveSource`."""
        for number, (info, handle) in enumerate(zip(self.interfaces, self._handles, strict=True)):
            if number not in self._ended:
                counters = handle.stats()
                info.received, info.dropped_kernel = counters.recv, counters.drop
                info.dropped_interface = counters.ifdrop

    def stop(self) -> None:
        """See `LiveSource`."""
        self._stopping.set()

    def close(self) -> None:
        """See `LiveSource`."""
        for handle in self._handles:
            handle.close()
