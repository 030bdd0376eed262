"""Headers: values in outer and inner headers that should not be there."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence

from dissectors import checksum, offsets
from nvgre_inspect.traffic.fault_specs import BadChecksum, DSCPLost, ECNIllegal, GREFlags, InnerVLAN
from nvgre_inspect.traffic.faults.acting import Acting, Context
from nvgre_inspect.traffic.frame_facts import facts_of
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.randomness import chance
from nvgre_inspect.traffic.stages import Outcome

_ECN = 0x03
_FLAGS = {"checksum": offsets.GRE_C, "sequence": offsets.GRE_S}
#: Where the checksum is in the header.
_CHECKSUMS = {offsets.IPPROTO_TCP: 16, offsets.IPPROTO_UDP: 6}


class Tagging(Acting[InnerVLAN]):
    """Leaves an 802.1Q tag on the tenant's frame."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        tag = struct.pack(">HH", offsets.ETHERTYPE_VLAN, self.spec.vlan)
        frame = packet.inner
        return ((0, self.changed(packet, frame[: offsets.ETH_TYPE] + tag + frame[offsets.ETH_TYPE :])),)


class Flagging(Acting[GREFlags]):
    """Sets flags of GRE that NVGRE does not have (RFC 7637 section 3.2), with their fields."""

    def __init__(self, spec: GREFlags, context: Context) -> None:
        super().__init__(spec, context)
        self._mask = sum(_FLAGS[name] for name in spec.flags)
        self._sequences: Counter[object] = Counter()

    def install(self) -> None:
        """As `Acting.install`."""
        super().install()
        if not self.spec.accepted:
            self.network.stages.add("decapsulation", self._refuse)

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        self.touch(packet).gre_flags |= self._mask
        if self._mask & offsets.GRE_S:
            way = (packet.src_pa, packet.dst_pa)
            packet.sequence = self._sequences[way] & 0xFFFFFFFF
            self._sequences[way] += 1
        return ((0, packet),)

    def _refuse(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        return () if self.touched(packet) else ((0, packet),)


class ForgettingDSCP(Acting[DSCPLost]):
    """Sets the outer DSCP to 0."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if packet.tos & ~_ECN:
            self.touch(packet).tos &= _ECN
        return ((0, packet),)


class MarkingCE(Acting[ECNIllegal]):
    """Marks congestion on packets whose ends do not know what that is."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if not _is_not_ect(packet.inner) or not chance(self.stream, self.spec.probability):
            return ((0, packet),)
        self.touch(packet).tos |= _ECN
        return ((0, packet),)


class LeavingChecksums(Acting[BadChecksum]):
    """Leaves in TCP and UDP headers what the NIC should have made a checksum of: the pseudo-header's sum.

    The machines that get such packets drop them.
    """

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        frame = _unfinished(packet.inner)
        return ((0, packet if frame is None else self.changed(packet, frame)),)


def _is_not_ect(frame: bytes) -> bool:
    """Whether an untagged frame is IP that does not take part in ECN."""
    ethertype = int.from_bytes(frame[offsets.ETH_TYPE : offsets.ETH_LEN], "big")
    if ethertype == offsets.ETHERTYPE_IPV4:
        return not frame[offsets.ETH_LEN + offsets.IP4_TOS] & _ECN
    return ethertype == offsets.ETHERTYPE_IPV6 and not frame[offsets.ETH_LEN + 1] >> 4 & _ECN


def _unfinished(frame: bytes) -> bytes | None:
    """The frame as a host hands it to a NIC that is to compute the checksum; None: there is none to compute."""
    facts = facts_of(frame)
    ends = facts.ends
    at = _CHECKSUMS.get(ends.protocol)
    if at is None or ends.vlans or facts.part is not None:
        return None
    ip = offsets.ETH_LEN
    header = (frame[ip] & 0xF) * 4 if ends.family == 4 else offsets.IP6_LEN
    length = len(frame) - ip - header
    pseudo = checksum.pseudo_header(ends.src_ip, ends.dst_ip, ends.protocol, length)
    changed = bytearray(frame)
    struct.pack_into(">H", changed, ip + header + at, checksum.ones_complement_sum(pseudo))
    return bytes(changed)
