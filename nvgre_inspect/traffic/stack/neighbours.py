"""Neighbours: which MAC address an IP address of the subnet has, and what waits until that is known.

Who is asked, and how, is the business of ARP (RFC 826) and neighbour discovery (RFC 4861). A question is asked three
times, a second apart, and then what waits is dropped; a while of silence is not kept: the next packet asks again.

Limits: an entry is kept until somebody says otherwise; it does not get old.
"""

from __future__ import annotations

from collections.abc import Callable

from nvgre_inspect.traffic.simulator import Simulator

_ATTEMPTS = 3
_INTERVAL_NS = 1_000_000_000
#: Packets that wait for one address.
_PENDING = 64
Send = Callable[[bytes], object]


class Neighbours:
    """Known addresses; `ask` sends a question for one."""

    def __init__(self, simulator: Simulator, ask: Callable[[bytes], object]) -> None:
        self._simulator = simulator
        self._ask = ask
        self._known: dict[bytes, bytes] = {}
        self._pending: dict[bytes, list[Send]] = {}
        self.mac_of = self._known.get

    def when_known(self, address: bytes, send: Send) -> None:
        """Call `send` with the MAC of `address` once it is known; never, if nobody answers."""
        waiting = self._pending.get(address)
        if waiting is None:
            self._pending[address] = [send]
            self._attempt(address, _ATTEMPTS)
        elif len(waiting) < _PENDING:
            waiting.append(send)

    def learn(self, address: bytes, mac: bytes, *, only_update: bool = False) -> None:
        """`address` is at `mac`; `only_update`: of interest only if it was known."""
        if only_update and address not in self._known:
            return
        self._known[address] = mac
        for send in self._pending.pop(address, ()):
            send(mac)

    def _attempt(self, address: bytes, left: int) -> None:
        if address not in self._pending:
            return
        if not left:
            del self._pending[address]
            return
        self._ask(address)
        self._simulator.after(_INTERVAL_NS, self._attempt, address, left - 1)
