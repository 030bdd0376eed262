"""Fragments of IP packets, put together again (RFC 791 section 3.2, RFC 8200 section 4.5).

A packet that is not complete after 30 seconds is given up, as Linux does.
"""

from __future__ import annotations

from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stack.ip import Datagram, Part

_TIMEOUT_NS = 30_000_000_000
_Key = tuple[bytes, bytes, int, int]


class Reassembly:
    """Packets of which not everything has come."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        #: Parts by their offsets, and the length of all, once it is known.
        self._parts: dict[_Key, dict[int, Datagram]] = {}
        self._totals: dict[_Key, int] = {}

    def add(self, fragment: Part) -> Datagram | None:
        """A fragment came; the packet, if it is complete now."""
        part = fragment.datagram
        key = (part.src, part.dst, part.protocol, fragment.ident)
        parts = self._parts.get(key)
        if parts is None:
            parts = self._parts[key] = {}
            self._simulator.after(_TIMEOUT_NS, self._give_up, key, parts)
        parts[fragment.offset] = part
        if not fragment.more:
            self._totals[key] = fragment.offset + len(part.body)
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
