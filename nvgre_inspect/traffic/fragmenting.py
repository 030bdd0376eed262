"""Fragments of outer IPv4 packets (RFC 791): made where a link is too narrow, put together where they arrive."""

from __future__ import annotations

from dissectors import offsets
from nvgre_inspect.traffic.packet import Fragment, Packet

_UNIT = 8


def fragments(packet: Packet, length: int, mtu: int) -> list[Packet]:
    """The packets of at most `mtu` bytes that an IPv4 packet of `length` bytes becomes; none: it may not be fragmented.

    A fragment is fragmented again where it has to be.
    """
    if packet.df or packet.leg is None or packet.leg.dst.version != 4 or packet.plain:
        return []
    of = packet.fragment or Fragment(0, length - offsets.IP4_MIN_LEN, more=False)
    room = (mtu - offsets.IP4_MIN_LEN) // _UNIT * _UNIT
    if room < _UNIT:
        return []
    parts = []
    for start in range(0, of.length, room):
        part = packet.copy()
        taken = min(room, of.length - start)
        part.fragment = Fragment(of.offset + start, taken, more=of.more or start + taken < of.length)
        parts.append(part)
    return parts


class Reassembly:
    """Puts packets together of which all fragments have come.

    Limits: what lacks a fragment is kept to the end of the simulation; fragments are told apart by the packet that they
    are of, where real hosts can only compare addresses and identification.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, int | None, int], dict[int, Packet]] = {}

    def add(self, packet: Packet) -> Packet | None:
        """The whole packet, if this fragment was the last that it lacked."""
        assert packet.fragment is not None
        key = (packet.serial, packet.vsid, packet.ident)
        parts = self._waiting.setdefault(key, {})
        parts[packet.fragment.offset] = packet
        end = 0
        marks = packet.marks
        for offset in sorted(parts):
            fragment = parts[offset].fragment
            assert fragment is not None
            if offset > end:
                return None
            end = offset + fragment.length
            marks |= parts[offset].marks
            if not fragment.more:
                break
        else:
            return None
        del self._waiting[key]
        whole = packet.copy()
        whole.fragment = None
        whole.marks = marks
        return whole
