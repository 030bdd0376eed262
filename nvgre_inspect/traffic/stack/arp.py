"""ARP (RFC 826) of one machine: questions, answers, and announcements (gratuitous ARP, RFC 5227 section 3)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from dissectors import offsets

if TYPE_CHECKING:
    from nvgre_inspect.traffic.stack.vm import Machine

BROADCAST = b"\xff" * 6
_REQUEST, _REPLY = 1, 2
_PREFIX = struct.pack(">HHBB", 1, offsets.ETHERTYPE_IPV4, 6, 4)
_TYPE = struct.pack(">H", offsets.ETHERTYPE_ARP)


class ARP:
    """What a machine with an IPv4 address says and hears."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def ask(self, address: bytes) -> None:
        """Who has `address`?"""
        self._send(_REQUEST, BROADCAST, self._machine.source(address), bytes(6), address)

    def announce(self) -> None:
        """The machine's own address and MAC, to all."""
        own = self._machine.ip4
        if own is not None:
            self._send(_REQUEST, BROADCAST, own, bytes(6), own)

    def receive(self, frame: bytes) -> None:
        """An ARP packet came."""
        packet = frame[offsets.ETH_LEN : offsets.ETH_LEN + offsets.ARP_LEN]
        if len(packet) < offsets.ARP_LEN or packet[:6] != _PREFIX:
            return
        operation = packet[7]
        mac = packet[offsets.ARP_SHA : offsets.ARP_SPA]
        address, target = packet[offsets.ARP_SPA : offsets.ARP_THA], packet[offsets.ARP_TPA :]
        own = self._machine.ip4
        for_us = target == own
        if address == own:
            # Somebody else claims our address: nothing to learn (RFC 5227 would defend it).
            return
        self._machine.neighbours.learn(address, mac, only_update=not for_us)
        if for_us and operation == _REQUEST:
            self._send(_REPLY, mac, target, mac, address)

    def _send(self, operation: int, to: bytes, own: bytes, target_mac: bytes, target: bytes) -> None:
        mac = self._machine.mac
        packet = _PREFIX + struct.pack(">H", operation) + mac + own + target_mac + target
        self._machine.transmit(to + mac + _TYPE + packet)
