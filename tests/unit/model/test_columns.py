"""The registry, its page and the names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.schema import Type
from nvgre_inspect.model.tables_page import markdown

ROOT = Path(__file__).parents[3]


def test_the_page_is_the_registry():
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: python -m nvgre_inspect.model.tables_page > docs/tables.md"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_is_described(table):
    assert len(set(table.names)) == len(table.names)
    for column in table:
        assert column.meaning
        assert not column.meaning.endswith(".")
        assert "\n" not in column.meaning
        assert "|" not in column.meaning
        assert 0 <= column.rank <= 9
        assert not (column.type is Type.LIST and column.nullable), column.name
    assert any(column.rank == 1 for column in table)


def test_lookup():
    flows = TABLES["flows"]
    assert flows["vsid"].dtype == "Int64"
    assert flows["packets_fwd"].right
    assert "vsid" in flows
    assert "nonsense" not in flows
    with pytest.raises(KeyError):
        flows["nonsense"]


def test_the_registry_is_light():
    heavy = {"numpy", "pandas", "pyarrow", "dpkt"}
    script = f"import sys, nvgre_inspect.model.columns; print(*sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == ""


def test_names():
    names = Names({"nvgre:5001": "blue", 5001: "any", "gre": "transit"}, {"192.0.2.1": "host-a"})
    assert names.vsid("nvgre", 5001) == "blue"
    assert names.vsid("vxlan", 5001) == "any"
    assert names.vsid("vxlan", 1) is None
    assert names.vsid("gre", None) == "transit"
    assert names.vsid("none", None) is None
    assert (names.pa("192.0.2.1"), names.pa("192.0.2.2")) == ("host-a", None)
