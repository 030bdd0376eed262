"""Which columns (`--fields`) and in which order (`--sort`): checked against the registry, applied to a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nvgre_inspect.cli.errors import USAGE, CommandError, nearest
from nvgre_inspect.model.columns import Table, Type

if TYPE_CHECKING:
    import pandas as pd

BOTH = ("_fwd", "_rev")


def check_fields(table: Table, names: Iterable[str] | None) -> list[str] | None:
    """`names` with `bytes` taken as `bytes_fwd,bytes_rev`. Raises CommandError for a name the table has not."""
    if names is None:
        return None
    fields: list[str] = []
    for name in names:
        fields.extend(_columns(table, name, "--fields"))
    return list(dict.fromkeys(fields))


def check_sort(table: Table, names: Iterable[str] | None) -> list[tuple[list[str], bool]]:
    """(columns whose sum is the key, descending) for each name. Raises CommandError for an unknown name."""
    return [(_columns(table, name.removeprefix("-"), "--sort"), name.startswith("-")) for name in names or ()]


def _columns(table: Table, name: str, option: str) -> list[str]:
    if name in table:
        return [name]
    if all(name + side in table for side in BOTH):
        return [name + side for side in BOTH]
    valid = [*table.names, *(n.removesuffix("_fwd") for n in table.names if n.endswith("_fwd"))]
    hint = nearest(name, valid) or f"; there are {', '.join(table.names)}"
    raise CommandError(f"nvgre-inspect {table.name}: {option}: no column is called {name}{hint}", USAGE)


def ordered(rows: pd.DataFrame, table: Table, keys: Sequence[tuple[list[str], bool]]) -> pd.DataFrame:
    """`rows` in the order of `keys`; equal rows stay as they were, nulls come last."""
    if not keys:
        return rows
    import pandas as pd

    by = pd.DataFrame(index=rows.index)
    for position, (names, _) in enumerate(keys):
        total = rows[names[0]] + rows[names[1]] if len(names) == 2 else _key(rows[names[0]], table, names[0])
        by[str(position)] = total
    ascending = [not descending for _, descending in keys]
    order = by.sort_values(list(by.columns), ascending=ascending, kind="stable", na_position="last").index
    return rows.take(rows.index.get_indexer(order))


def _key(values: pd.Series, table: Table, name: str) -> pd.Series:
    """What sorts as a person expects: texts by letter; addresses are categories in numeric order already."""
    if table[name].type is Type.TEXT and values.dtype == "category":
        return values.cat.reorder_categories(sorted(values.cat.categories), ordered=True)
    return values
