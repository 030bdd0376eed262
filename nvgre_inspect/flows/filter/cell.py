"""A filter that selects the rows with the same value as one that somebody points at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from nvgre_inspect.model.schema import Table, Type


def cell_filter(table: Table, values: Iterable[tuple[str, Any]]) -> str:
    """The filter on `table` for these (column, value): `src_ip == 10.0.0.4 and src_port == 443`. None is null."""
    return " and ".join(test for name, value in values for test in _tests(table, name, value))


def joined(text: str, test: str) -> str:
    """The filter `text`, narrowed further by `test`; either may be empty."""
    if not text.strip() or not test:
        return test or text
    lower = text.lower()
    return f"({text}) and {test}" if "||" in text or " or " in lower or ")or" in lower else f"{text} and {test}"


def _tests(table: Table, name: str, value: Any) -> list[str]:
    kind = table[name].type
    if kind is Type.LIST:
        return [f"{name} == {_literal(table[name].item, item)}" for item in value] or [f"!{name}"]
    return [f"!{name}" if value is None or pd.isna(value) else f"{name} == {_literal(kind, value)}"]


def _literal(kind: Type, value: Any) -> str:
    if kind in (Type.INTEGER, Type.IP, Type.MAC):
        return str(value)
    if kind is Type.FLOAT:
        return repr(float(value))
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
