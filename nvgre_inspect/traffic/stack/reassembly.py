"""Fragments of IPv4 packets, put together again (RFC 791 section 3.2), for machines that get longer ones than the MTU.

A packet that is not complete after 30 seconds is given up, as Linux does.
"""

from __future__ import annotations

from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stack.ip import Datagram

_TIMEOUT_NS = 30_000_000_000
_MORE = 0x2000
_OFFSET = 0x1FFF
_Key = tuple[bytes, bytes, int, int]


class Reassembly:
    """Packets of which not everything has come."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        #: Parts by their offsets, and the length of all, once it is known.
        self._parts: dict[_Key, dict[int, Datagram]] = {}
        self._totals: dict[_Key, int] = {}

    def add(self, part: Datagram, ident: int, fragment: int) -> Datagram | None:
        """A fragment came (`fragment`: flags and offset as in the header); the packet, if it is complete now."""
        key = (part.src, part.dst, part.protocol, ident)
        parts = self._parts.get(key)
        if parts is None:
            parts = self._parts[key] = {}
            self._simulator.after(_TIMEOUT_NS, self._give_up, key, parts)
        offset = (fragment & _OFFSET) * 8
        parts[offset] = part
        if not fragment & _MORE:
            self._totals[key] = offset + len(part.body)
        body = b""
        while (next_part := parts.get(len(body))) is not None and next_part.body:
            body += next_part.body
        if len(body) != self._totals.get(key):
            return None
        first = parts[0]
        self._give_up(key, parts)
        return first._replace(body=body)

    def _give_up(self, key: _Key, parts: dict[int, Datagram]) -> None:
        if self._parts.get(key) is parts:
            del self._parts[key]
            self._totals.pop(key, None)
