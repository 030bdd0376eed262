"""Which TCP connection is which, for the truth: the numbers that both ends of a connection share.

A number is given when a machine opens a connection; the peer finds it by addresses and ports, as the SYN brings them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

#: Of what nobody of this tenant opened.
UNKNOWN = 0


class Conversations:
    """The connections of one tenant; tenants with the same addresses each have their own."""

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        #: Shared by all tenants of a simulation, so that no two connections have the same.
        self._numbers = itertools.count(1) if numbers is None else numbers
        self._known: dict[tuple[bytes, int, bytes, int], int] = {}

    def begin(self, src: bytes, src_port: int, dst: bytes, dst_port: int) -> int:
        """The number of a connection that is opened now."""
        number = self._known[src, src_port, dst, dst_port] = next(self._numbers)
        return number

    def find(self, src: bytes, src_port: int, dst: bytes, dst_port: int) -> tuple[int, bool]:
        """The number of a segment's connection (UNKNOWN: of none), and whether its sender opened it."""
        number = self._known.get((src, src_port, dst, dst_port))
        if number is not None:
            return number, True
        return self._known.get((dst, dst_port, src, src_port), UNKNOWN), False
