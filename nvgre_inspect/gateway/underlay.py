"""Underlay: the raw socket of an endpoint: IP packets of protocol 47 (GRE) from and to provider addresses (raw(7)).

The kernel routes, resolves next hops, and puts fragments together; packets pass the host's firewall. While the socket
is open the kernel does not answer "protocol unreachable". What is sent has its own IP header (IP_HDRINCL) and is never
fragmented here: RFC 7637 section 4.4.

Limits: Linux only. A device that merges received packets (generic receive offload) hands on what no tenant has sent,
with unfinished checksums. With the kernel's own GRE driver (module ip_gre) loaded the kernel answers "unreachable" to
what none of its own tunnels takes.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final, NamedTuple

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live.privileges import missing_rights
from nvgre_inspect.capture.live.rtnetlink import Link
from nvgre_inspect.gateway import device

Address = IPv4Address | IPv6Address
#: Packets of one `receive`.
AT_ONCE: Final = 64
#: Why a packet was not sent, and what it means.
NOT_SENT: Final = {
    "underlay-mtu": "longer than the MTU on the way to the other host",
    "underlay-busy": "the underlay's queue was full",
    "unreachable": "no way to the other host, or a firewall in it",
}
_WHY_NOT: Final = {
    errno.EMSGSIZE: "underlay-mtu",
    errno.EAGAIN: "underlay-busy",
    errno.ENOBUFS: "underlay-busy",
}
#: Bytes that wait to be received; a burst of 5,000 full packets.
_RECEIVE_BUFFER: Final = 8 << 20
_SEND_BUFFER: Final = 4 << 20
_LONGEST: Final = 65_536
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("9I")
_MEMINFO_DROPS: Final = 8
_IPV6_HDRINCL: Final = 36
_PKTINFO_ADDRESS: Final = 16
_ECN_MASK: Final = 0x03


class Arrived(NamedTuple):
    """A packet of protocol 47; `payload` is there until the next one is received."""

    #: What follows the IP header: GRE.
    payload: memoryview
    #: Addresses as bytes.
    src: bytes
    dst: bytes
    #: The outer ECN field.
    ecn: int


class Underlay:
    """Sends and receives on one interface for one provider address. CaptureError says why it cannot be opened."""

    def __init__(self, pa: Address, interface: str, groups: Iterable[Address] = ()) -> None:
        """`groups` are the underlay multicast groups of its subnets, of the IP version of `pa`."""
        device.check_system("a gateway")
        link = device.link_of(interface)
        #: Of the interface when it was opened.
        self.mtu = link.mtu
        self.interface = link.name
        self._family = socket.AF_INET if pa.version == 4 else socket.AF_INET6
        try:
            self._socket = socket.socket(self._family, socket.SOCK_RAW, offsets.IPPROTO_GRE)
        except PermissionError:
            raise CaptureError(missing_rights("a gateway", "cap_net_raw,cap_net_admin")) from None
        try:
            self._set_up(link, groups)
        except OSError as error:
            self._socket.close()
            raise CaptureError(f"{interface} cannot be opened: {error.strerror}") from None
        self._buffer = bytearray(_LONGEST)
        self._view = memoryview(self._buffer)
        #: Addresses as the system takes them, by their bytes: those of the policy, so not many.
        self._names: dict[bytes, tuple[str, int]] = {}

    def _set_up(self, link: Link, groups: Iterable[Address]) -> None:
        sock = self._socket
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.name.encode())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if self._family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            for group in groups:
                member = struct.pack("4s4si", group.packed, bytes(4), link.index)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            return
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        for group in groups:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + struct.pack("i", link.index))

    def fileno(self) -> int:
        """The descriptor, for `selectors`."""
        return self._socket.fileno()

    def receive(self) -> Arrived | None:
        """The next packet; None: there is none now. Never waits."""
        try:
            if self._family == socket.AF_INET:
                return parse_ipv4(self._view[: self._socket.recv_into(self._buffer)])
            length, ancillary, _, sender = self._socket.recvmsg_into([self._buffer], 128)
        except BlockingIOError:
            return None
        except OSError:
            # ICMP errors and an interface that went down show here; it may come back.
            return None
        return _from_ancillary(self._view[:length], str(sender[0]), ancillary)

    def send(self, packet: memoryview, dst: bytes) -> str | None:
        """Send an IP packet with its header; why it was not sent (of NOT_SENT), None: it was. Never waits."""
        name = self._names.get(dst)
        if name is None:
            name = self._names[dst] = (socket.inet_ntop(self._family, dst), 0)
        try:
            self._socket.sendto(packet, name)
        except OSError as error:
            return _WHY_NOT.get(error.errno or 0, "unreachable")
        return None

    def drops(self) -> int:
        """Packets that came while the receive buffer was full."""
        found = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(found)[_MEMINFO_DROPS])

    def notes(self) -> list[str]:
        """What of the interface is in the way of a gateway: sentences for people, with the command that helps."""
        found = []
        if device.merges_received(self.interface):
            found.append(
                f"{self.interface} merges received packets, which spoils TCP in tunnels: "
                f"ethtool -K {self.interface} gro off"
            )
        if Path("/sys/module/ip_gre").exists():
            found.append(
                "the kernel's own GRE driver answers 'unreachable' to packets of this gateway: modprobe -r ip_gre"
            )
        return found

    def close(self) -> None:
        """Let protocol 47 go: the kernel answers again that nobody listens."""
        self._socket.close()


def parse_ipv4(packet: memoryview) -> Arrived:
    """A packet as an IPv4 raw socket hands it over; its header has been checked by the kernel."""
    header = (packet[0] & 0x0F) * 4 if len(packet) else 0
    return Arrived(
        packet[header:],
        bytes(packet[offsets.IP4_SRC : offsets.IP4_DST]),
        bytes(packet[offsets.IP4_DST : offsets.IP4_MIN_LEN]),
        packet[offsets.IP4_TOS] & _ECN_MASK if len(packet) > offsets.IP4_TOS else 0,
    )


def _from_ancillary(payload: memoryview, sender: str, ancillary: Iterable[tuple[int, int, bytes]]) -> Arrived:
    """A packet as an IPv6 raw socket hands it over: its header shows in control messages only."""
    dst, ecn = b"", 0
    for level, kind, data in ancillary:
        if level != socket.IPPROTO_IPV6:
            continue
        if kind == socket.IPV6_PKTINFO:
            dst = data[:_PKTINFO_ADDRESS]
        elif kind == socket.IPV6_TCLASS:
            ecn = struct.unpack("i", data)[0] & _ECN_MASK
    return Arrived(payload, socket.inet_pton(socket.AF_INET6, sender.partition("%")[0]), dst, ecn)
