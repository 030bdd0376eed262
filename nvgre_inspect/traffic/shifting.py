"""Shifting: VSIDs, provider and customer addresses and MACs of finished frames moved, checksums kept as they were.

    shifter = Shifter(batch, records, step)     once: finds what is to change
    shifter.shifted(3)                          the frames of loop 3

A right checksum is right afterwards and a wrong one as wrong as before: what changed is added to it (RFC 1624). All
frames of a batch at once.

- `vsid`: NVGRE's VSID, other GRE keys, the VNI of VXLAN and Geneve, of the tenant's layer. It goes round within its
  field; a VSID within those that RFC 7637 leaves to tenants (0x001000 to 0xFFFFFE), and others stay.
- `pa`: the addresses of the IP header around that layer, of frames in tunnels.
- `mac`, `ca`: of the tenant's own frame; of frames outside tunnels their own. ARP and IPv6 neighbour solicitations and
  advertisements follow, with their solicited-node groups.

Left as they are: group, broadcast, unspecified and loopback addresses; outer MACs, which are the underlay's; FlowIDs
and source ports; MPLS labels; addresses in payloads (DNS, what ICMP errors quote); whatever was cut.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import recfunctions as rfn

from dissectors import encaps, offsets
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.traffic.patching import Patch
from nvgre_inspect.traffic.shift_rules import AddressStep, Shift

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Where the checksum of a transport header stands whose pseudo-header has the addresses.
_CHECKSUM_AT = {
    offsets.IPPROTO_TCP: 16,
    offsets.IPPROTO_UDP: 6,
    offsets.IPPROTO_UDPLITE: 6,
    offsets.IPPROTO_DCCP: 6,
    offsets.IPPROTO_ICMPV6: 2,
}
_FIELDS = ("inner_off", "tenant_layer", "encap", "n_eth", "eth_off", "n_ip", "ip_off", "ip_proto", "ip_l4_off")
_MAX_TAGS = 3
_ARP_SENDER_MAC, _ARP_SENDER_IP, _ARP_TARGET_MAC, _ARP_TARGET_IP = 8, 14, 18, 24
#: Hardware Ethernet, protocol IPv4, lengths 6 and 4: the only ARP whose fields stand there.
_ARP_FORM = 0x0001_0800_0604
_ND_TYPES = (135, 136)
_ND_TARGET, _ND_OPTION = 8, 24
_ND_LINK_LAYER_OPTIONS = (0x0101, 0x0201)
_GRE_CHECKSUM = 4
#: VXLAN and Geneve: the VNI stands in the second word of their header.
_VNI_AT = 4
_KEY32 = (encaps.GRETAP, encaps.GRE)


class Shifter:
    """The frames of a batch, and what is to change in them from loop to loop."""

    def __init__(self, batch: PacketBatch, records: npt.NDArray[np.void], step: Shift) -> None:
        """`records` (RECORD) are those of the batch, decoded down to the tenant's frame."""
        self.batch = packed(batch)
        self._step = step
        #: 64 of the 528 bytes of a record.
        self._records: Any = rfn.repack_fields(records[list(_FIELDS)])
        self._tenant = np.asarray(records["tenant_layer"] >= 0)

    def shifted(self, loop: int) -> PacketBatch:
        """The frames of that loop, from 0; the first has them as they are."""
        shift = self._step.times(loop)
        if not shift:
            return self.batch
        result = dataclasses.replace(self.batch, buffer=self.batch.buffer.copy())
        patch = Patch(result)
        base = self._records["inner_off"].astype(np.int64)
        self._shift_inner(patch, base, shift)
        if self._tenant.any():
            self._shift_outer(patch, base, shift)
        return result

    # --- the tenant's frame ------------------------------------------------------------------------------------------

    def _shift_inner(self, patch: Patch, base: Ints, shift: Shift) -> None:
        records = self._records
        layers = np.arange(records["eth_off"].shape[1])
        is_ethernet = ((records["eth_off"] == base[:, None]) & (layers < records["n_eth"][:, None])).any(axis=1)
        ethertype, network = _behind_tags(patch, base, is_ethernet)
        is_arp = (ethertype == offsets.ETHERTYPE_ARP) & (patch.read(network, 6, is_ethernet) == _ARP_FORM)
        if shift.mac:
            for at in (base, base + offsets.ETH_SRC):
                patch.add_mac(at, shift.mac, is_ethernet)
            for field in (_ARP_SENDER_MAC, _ARP_TARGET_MAC):
                patch.add_mac(network + field, shift.mac, is_arp)
        if shift.ca.ipv4:
            for field in (_ARP_SENDER_IP, _ARP_TARGET_IP):
                patch.add_ipv4(network + field, shift.ca.ipv4, is_arp)
        header = _Header.find(records, (records["ip_off"] >= base[:, None]), first=True)
        # Nothing between the frame's own headers and its IP header (a tunnel of the tenant's is payload).
        header = header.only(header.at == network)
        self._shift_neighbours(patch, header, base, shift)
        _shift_addresses(patch, header, shift.ca)

    def _shift_neighbours(self, patch: Patch, header: _Header, base: Ints, shift: Shift) -> None:
        """Neighbour solicitations and advertisements (RFC 4861 section 4.3), whose payload names the addresses."""
        icmp = header.followed_by(offsets.IPPROTO_ICMPV6)
        found = icmp & np.isin(patch.read(header.payload, 1, icmp), _ND_TYPES)
        if not found.any():
            return
        changed = np.zeros(len(found), np.int64)
        if shift.ca.ipv6:
            changed += patch.add_ipv6(header.payload + _ND_TARGET, shift.ca.ipv6, found)
            # ff02::1:ffXX:XXXX and 33:33:ff:XX:XX:XX have the lower 24 bits of the target.
            group = header.at + offsets.IP6_DST
            solicited = found.copy()
            for at, word in enumerate((0xFF020000, 0, 1)):
                solicited &= patch.read(group + 4 * at, 4, solicited) == word
            solicited &= patch.read(group + 12, 1, solicited) == 0xFF
            changed += patch.add_number(group + 13, 3, shift.ca.ipv6, solicited)
            patch.add_number(base + 3, 3, shift.ca.ipv6, solicited & (patch.read(base, 3, found) == 0x3333FF))
        if shift.mac:
            option = header.payload + _ND_OPTION
            has_option = found & np.isin(patch.read(option, 2, found), _ND_LINK_LAYER_OPTIONS)
            changed += patch.add_mac(option + 2, shift.mac, has_option)
        patch.fix_checksum(header.payload + _CHECKSUM_AT[offsets.IPPROTO_ICMPV6], changed, found)

    # --- around it ---------------------------------------------------------------------------------------------------

    def _shift_outer(self, patch: Patch, base: Ints, shift: Shift) -> None:
        records = self._records
        outside = (records["ip_off"] < base[:, None]) & self._tenant[:, None]
        header = _Header.find(records, outside, first=False)
        is_gre = header.followed_by(offsets.IPPROTO_GRE)
        is_udp = header.followed_by(offsets.IPPROTO_UDP) & np.isin(
            records["encap"], (encaps.VXLAN, encaps.VXLAN_GPE, encaps.GENEVE)
        )
        flags = patch.read(header.payload, 2, is_gre)
        has_checksum = is_gre & (flags & (offsets.GRE_C | offsets.GRE_R) != 0)
        if shift.vsid:
            keyed = is_gre & (flags & offsets.GRE_K != 0)
            key = header.payload + offsets.GRE_MIN_LEN + np.where(has_checksum, 4, 0)
            patch.add_vsid(key, shift.vsid, keyed & (records["encap"] == encaps.NVGRE))
            patch.add_number(key, 4, shift.vsid, keyed & np.isin(records["encap"], _KEY32))
            patch.add_number(header.payload + offsets.UDP_LEN + _VNI_AT, 3, shift.vsid, is_udp)
        # All that changed so far is what these two checksums cover.
        patch.fix_checksum(header.payload + _GRE_CHECKSUM, patch.changed, has_checksum & (flags & offsets.GRE_C != 0))
        patch.fix_checksum(header.payload + _CHECKSUM_AT[offsets.IPPROTO_UDP], patch.changed, is_udp, optional=True)
        _shift_addresses(patch, header, shift.pa)


@dataclasses.dataclass(frozen=True, slots=True)
class _Header:
    """An IP header of each frame."""

    #: Where it starts; -1: there is none.
    at: Ints
    #: The protocol behind it and its extension headers, and where that starts; -1: not known, or a later fragment.
    protocol: Ints
    payload: Ints

    @classmethod
    def find(cls, records: Any, wanted: Bools, *, first: bool) -> _Header:
        """The first or last of the headers that are `wanted` (a column each)."""
        count = records["ip_off"].shape[1]
        wanted = wanted & (np.arange(count) < records["n_ip"][:, None])
        column = wanted.argmax(axis=1) if first else count - 1 - wanted[:, ::-1].argmax(axis=1)
        rows, there = np.arange(len(records)), wanted.any(axis=1)
        fields = (records[name][rows, column].astype(np.int64) for name in ("ip_off", "ip_proto", "ip_l4_off"))
        return cls(*(np.where(there, field, -1) for field in fields))

    def only(self, mask: Bools) -> _Header:
        """None where `mask` is False."""
        return _Header(*(np.where(mask, field, -1) for field in (self.at, self.protocol, self.payload)))

    def followed_by(self, protocol: int) -> Bools:
        """Whether this protocol's header follows."""
        return np.asarray((self.protocol == protocol) & (self.payload >= 0) & (self.at >= 0))


def _behind_tags(patch: Patch, base: Ints, mask: Bools) -> tuple[Ints, Ints]:
    """EtherType behind up to three tags, and where what it announces starts; bare IP: 0, and where it starts."""
    ethertype = patch.read(base + offsets.ETH_TYPE, 2, mask)
    network = np.where(mask, base + offsets.ETH_LEN, base)
    for _ in range(_MAX_TAGS):
        tagged = mask & np.isin(ethertype, offsets.VLAN_ETHERTYPES)
        if not tagged.any():
            break
        ethertype = np.where(tagged, patch.read(network + offsets.VLAN_TYPE, 2, tagged), ethertype)
        network = np.where(tagged, network + offsets.VLAN_LEN, network)
    return ethertype, network


def _shift_addresses(patch: Patch, header: _Header, step: AddressStep) -> None:
    """Source and destination, the header's checksum, and that of the transport header behind it."""
    if not step:
        return
    there = header.at >= 0
    version = patch.read(header.at, 1, there) >> 4
    changed = np.zeros(len(there), np.int64)
    if step.ipv4:
        four = there & (version == 4)
        for field in (offsets.IP4_SRC, offsets.IP4_DST):
            changed += patch.add_ipv4(header.at + field, step.ipv4, four)
        patch.fix_checksum(header.at + offsets.IP4_CHECKSUM, changed, four)
    if step.ipv6:
        six = there & (version == 6)
        for field in (offsets.IP6_SRC, offsets.IP6_DST):
            changed += patch.add_ipv6(header.at + field, step.ipv6, six)
    for protocol, field in _CHECKSUM_AT.items():
        follows = header.followed_by(protocol)
        if follows.any():
            patch.fix_checksum(header.payload + field, changed, follows, optional=protocol == offsets.IPPROTO_UDP)


def packed(batch: PacketBatch) -> PacketBatch:
    """The frames in a buffer that has little more than their bytes. The same batch, if it is so already."""
    total = int(batch.caplen.sum())
    if len(batch.buffer) <= 2 * total + 4096:
        return batch
    offset = np.cumsum(batch.caplen) - batch.caplen
    at = np.repeat(batch.offset - offset, batch.caplen) + np.arange(total)
    return dataclasses.replace(batch, buffer=batch.buffer[at], offset=offset)
