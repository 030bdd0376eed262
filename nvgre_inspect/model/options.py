"""DecodeOptions: what a user can choose about decoding and accounting, as both engines take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dissectors.dispatch import DispatchTables

#: A layer of encapsulation: the tenant's, the last, or the N-th from outside (the last of fewer).
Inner = Literal["tenant", "all"] | int
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
    #: Whose payload `inner_off` and `inner_len` describe. For decapsulation; what is accounted needs the tenant's.
    inner: Inner = "tenant"

    def __post_init__(self) -> None:
        if self.gre_key not in GRE_KEYS:
            raise ValueError(f"gre_key {self.gre_key!r} is none of {', '.join(GRE_KEYS)}")
        if self.idle_timeout_ns < 0:
            raise ValueError("idle_timeout_ns is negative")
        if self.inner not in ("tenant", "all") and not (isinstance(self.inner, int) and self.inner >= 1):
            raise ValueError(f"inner {self.inner!r} is neither tenant, all nor a number of layers")
