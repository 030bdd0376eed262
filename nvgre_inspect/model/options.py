"""DecodeOptions: what a user can choose about decoding and accounting, as both engines take it."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.dispatch import DispatchTables

#: How the key of GRE with protocol type 0x6558 is read (`--gre-key`).
GRE_KEYS = ("auto", "nvgre", "key32")


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """Immutable; the same value goes to the reference and to the kernels. ValueError for values out of
    range.
    """

    #: One of GRE_KEYS.
    gre_key: str = "auto"
    #: UDP ports, IP protocols and EtherTypes that announce encapsulations, and users' fixed headers.
    tables: DispatchTables = DispatchTables.DEFAULT
    #: Nanoseconds of capture time after which a flow that is not TCP ends; 0: never.
    idle_timeout_ns: int = 120_000_000_000

    def __post_init__(self) -> None:
        if self.gre_key not in GRE_KEYS:
            raise ValueError(f"gre_key {self.gre_key!r} is none of {', '.join(GRE_KEYS)}")
        if self.idle_timeout_ns < 0:
            raise ValueError("idle_timeout_ns is negative")
