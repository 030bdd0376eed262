"""Filters written by the program read back as what they were written for."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.flows.filter.catalogue import Catalogue
from nvgre_inspect.flows.filter.writing import ROW_KEYS, cell_filter, quoted, row_filter, written
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.session import open_session

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture(scope="module", params=["overlapping-tenants.pcap", "fabric.pcapng"])
def session(request):
    with open_session(SAMPLES / request.param) as session:
        yield session.read()


@pytest.mark.parametrize("table", [name for name in TABLES if name != "packets"])
def test_a_rows_filter_selects_that_row_alone(session, table):
    frame = session.table(table)
    assert len(frame) or table == "findings"
    for place, row in enumerate(frame.head(30).to_dict("records")):
        text = row_filter(table, row)
        assert compile_filter(text, table=table).mask(frame).nonzero()[0].tolist() == [place], text


@pytest.mark.parametrize("table", [name for name in TABLES if name != "packets"])
def test_a_cells_filter_selects_the_rows_with_its_value(session, table):
    frame = session.table(table)
    for row in frame.head(5).to_dict("records"):
        for column in TABLES[table]:
            text = cell_filter(table, column.name, row[column.name])
            mask = compile_filter(text, table=table).mask(frame)
            value = row[column.name]
            if isinstance(value, tuple):
                expected = [set(value) <= set(items) and bool(value) == bool(items) for items in frame[column.name]]
            elif pd.isna(value):
                expected = frame[column.name].isna().tolist()
            else:
                expected = (frame[column.name] == value).fillna(False).tolist()
            assert mask.tolist() == expected, text


def test_packets_too(session):
    rows = next(session.packets())
    for row in rows.head(20).to_dict("records"):
        found = pd.concat(session.packets(row_filter("packets", row)))
        assert found["number"].tolist() == [row["number"]]
    for column in ("vsid", "src_ip", "flow", "protocol", "time", "length"):
        value = rows[column].iloc[0]
        found = pd.concat(session.packets(cell_filter("packets", column, value)))
        assert rows["number"].iloc[0] in found["number"].tolist()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_comes_back(text):
    frame = pd.DataFrame({"code": pd.Categorical([text, text + "x"])})
    made = compile_filter(f"code == {quoted(text)}", table="findings")
    assert made.mask(frame).tolist() == [True, False]
    assert quoted(text).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nvgre", "nvgre"),
        ("vxlan-gpe", "vxlan-gpe"),
        ("established", "established"),
        ("and", '"and"'),
        ("Contains", '"Contains"'),
        # A column of text: without quotes the two columns would be compared.
        ("state", '"state"'),
        ("0x88b5", '"0x88b5"'),
        ("two words", '"two words"'),
        ("", '""'),
        ("a-", '"a-"'),
        ("\x1b[31m", r'"\x1b[31m"'),
        ("\u202e", r'"\xe2\x80\xae"'),
    ],
)
def test_words_and_quotes(text, expected):
    assert written(text, Catalogue("flows")) == expected


def test_nulls_and_lists():
    assert cell_filter("flows", "vsid", pd.NA) == "not vsid"
    assert cell_filter("flows", "anomalies", ()) == "not anomalies"
    assert cell_filter("flows", "anomalies", ("a", "b-c")) == "anomalies == a && anomalies == b-c"
    assert cell_filter("tunnels", "ttl_fwd", (63, 64)) == "ttl_fwd == 63 && ttl_fwd == 64"


def test_every_table_has_a_key():
    assert set(ROW_KEYS) == set(TABLES)
    for table, columns in ROW_KEYS.items():
        assert set(columns) <= set(TABLES[table].names)
    with pytest.raises(KeyError):
        cell_filter("flows", "xyzzy", 1)
