"""Scope: steps inwards, each kind once."""

from __future__ import annotations

from nvgre_inspect.tui.scope import Kind, Scope, Step

BLUE = Step(Kind.TENANT, ("nvgre", 5001), "VSID 5001")
RED = Step(Kind.TENANT, ("nvgre", 5002), "VSID 5002")
TUNNEL = Step(Kind.TUNNEL, 3, "192.0.2.1 ↔ 192.0.2.2")
FLOW = Step(Kind.FLOW, 12, "10.0.0.1 ↔ 10.0.0.2 (flow 12)")


def test_the_whole_capture_is_an_empty_scope():
    assert not Scope()
    assert str(Scope()) == ""
    assert (Scope().tenant, Scope().tunnel, Scope().flow, Scope().flow_id, Scope().packet) == (None,) * 5


def test_steps_inwards():
    scope = Scope().into(BLUE).into(TUNNEL).into(FLOW)
    assert scope
    assert (scope.tenant, scope.tunnel, scope.flow) == (("nvgre", 5001), 3, 12)
    assert str(scope) == "VSID 5001 › 192.0.2.1 ↔ 192.0.2.2 › 10.0.0.1 ↔ 10.0.0.2 (flow 12)"


def test_a_step_of_the_same_kind_takes_its_place_and_ends_what_was_inside():
    scope = Scope().into(BLUE).into(TUNNEL).into(FLOW)
    assert scope.into(RED) == Scope((RED,))
    other = Step(Kind.TUNNEL, 4, "other")
    assert scope.into(other) == Scope((BLUE, other))
    assert scope.into(FLOW) == scope
