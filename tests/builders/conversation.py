"""A TCP conversation told segment by segment, and what the reference accountant makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.state import State
from nvgre_inspect.reference.account import Accountant
from tests.builders.records import Fields, Frames, tunnel

CLIENT, SERVER = "10.0.0.1:40000", "10.0.0.2:80"
#: Sides of the two: the client has the lower address.
C, S = 0, 1


def account(frames: Frames, options: AccountOptions | None = None, *, finish: bool = True) -> State:
    accountant = Accountant(options or AccountOptions())
    accountant.account(*frames.take())
    if finish:
        accountant.finish()
    return accountant.state()


class Conversation:
    """Sequence and acknowledgement numbers are relative to the ISNs: the SYN is 0, the first byte 1.

    Times are microseconds. `carry` are fields of every frame of a direction (its tunnel).
    """

    def __init__(
        self, client_isn: int = 1000, server_isn: int = 5000, *, tunnelled: bool = True, server_end: str = SERVER
    ) -> None:
        self.frames = Frames()
        self.server_end = server_end
        self.client_isn, self.server_isn = client_isn, server_isn
        self.carry: tuple[Fields, Fields] = ({}, {})
        if tunnelled:
            self.carry = (tunnel("192.0.2.1", "192.0.2.2"), tunnel("192.0.2.2", "192.0.2.1"))

    def client(self, at_us: float, flags: str, seq: int, ack: int | None = None, length: int = 0, **more: Any) -> None:
        """A segment of the client; with `ack` it carries an acknowledgement."""
        absolute = None if ack is None else self.server_isn + ack
        self.frames.tcp(
            at_us,
            CLIENT,
            self.server_end,
            flags,
            self.client_isn + seq,
            self.carry[0],
            ack=absolute,
            length=length,
            **more,
        )

    def server(self, at_us: float, flags: str, seq: int, ack: int | None = None, length: int = 0, **more: Any) -> None:
        absolute = None if ack is None else self.client_isn + ack
        self.frames.tcp(
            at_us,
            self.server_end,
            CLIENT,
            flags,
            self.server_isn + seq,
            self.carry[1],
            ack=absolute,
            length=length,
            **more,
        )

    def handshake(self, at_us: float = 0, rtt_us: float = 200) -> None:
        """SYN, SYN-ACK, ACK."""
        self.client(at_us, "S", 0)
        self.server(at_us + rtt_us / 2, "S", 0, ack=1)
        self.client(at_us + rtt_us, "", 1, ack=1)

    def flows(self, options: AccountOptions | None = None) -> np.ndarray:
        return account(self.frames, options).flows

    def flow(self, options: AccountOptions | None = None) -> Any:
        """The only flow, at the end."""
        (flow,) = self.flows(options)
        return flow

    def flow_so_far(self) -> Any:
        """The only flow; the conversation can go on."""
        accountant = Accountant(AccountOptions())
        accountant.account(*self.frames.peek())
        (flow,) = accountant.state().flows
        return flow


def counts(flow: Any, side: int) -> dict[str, int]:
    """The TCP words that are not 0 on one side of a flow."""
    words = (
        "retransmissions",
        "out_of_order",
        "lost_segments",
        "acked_unseen",
        "duplicates",
        "duplicate_acks",
        "zero_windows",
        "resets",
    )
    return {word: int(flow[word][side]) for word in words if flow[word][side]}
