"""The network interfaces of this machine as the Linux kernel tells them: rtnetlink(7). Needs no rights.

    message     length 32 bits, type 16, flags 16, sequence 32, port 32; then, of a link (struct ifinfomsg): family 8,
                padding 8, type of device 16, index 32, flags 32, change 32; of an address (struct ifaddrmsg): family,
                length of prefix, flags, scope 8 each, index 32; attributes; padded to 4 bytes
    attribute   length 16 bits, type 16, value; padded to 4 bytes

It is asked of the network namespace in which a socket was made, which /sys may not be of.
Limits: whatever the kernel does not tell is 0 or empty.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nvgre_inspect.capture.limits import CaptureError

_GROUP_LINK: Final = 1
_DUMP: Final = 0x300
_REQUEST: Final = 1
_ERROR, _DONE = 2, 3
_NEW_LINK, _GET_LINK, _NEW_ADDRESS, _GET_ADDRESS = 16, 18, 20, 22
_NAME, _MTU, _LINK_INFO, _ALIAS, _STATISTICS, _OTHER_NAMES = 3, 4, 18, 20, 23, 52
_KIND: Final = 1
_OTHER_NAME: Final = 53
_ADDRESS, _LOCAL = 1, 2
#: Which of the 64-bit counters of struct rtnl_link_stats64: frames for which the card's queue had no room, and those
#: that the host was too slow for. What libpcap counts as dropped by the interface.
_FIFO_ERRORS, _MISSED_ERRORS = 14, 15
_IFF_UP, _IFF_LOOPBACK, _IFF_RUNNING = 1, 8, 0x40
_MESSAGE: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS_OF: Final = struct.Struct("=BBBBi")
_ATTRIBUTE: Final = struct.Struct("=HH")
_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Link:
    """An interface."""

    index: int
    name: str
    #: ARPHRD_ number of its kind of link layer.
    device_type: int
    mtu: int
    is_up: bool
    #: Whether it has a carrier, too.
    is_running: bool
    is_loopback: bool
    #: Frames that it lost before anybody saw them.
    dropped: int
    #: What made it: `veth`, `vxlan`; empty for hardware.
    kind: str
    alias: str
    #: `altname` of ip-link(8).
    other_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All by which it can be found."""
        return (self.name, *self.other_names)


def links() -> list[Link]:
    """All interfaces, by index, of the namespace that the calling thread is in. CaptureError: the kernel is silent."""
    try:
        with contextlib.closing(Interfaces()) as interfaces:
            return interfaces.all()
    except OSError as error:
        raise untold(error) from None


def untold(error: OSError) -> CaptureError:
    """The kernel does not answer."""
    return CaptureError(f"the kernel does not tell its interfaces: {error.strerror or error}")


class Interfaces:
    """What is asked of the kernel; the answers are of the namespace in which this was made. For one thread."""

    def __init__(self) -> None:
        self._socket = _open(0)
        self._socket.settimeout(_TIMEOUT_SECONDS)
        self._asked = 0

    def all(self) -> list[Link]:
        """All interfaces, by index. OSError if the kernel does not answer."""
        found = [_link(body) for body in self._ask(_GET_LINK, _NEW_LINK, _LINK.pack(0, 0, 0, 0, 0), _DUMP)]
        return sorted(found, key=lambda link: link.index)

    def named(self, name: str) -> Link | None:
        """The interface of that name; None: there is none, or the kernel does not answer."""
        try:
            return next((link for link in self.all() if name in link.names), None)
        except OSError:
            return None

    def at(self, index: int) -> Link | None:
        """The interface of that index; None: there is none any more."""
        try:
            answer = list(self._ask(_GET_LINK, _NEW_LINK, _LINK.pack(0, 0, index, 0, 0), 0))
        except OSError:
            return None
        return _link(answer[0]) if answer else None

    def addresses(self) -> dict[int, list[str]]:
        """The IP addresses of each interface, by its index, with the length of their prefix: `192.0.2.1/24`."""
        found: dict[int, list[str]] = {}
        for body in self._ask(_GET_ADDRESS, _NEW_ADDRESS, _ADDRESS_OF.pack(0, 0, 0, 0, 0), _DUMP):
            _, prefix, _, _, index = _ADDRESS_OF.unpack_from(body)
            attributes = dict(_attributes(body[_ADDRESS_OF.size :]))
            # Of a point-to-point link ADDRESS is the other end's.
            packed = attributes.get(_LOCAL, attributes.get(_ADDRESS, b""))
            with contextlib.suppress(ValueError):
                found.setdefault(index, []).append(f"{ipaddress.ip_address(packed)}/{prefix}")
        return found

    def close(self) -> None:
        """Ask no more."""
        self._socket.close()

    def _ask(self, kind: int, answer: int, body: bytes, flags: int) -> Iterator[bytes]:
        """The body of each message of the answer."""
        self._asked += 1
        self._socket.send(_MESSAGE.pack(_MESSAGE.size + len(body), kind, _REQUEST | flags, self._asked, 0) + body)
        while True:
            for came, asked, content in _messages(self._socket.recv(1 << 17)):
                if asked != self._asked:
                    continue  # the rest of an answer that nobody waited for
                if came == _DONE:
                    return
                if came == _ERROR:
                    code = -struct.unpack_from("=i", content)[0]
                    raise OSError(code, os.strerror(code))
                if came == answer:
                    yield content
                if not flags:
                    return


class LinkChanges:
    """Tells that something about the interfaces of this namespace has changed; may be polled for reading."""

    def __init__(self) -> None:
        self._socket = _open(_GROUP_LINK)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For poll(2)."""
        return self._socket.fileno()

    def drain(self) -> bool:
        """Whether something changed since the last call. More than the socket holds may have."""
        changed = False
        while True:
            try:
                self._socket.recv(1 << 16)
            except BlockingIOError:
                return changed
            except OSError:
                return True  # ENOBUFS: some were lost, so look
            changed = True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def _open(groups: int) -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        sock.bind((0, groups))
    except OSError:
        sock.close()
        raise
    return sock


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence number and body of each."""
    at = 0
    while at + _MESSAGE.size <= len(data):
        length, kind, _, sequence, _ = _MESSAGE.unpack_from(data, at)
        if length < _MESSAGE.size:
            return
        yield kind, sequence, data[at + _MESSAGE.size : at + length]
        at += (length + 3) & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def _link(body: bytes) -> Link:
    _, device_type, index, flags, _ = _LINK.unpack_from(body)
    attributes = dict(_attributes(body[_LINK.size :]))
    counters = attributes.get(_STATISTICS, b"")
    dropped = 0
    if len(counters) >= 8 * (_MISSED_ERRORS + 1):
        dropped = sum(struct.unpack_from("=Q", counters, 8 * which)[0] for which in (_FIFO_ERRORS, _MISSED_ERRORS))
    others = _attributes(attributes.get(_OTHER_NAMES, b""))
    made_by = dict(_attributes(attributes.get(_LINK_INFO, b"")))
    return Link(
        index=index,
        name=_text(attributes.get(_NAME, b"")),
        device_type=device_type,
        mtu=int.from_bytes(attributes.get(_MTU, b""), sys.byteorder),
        is_up=bool(flags & _IFF_UP),
        is_running=bool(flags & _IFF_RUNNING),
        is_loopback=bool(flags & _IFF_LOOPBACK),
        dropped=dropped,
        kind=_text(made_by.get(_KIND, b"")),
        alias=_text(attributes.get(_ALIAS, b"")),
        other_names=tuple(_text(value) for kind, value in others if kind == _OTHER_NAME),
    )


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")
