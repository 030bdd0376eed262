"""The command line and the registry of columns name the same things."""

from nvgre_inspect.cli import summary, tables
from nvgre_inspect.display import headings, values
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.live_columns import INTERVAL_TABLES

COLUMNS = {column.name for table in (*TABLES.values(), *INTERVAL_TABLES.values()) for column in table}
BASES = COLUMNS | {name.removesuffix("_fwd") for name in COLUMNS}


def test_every_table_has_a_command():
    assert set(tables.COMMANDS) == set(TABLES)


def test_what_the_command_line_says_about_columns_is_about_columns():
    assert set(headings.HEADINGS) <= BASES
    assert headings.FLEXIBLE <= COLUMNS
    assert values.IDENTIFIERS <= COLUMNS
    assert set(values.WORRIES) <= BASES
    assert set(values.WORDS) <= COLUMNS
    for name, left_out in summary.LEFT_OUT.items():
        assert left_out <= set(TABLES[name].names)
