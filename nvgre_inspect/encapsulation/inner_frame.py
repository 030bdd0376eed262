"""InnerFrame: the tenant's frame as an encapsulator looks at it (docs/encapsulation.md).

Its VLAN tags right behind the MAC addresses, the first IP header behind them, and where the packet of that header
ends. Whatever is tunnelled inside is the tenant's own and not looked at.

An IP header is there if its fixed part (20 or 40 bytes) was captured and its version, and IPv4's header length, are
right. A packet ends where its own length says, if the frame reaches that far and the header fits in; else with the
frame.

Limits: IP behind LLC/SNAP, PPPoE or MPLS counts as "not IP".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from dissectors import offsets
from dissectors.ethernet import VLAN, Ethernet
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from nvgre_inspect.encapsulation.policy import Address

#: Link types whose frames are IP packets.
BARE_IP = frozenset({offsets.DLT_RAW, offsets.DLT_RAW_BSD, offsets.DLT_RAW_OPENBSD, offsets.DLT_IPV4, offsets.DLT_IPV6})
_MACS_LEN = offsets.ETH_TYPE
#: ARP's hardware and protocol type and sizes.
_ETHERNET_IPV4 = b"\x00\x01\x08\x00\x06\x04"


@dataclass(frozen=True, slots=True)
class InnerFrame:
    """A frame of a tenant; `data` is what was captured of its `wirelen` bytes."""

    data: bytes
    wirelen: int
    #: Destination and source MAC address; empty for bare IP.
    dst_mac: bytes
    src_mac: bytes
    #: Tags behind the MAC addresses that are all there.
    tags: int
    #: What the last of them, or the frame, says that follows; a tag's where the frame is cut inside a run of tags.
    ethertype: int
    #: Where it follows.
    payload: int
    ip: IPv4 | IPv6 | None
    #: Where the packet of `ip` ends on the wire.
    ip_end: int

    @property
    def missing(self) -> int:
        """Bytes that the snapshot length cut off."""
        return self.wirelen - len(self.data)

    @property
    def cut_in_tags(self) -> bool:
        """Whether the frame ends inside its tags: what it carries is not known."""
        return self.ethertype in offsets.VLAN_ETHERTYPES

    @property
    def family(self) -> int:
        """IP version, 0: not IP."""
        return self.ip.version if self.ip else 0

    @property
    def tos(self) -> int:
        """DSCP << 2 | ECN; 0 where it is not IP."""
        return self.ip.tos if self.ip else 0

    @property
    def src_ca(self) -> Address | None:
        """The sender's customer address: of IP, or of ARP for IPv4 over Ethernet."""
        return self._address("src", offsets.ARP_SPA)

    @property
    def dst_ca(self) -> Address | None:
        """The receiver's."""
        return self._address("dst", offsets.ARP_TPA)

    def without_tags(self) -> InnerFrame:
        """The frame as RFC 7637 section 3.3 wants it. Not for one that is cut inside its tags."""
        if not self.tags:
            return self
        gone = self.tags * offsets.VLAN_LEN
        data = self.data[:_MACS_LEN] + self.data[_MACS_LEN + gone :]
        return read(data, self.wirelen - gone)

    def packet(self) -> InnerFrame:
        """Only its IP packet, without what lies before and behind it. Only where there is one."""
        return read(self.data[self.payload : self.ip_end], self.ip_end - self.payload, offsets.DLT_RAW)

    def _address(self, side: str, arp_offset: int) -> Address | None:
        if self.ip:
            return ipaddress.ip_address(self.ip.src if side == "src" else self.ip.dst)
        arp = self.data[self.payload : self.payload + offsets.ARP_LEN]
        if self.ethertype != offsets.ETHERTYPE_ARP or len(arp) < offsets.ARP_LEN or not arp.startswith(_ETHERNET_IPV4):
            return None
        return ipaddress.IPv4Address(arp[arp_offset : arp_offset + 4])


def read(frame: bytes, wirelen: int, linktype: int = offsets.DLT_ETHERNET) -> InnerFrame:
    """The frame of `wirelen` bytes on the wire, of an Ethernet link (at least 14 bytes captured) or of `BARE_IP`."""
    data = frame[:wirelen]
    if linktype in BARE_IP:
        version = data[0] >> 4 if data else 0
        ethertype = {4: offsets.ETHERTYPE_IPV4, 6: offsets.ETHERTYPE_IPV6}.get(version, 0)
        ip, end = _read_ip(data, 0, wirelen, ethertype)
        return InnerFrame(data, wirelen, b"", b"", 0, ethertype, 0, ip, end)
    ethernet = Ethernet(data)
    ethertype, payload, tags = ethernet.type, offsets.ETH_LEN, 0
    while ethertype in offsets.VLAN_ETHERTYPES and payload + offsets.VLAN_LEN <= len(data):
        ethertype = VLAN(data[payload : payload + offsets.VLAN_LEN]).type
        payload += offsets.VLAN_LEN
        tags += 1
    ip, end = _read_ip(data, payload, wirelen, ethertype)
    return InnerFrame(data, wirelen, ethernet.dst, ethernet.src, tags, ethertype, payload, ip, end)


def _read_ip(data: bytes, start: int, wirelen: int, ethertype: int) -> tuple[IPv4 | IPv6 | None, int]:
    """The IP header at `start` that `ethertype` announces, and where its packet ends on the wire."""
    there = len(data) - start
    if ethertype == offsets.ETHERTYPE_IPV4 and there >= offsets.IP4_MIN_LEN:
        ip4 = IPv4(data[start:])
        if ip4.version != 4 or ip4.ihl < 5:
            return None, wirelen
        claim = start + ip4.total_length if ip4.total_length >= ip4.header_len else wirelen
        return ip4, min(claim, wirelen)
    if ethertype == offsets.ETHERTYPE_IPV6 and there >= offsets.IP6_LEN:
        ip6 = IPv6(data[start:])
        if ip6.version != 6:
            return None, wirelen
        claim = start + offsets.IP6_LEN + ip6.payload_length if ip6.payload_length else wirelen
        return ip6, min(claim, wirelen)
    return None, wirelen
