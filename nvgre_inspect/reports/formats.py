"""The formats by the name that the command line gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from nvgre_inspect.model.schema import Table
from nvgre_inspect.reports.csv import write_csv
from nvgre_inspect.reports.json import write_json, write_jsonl
from nvgre_inspect.reports.parquet import write_parquet

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.model.rows import Rows
    from nvgre_inspect.reports.output import Writable

#: (frames, table, stream, fields or None) -> rows written.
Writer: TypeAlias = "Callable[[Iterable[pd.DataFrame | Rows], Table, Writable, Sequence[str] | None], int]"

WRITERS: dict[str, Writer] = {
    "csv": write_csv,
    "json": write_json,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}
