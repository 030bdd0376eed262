r"""Filters written by the program: a value as the language has it, the filter of a cell, the filter of a row.

What is written reads back as the same value, whatever the text: characters that would disturb a terminal are written
as `\xNN`, byte by byte of their UTF-8, which the language reads so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nvgre_inspect.flows.filter.catalogue import Catalogue, Unknown
from nvgre_inspect.flows.filter.field import Type as FieldType
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.schema import Type

#: Texts that stay one word without quotes.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*")
_KEYWORDS = re.compile(
    r"(and|or|not|in|any|all|contains|matches|bitwise_and|(any_|all_)?(eq|ne)|lt|le|gt|ge)", re.IGNORECASE
)
#: The columns whose values together are one row's and no other's.
ROW_KEYS = {
    "captures": ("file", "interface"),
    "flows": ("flow",),
    "tenants": ("encap", "vsid"),
    "tunnels": ("tunnel",),
    "endpoints": ("encap", "vsid", "mac", "ip"),
    "placements": ("flow", "tunnel", "direction", "flow_id", "path"),
    "timeline": ("start", "encap", "vsid", "tunnel"),
    "packets": ("number",),
    "findings": ("code", "encap", "vsid", "tunnel"),
}


def quoted(text: str) -> str:
    """`text` in quotes, as a value."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "replace"))


def written(text: str, catalogue: Catalogue) -> str:
    """`text` as a value of a field of text: quoted unless it is a word that cannot be taken for anything else."""
    if not _WORD.fullmatch(text) or _KEYWORDS.fullmatch(text):
        return quoted(text)
    found = catalogue.find(text)
    # Beside text, a name of a protocol or of numbers is a word, and only one of another text is that field.
    is_word = isinstance(found, Unknown) or found[0].type is not FieldType.TEXT
    return text if is_word else quoted(text)


def cell_filter(table: str, column: str, value: Any) -> str:
    """The filter for rows with that value in that column, as it is in the DataFrame; null: `not column`.

    A list is written as all of its items. KeyError for a table or column that does not exist.
    """
    catalogue = Catalogue(table)
    schema = TABLES[table][column]
    is_list = schema.type is Type.LIST
    kind = schema.item if is_list else schema.type
    items = list(value) if is_list else [value]
    tests = [f"{column} == {_value(item, kind, catalogue)}" for item in items if not _is_null(item)]
    return " && ".join(tests) or f"not {column}"


def row_filter(table: str, row: Mapping[str, Any]) -> str:
    """The filter that selects that row, by its values in the columns that identify it. KeyError as `cell_filter`."""
    return " && ".join(cell_filter(table, column, row[column]) for column in ROW_KEYS[table])


def _is_null(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def _value(value: Any, kind: Type, catalogue: Catalogue) -> str:
    if kind is Type.TIME:
        return f'"{value}"'
    return written(str(value), catalogue) if kind is Type.TEXT else str(value)
