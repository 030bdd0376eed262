"""Device: one interface that is captured from: its socket, its counters, and whether it is still there.

An interface that goes away and comes back under the same name is taken up again, with the same socket: binding it
needs no rights, so none are kept for that. While an interface is down its socket receives nothing, all by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live.interfaces import find
from nvgre_inspect.capture.live.options import ANY
from nvgre_inspect.capture.live.packet_socket import PacketSocket
from nvgre_inspect.capture.live.rtnetlink import Interfaces, Link, untold
from nvgre_inspect.model.source import InterfaceInfo

#: ARPHRD_ numbers (linux/if_arp.h) whose frames are taken as they are, and their LINKTYPE_. Of others, PPP and GRE
#: tunnels among them, packets are taken without link layer, behind a header of LINUX_SLL2.
_PLAIN: Final = {
    1: offsets.DLT_ETHERNET,
    772: offsets.DLT_ETHERNET,  # loopback
    768: offsets.DLT_RAW,  # ipip
    769: offsets.DLT_RAW,  # ip6tnl
    776: offsets.DLT_RAW,  # sit
    519: offsets.DLT_RAW,  # bare IP
    65534: offsets.DLT_RAW,  # no link layer: TUN, WireGuard
    801: 105,  # IEEE 802.11
    803: 127,  # the same behind radiotap
}


def linktype_of(link: Link | None) -> int:
    """LINKTYPE_ of what is captured on an interface (None: on all at once)."""
    return offsets.DLT_SLL2 if link is None else _PLAIN.get(link.device_type, offsets.DLT_SLL2)


def find_interface(interfaces: Interfaces, name: str) -> Link | None:
    """The interface of that name, None for `any`. CaptureError if there is none, or it is down."""
    if name == ANY:
        return None
    try:
        link = find(name, interfaces.all())
    except OSError as error:
        raise untold(error) from None
    if not link.is_up:
        raise CaptureError(f"{name} is down: ip link set {name} up")
    return link


def check(names: Iterable[str]) -> None:
    """Whether these can be captured from: CaptureError if one is not there or down, or rights are missing.

    On Linux only; elsewhere it shows when they are opened.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        with closing(Interfaces()) as interfaces:
            for name in names:
                find_interface(interfaces, name)
                PacketSocket(name, cooked=False).close()
    except OSError as error:
        raise untold(error) from None


class Device:
    """An interface with its open socket."""

    def __init__(
        self,
        link: Link | None,
        socket: PacketSocket,
        info: InterfaceInfo,
        interfaces: Interfaces,
        notes: list[str],
        *,
        promiscuous: bool,
    ) -> None:
        """Receives from now on (`link` None: from all interfaces). What happens to it is said in `notes`."""
        self.socket = socket
        self.info = info
        self._interfaces = interfaces
        self._link = link
        self._name = info.name
        self._promiscuous = promiscuous
        self._notes = notes
        #: What the kernel had counted for it when it was taken up, and what came together before.
        self._baseline = link.dropped if link else 0
        self._dropped_before = 0
        #: Which of the notes says that it is lost; None while it is there.
        self._lost: int | None = None
        try:
            socket.start(link, promiscuous=promiscuous)
        except OSError as error:
            raise CaptureError(f"{self._name} cannot be opened: {error.strerror}") from None

    def refresh(self) -> None:
        """Read its counters anew."""
        counters = self.socket.counters()
        self.info.received, self.info.dropped_kernel = counters.received, counters.dropped
        if self._link is not None:
            link = self._interfaces.at(self._link.index)
            if link is not None:
                self._link = link
            self.info.dropped_interface = self._dropped_before + max(0, self._link.dropped - self._baseline)

    def look(self) -> None:
        """See whether the interface is still there, or again."""
        self.socket.error()  # ENETDOWN, which poll(2) would go on reporting
        if self._link is None:
            return
        link = self._interfaces.at(self._link.index)
        if link is None:
            self._lose("was removed")
            link = self._interfaces.named(self._name)
            if link is None or not self._take_up(link):
                return
        self._name, self._link = link.name, link
        if not link.is_up:
            self._lose("went down")
        elif self._lost is not None:
            self._notes[self._lost] += f" and came back at {_clock()}"
            self._lost = None

    def _lose(self, how: str) -> None:
        if self._lost is None:
            self._lost = len(self._notes)
            self._notes.append(f"{self._name} {how} at {_clock()}")

    def _take_up(self, link: Link) -> bool:
        """Receive on the interface that has the name now; whether that can be."""
        if linktype_of(link) != self.info.linktype:
            # The socket, and all that was said of the interface, is of another kind.
            sentence = f"{link.name} is another kind of interface now: start again to capture from it"
            if sentence not in self._notes:
                self._notes.append(sentence)
            return False
        try:
            self.socket.start(link, promiscuous=self._promiscuous)
        except OSError:
            return False  # gone again
        if self._link is not None:
            self._dropped_before += max(0, self._link.dropped - self._baseline)
        self._baseline = link.dropped
        return True


def _clock() -> str:
    return f"{datetime.now(UTC):%H:%M:%S} UTC"
