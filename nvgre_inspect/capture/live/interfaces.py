"""What can be captured from on this machine. Needs no rights on Linux; elsewhere libpcap may show less without."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.model.spelling import nearest

if TYPE_CHECKING:
    from nvgre_inspect.capture.live.rtnetlink import Link


@dataclass(frozen=True, slots=True)
class LiveInterface:
    """An interface. Its texts are as the system has them: escape them before a terminal sees them."""

    name: str
    description: str
    up: bool
    #: Whether it has a carrier, too.
    running: bool
    loopback: bool
    #: IP addresses, where it is known with the length of their prefix: `192.0.2.1/24`.
    addresses: tuple[str, ...]
    #: LINKTYPE_ number of the frames that are captured there.
    linktype: int
    #: 0: not known.
    mtu: int


def list_interfaces() -> list[LiveInterface]:
    """All interfaces, in the system's order. CaptureError if the system cannot tell."""
    return _of_linux() if hasattr(socket, "AF_NETLINK") else _of_libpcap()


def find(name: str, links: Sequence[Link]) -> Link:
    """The one of these that has the name. CaptureError if none has."""
    for link in links:
        if name in link.names:
            return link
    raise CaptureError(missing(name, [known for link in links for known in link.names]))


def missing(name: str, known: Sequence[str]) -> str:
    """That there is no interface of that name, and which was perhaps meant: a sentence."""
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(known)}"
    return f"no interface {name!r}; {hint}"


def _of_linux() -> list[LiveInterface]:
    from nvgre_inspect.capture.live.device import linktype_of
    from nvgre_inspect.capture.live.rtnetlink import Interfaces, untold

    try:
        with closing(Interfaces()) as interfaces:
            links, addresses = interfaces.all(), interfaces.addresses()
    except OSError as error:
        raise untold(error) from None
    return [
        LiveInterface(
            name=link.name,
            description=link.alias or link.kind,
            up=link.is_up,
            running=link.is_running,
            loopback=link.is_loopback,
            addresses=tuple(addresses.get(link.index, ())),
            linktype=linktype_of(link),
            mtu=link.mtu,
        )
        for link in links
    ]


def _of_libpcap() -> list[LiveInterface]:
    from nvgre_inspect.capture.live import bpf

    cypcap = bpf.library()
    flags = cypcap.PcapIfFlags
    try:
        found = cypcap.findalldevs()
    except cypcap.Error as error:
        raise CaptureError(f"libpcap does not tell the interfaces: {error.msg}") from None
    return [
        LiveInterface(
            name=one.name,
            description=one.description or "",
            up=bool(one.flags & flags.UP),
            running=bool(one.flags & flags.RUNNING),
            loopback=bool(one.flags & flags.LOOPBACK),
            addresses=tuple(_addresses(one.addresses)),
            # libpcap tells it of open handles only. Nearly all have Ethernet; on macOS and Windows loopback has not.
            linktype=offsets.DLT_NULL if one.flags & flags.LOOPBACK else offsets.DLT_ETHERNET,
            mtu=0,
        )
        for one in found
    ]


def _addresses(given: Iterable[Any]) -> list[str]:
    """IP addresses of libpcap's list, whose items are pairs of a family and an address as sockets have it."""
    ours = (one for one in given if one.addr is not None and one.addr[0] in (socket.AF_INET, socket.AF_INET6))
    return [f"{one.addr[1][0]}{_prefix(one.netmask)}" for one in ours]


def _prefix(netmask: Any) -> str:
    return "" if netmask is None else f"/{int(ipaddress.ip_address(netmask[1][0])).bit_count()}"
