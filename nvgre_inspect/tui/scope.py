"""Scope: what the screens are narrowed to, as the breadcrumb `VSID 5001 › 192.168.1.4 ↔ 192.168.1.9 › flow 12`.

An immutable stack of steps. Each kind of step holds at most once: a step into another tunnel replaces the one before,
and what was chosen inside it. Pure: what rows a scope leaves is `flows.scoped`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SEPARATOR = " › "


class Kind(StrEnum):
    """What a step narrows to."""

    TENANT = "tenant"
    TUNNEL = "tunnel"
    FLOW = "flow"
    FLOW_ID = "flow_id"
    PACKET = "packet"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the kind, the key of what was chosen, and what the breadcrumb calls it.

    Keys: tenant (encap, vsid or None); tunnel, flow and packet their numbers from 1; flow_id the value.
    `label` is safe to show: texts from captures are escaped before.
    """

    kind: Kind
    key: Any
    label: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Steps from the whole capture inwards."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        return SEPARATOR.join(step.label for step in self.steps)

    def into(self, step: Step) -> Scope:
        """The scope with one more step. A step of a kind that is there already takes its place, and ends what was
        inside it.
        """
        kinds = [known.kind for known in self.steps]
        keep = kinds.index(step.kind) if step.kind in kinds else len(kinds)
        return Scope((*self.steps[:keep], step))

    def of(self, kind: Kind) -> Any:
        """The key of that kind of step; None if there is none."""
        return next((step.key for step in self.steps if step.kind is kind), None)

    @property
    def tenant(self) -> tuple[str, int | None] | None:
        """(encap, vsid) of the tenant."""
        key: tuple[str, int | None] | None = self.of(Kind.TENANT)
        return key

    @property
    def tunnel(self) -> int | None:
        """The tunnel's number."""
        key: int | None = self.of(Kind.TUNNEL)
        return key

    @property
    def flow(self) -> int | None:
        """The flow's number."""
        key: int | None = self.of(Kind.FLOW)
        return key

    @property
    def flow_id(self) -> int | None:
        """The FlowID."""
        key: int | None = self.of(Kind.FLOW_ID)
        return key

    @property
    def packet(self) -> int | None:
        """The packet's number."""
        key: int | None = self.of(Kind.PACKET)
        return key
