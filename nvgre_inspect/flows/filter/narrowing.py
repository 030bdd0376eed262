"""Narrowing a filter further, by what is written behind it."""

from __future__ import annotations

from nvgre_inspect.flows.filter.nodes import Or
from nvgre_inspect.flows.filter.parser import parse


def narrowed(text: str, test: str) -> str:
    """The filter for what passes `text` and `test` both, where either may be empty. FilterError if `text` is none."""
    if not text.strip() or not test.strip():
        return text if text.strip() else test
    return f"({text}) && {test}" if isinstance(parse(text), Or) else f"{text} && {test}"
