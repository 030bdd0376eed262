"""What ends up in CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from nvgre_inspect.flows.building import build
from nvgre_inspect.flows.labels import column
from nvgre_inspect.model.columns import FLOWS
from nvgre_inspect.model.rows import Lists, Rows
from nvgre_inspect.model.schema import Column, Table, Type
from nvgre_inspect.reports.formats import WRITERS

TABLE = Table(
    "example",
    "anything",
    (
        Column("text", Type.TEXT, "text", nullable=True),
        Column("number", Type.INTEGER, "number", "bytes"),
        Column("maybe", Type.INTEGER, "number or null", nullable=True, compact=True),
        Column("seconds", Type.FLOAT, "seconds", "s", nullable=True, decimals=9),
        Column("time", Type.TIME, "time", nullable=True),
        Column("words", Type.LIST, "words"),
        Column("numbers", Type.LIST, "numbers", item=Type.INTEGER),
    ),
)
T0 = 1_767_323_045_123_456_789  # 2026-01-02T03:04:05.123456789Z
EXACT = (1 << 62) + 1  # no float holds it


def table(texts, *, plain=False):
    """A frame of TABLE with these texts; other columns as in the expectations below."""
    n = len(texts)
    rows = build(
        TABLE,
        {
            "text": column(np.arange(n), texts),
            "number": np.full(n, EXACT),
            "maybe": np.where(np.arange(n) % 2, 7, -1),
            "seconds": np.full(n, 1.5),
            "time": (np.full(n, T0), np.arange(n) % 2 == 1),
            "words": Lists.of([("a", "b")] * n),
            "numbers": Lists.of([()] * n),
        },
    )
    frame = rows.frame()
    return frame.assign(text=pd.Series(texts, dtype="str")) if plain else frame


def written(name, *frames, table=TABLE, fields=None):
    stream = io.BytesIO()
    assert WRITERS[name](frames, table, stream, fields) == sum(len(frame) for frame in frames)
    return stream.getvalue()


def test_csv_as_bytes():
    assert written("csv", table(["x", None])).decode() == (
        "text,number,maybe,seconds,time,words,numbers\n"
        f"x,{EXACT},,1.500000000,2026-01-02T03:04:05.123456789Z,a b,\n"
        f",{EXACT},7,1.500000000,,a b,\n"
    )


def test_json_as_text():
    expected = [
        {
            "text": "x",
            "number": EXACT,
            "maybe": None,
            "seconds": 1.5,
            "time": "2026-01-02T03:04:05.123456789Z",
            "words": ["a", "b"],
            "numbers": [],
        },
        {
            "text": None,
            "number": EXACT,
            "maybe": 7,
            "seconds": 1.5,
            "time": None,
            "words": ["a", "b"],
            "numbers": [],
        },
    ]
    frame = table(["x", None])
    assert json.loads(written("json", frame)) == expected
    assert [json.loads(line) for line in written("jsonl", frame).splitlines()] == expected
    # In two pieces: still one array.
    assert json.loads(written("json", frame.iloc[:1], frame.iloc[:0], frame.iloc[1:])) == expected


def test_no_rows():
    empty = table([])
    assert written("csv", empty).decode() == "text,number,maybe,seconds,time,words,numbers\n"
    assert json.loads(written("json", empty)) == []
    assert json.loads(written("json")) == []
    assert written("jsonl", empty) == b""
    assert pq.read_table(io.BytesIO(written("parquet", empty))).num_rows == 0


def test_parquet_types_and_values():
    read = pq.read_table(io.BytesIO(written("parquet", table(["x", None]))))
    assert [str(field.type) for field in read.schema] == [
        "string",
        "int64",
        "int32",
        "double",
        "timestamp[ns, tz=UTC]",
        "list<element: string>",
        "list<element: int64>",
    ]
    assert read.schema.field("number").metadata[b"unit"] == b"bytes"
    assert read["text"].to_pylist() == ["x", None]
    assert read["number"].to_pylist() == [EXACT, EXACT]
    assert read["maybe"].to_pylist() == [None, 7]
    assert read["time"].cast("int64").to_pylist() == [T0, None]
    assert read["words"].to_pylist() == [["a", "b"]] * 2
    assert read["numbers"].to_pylist() == [[], []]


class OnlyWrite:
    """A stream such as a pipe: it can be written to, and nothing else."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += bytes(data)


@pytest.mark.parametrize("name", WRITERS)
def test_a_stream_need_only_write(name):
    stream = OnlyWrite()
    frame = table(["x"])
    assert WRITERS[name]([frame], TABLE, stream, None) == 1
    assert stream.data == written(name, frame)


@pytest.mark.parametrize("plain", [False, True], ids=["categories", "strings"])
@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", '"\'\rx"'),
        ("\nx", '"\'\nx"'),
        ('=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'),
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ("two\nlines", '"two\nlines"'),
        ("a=b", "a=b"),
        ("ü→☃", "ü→☃"),
    ],
)
def test_csv_text_is_quoted_and_neutralised(text, cell, plain):
    data = written("csv", table([text, "other"], plain=plain), fields=["text"]).decode()
    assert data == f"text\n{cell}\nother\n"
    assert list(csv.reader(io.StringIO(data, newline="")))[1] == ["'" * (text[0] in "=+-@\t\r\n") + text]


def test_numbers_are_never_neutralised():
    made = Table("t", "t", (Column("n", Type.INTEGER, "n"), Column("f", Type.FLOAT, "f", decimals=3)))
    frame = pd.DataFrame({"n": [-5], "f": [-2.5]})
    assert written("csv", frame, table=made) == b"n,f\n-5,-2.500\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (0.0, "0.000000000"),
        (1e-9, "0.000000001"),
        (3e-7, "0.000000300"),
        (123456.123456789, "123456.123456789"),
        (0.9999999999, "1.000000000"),
        (1e12, "1000000000000.000000000"),
        (float("nan"), ""),
        (float("inf"), ""),
    ],
)
def test_csv_floats_have_fixed_decimals_and_no_exponent(value, cell):
    frame = pd.DataFrame({"seconds": [value, 1.0]})
    lines = written("csv", frame, fields=["seconds"]).decode().split("\n")
    assert lines[1:3] == [cell, "1.000000000"]


@pytest.mark.parametrize("text", ['a"b', "back\\slash", "line\nbreak", "\x00\x1b[31m", "ü→☃", "\u2028"])
def test_json_text_survives(text):
    frame = table([text, "plain"])
    assert [json.loads(line)["text"] for line in written("jsonl", frame).splitlines()] == [text, "plain"]


def test_json_has_no_nan():
    frame = pd.DataFrame({"seconds": [float("nan"), float("inf"), 1e-7]})
    values = [json.loads(line)["seconds"] for line in written("jsonl", frame, fields=["seconds"]).splitlines()]
    assert values == [None, None, 1e-7]


@pytest.mark.parametrize("name", WRITERS)
def test_fields_choose_and_order(name):
    data = written(name, table(["x"]), fields=["maybe", "text"])
    if name == "csv":
        assert data == b"maybe,text\n,x\n"
    elif name == "parquet":
        assert pq.read_table(io.BytesIO(data)).column_names == ["maybe", "text"]
    else:
        (row,) = [json.loads(data)] if name == "jsonl" else json.loads(data)
        assert list(row) == ["maybe", "text"]
    with pytest.raises(KeyError):
        written(name, table(["x"]), fields=["nonsense"])


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_rows_come_out_the_same_however_they_are_cut(name):
    # More rows than one chunk, more categories than rows in the pieces, nulls among them.
    texts = [None if i % 10 == 0 else f"t{i % 40_000}" for i in range(70_000)]
    frame = table(texts)
    whole = written(name, frame)
    assert written(name, frame.iloc[:5], frame.iloc[5:69_999], frame.iloc[69_999:]) == whole
    assert whole.count(b"\n") == 70_000 + (name == "csv")


@pytest.mark.parametrize("name", WRITERS)
def test_arrays_are_written_as_their_frame_is(name):
    frame = table(["x", None, "=1", "x"])
    rows = Rows.of(TABLE, frame)
    assert written(name, rows.take(slice(0, 1)), rows.take(np.array([1, 2, 3]))) == written(
        name, frame.iloc[:1], frame.iloc[1:]
    )


def test_a_flow_table_of_the_registry_can_be_read_back():
    frame = pd.DataFrame({c.name: pd.Series([], dtype=c.dtype) for c in FLOWS})
    assert written("csv", frame, table=FLOWS).decode() == ",".join(FLOWS.names) + "\n"


def test_a_few_rows_of_a_large_frame_hold_no_more_texts_than_they_use():
    frame = table([None if i % 10 == 0 else f"t{i:05}" for i in range(1000)])
    few = Rows.of(TABLE, frame.iloc[[10, 11, 990, 991, 11]])
    assert few["text"].words() == ["t00011", "t00991"]
    assert few["text"].codes.tolist() == [-1, 0, -1, 1, 0]
