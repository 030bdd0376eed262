"""Columns as the terminal UI shows them, the search in their texts, sentences for views without rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nvgre_inspect
from nvgre_inspect.display import states
from nvgre_inspect.display.presented import presented, usual
from nvgre_inspect.display.search import find_text
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.names import Names

SAMPLES = Path(__file__).parents[3] / "samples"
NAMES = Names({5001: "blue [/b]\x1b[31m", "nvgre:5002": "red"}, {"192.168.50.11": "host-a"})


@pytest.fixture(scope="module")
def view():
    with nvgre_inspect.open(SAMPLES / "fabric.pcapng") as session:
        yield session.read().snapshot()


def columns_of(table, time="u"):
    return presented(TABLES[table], NAMES, time)


@pytest.mark.parametrize("table", ["flows", "tunnels", "tenants", "findings", "endpoints", "placements"])
@pytest.mark.parametrize("time", ["a", "ad", "d", "e", "u"])
def test_every_column_can_be_shown(view, table, time):
    frame = view.table(table).head(30)
    columns = columns_of(table, time)
    assert {name for column in columns.values() for name in column.columns} == set(TABLES[table].names)
    for column in columns.values():
        few = frame[list(dict.fromkeys(column.needs))]
        texts, named = column.texts(few)
        assert len(texts) == len(frame)
        assert named is None or len(named) == len(frame)
        assert all(text and text.isprintable() for text in texts)
        assert column.texts(few.head(0))[0] == []


def test_what_belongs_together_is_shown_together(view):
    columns = columns_of("flows")
    row = view.flows[view.flows["vsid"] == 5001].iloc[[-1]]
    assert columns["tenant"].texts(row)[0] == ["nvgre 5001 (blue [/b]\\x1b[31m)"]
    source = f"{row['src_ip'].iloc[0]}:{row['src_port'].iloc[0]}"
    assert columns["source"].texts(row)[0] == [source]
    assert columns["packets_fwd"].heading == "packets →"
    assert columns["packets_rev"].heading == "packets ←"


def test_the_usual_columns_begin_with_the_most_important():
    names = usual(columns_of("flows"))
    assert names[:5] == ["flow", "tenant", "protocol", "source", "destination"]
    assert not {"encap", "vsid", "src_ip", "src_port"} & set(names), "they are shown together with others"
    assert names.index("state") > names.index("bytes_rev")
    assert usual(columns_of("tenants"))[0] == "tenant"
    assert "name" not in usual(columns_of("tenants"))
    assert usual(columns_of("tunnels"))[:4] == ["tunnel", "encap", "pa_src", "pa_dst"]


def test_search_goes_on_from_where_one_stands_and_round(view):
    columns = [columns_of("flows")[name] for name in ("protocol", "source")]
    protocols = view.flows["protocol"].astype(str).tolist()
    rows = [row for row, name in enumerate(protocols) if name == "icmpv6"]
    frame = view.flows
    assert find_text(frame, None, columns, "ICMPv6", rows[0]) == rows[1]
    assert find_text(frame, None, columns, "icmpv6", rows[-1]) == rows[0]
    assert find_text(frame, None, columns, "icmpv6", rows[0], backwards=True) == rows[-1]
    assert find_text(frame, None, columns, "no such text", 0) is None
    reversed_rows = np.arange(len(frame))[::-1]
    found = find_text(frame, reversed_rows, columns, "icmpv6", 0)
    assert reversed_rows[found] == rows[-1]


def test_the_row_one_stands_on_is_looked_at_last(view):
    columns = [columns_of("flows")["flow"]]
    assert find_text(view.flows, None, columns, "99", 98) == 98
    assert find_text(view.flows.head(0), None, columns, "1", 0) is None
    assert find_text(view.flows, None, columns, "1", 0, stop=lambda: True) is None


def sentence(view, table, belonging=0, scope="", **asked):
    return states.nothing(view, table, belonging, scope, read_filter=asked.get("read_filter"), interface=None)


def test_why_there_is_nothing(view):
    assert sentence(view, "flows", 99) == "the filter matches 0 of 99 flows; Esc clears it"
    assert sentence(view, "flows", 1) == "the filter matches 0 of 1 flow; Esc clears it"
    assert sentence(view, "tunnels", scope="VSID 1") == "no tunnels within VSID 1"
    assert sentence(view, "findings") == "nothing odd was found"
    assert sentence(view, "tenants") == "no tenants in 2,299 packets"
    assert sentence(view, "tunnels").startswith("no tunnels here; seen: ")


def test_no_packets_or_none_that_was_asked_for():
    assert states.no_packets(0) == "no packets"
    assert states.no_packets(7, read_filter="tcp") == "none of 7 packets matches -R"
    assert states.no_packets(1, read_filter="tcp", interface="eth0") == "none of 1 packet matches -R and --interface"


def test_the_mix_names_the_largest_protocols():
    flows = pd.DataFrame(
        {
            "protocol": pd.Categorical(["tcp", "udp", "tcp", "arp", "icmp", "ospf"]),
            "packets_fwd": [70, 10, 2, 3, 5, 1],
            "packets_rev": [5, 1, 1, 1, 1, 0],
        }
    )
    assert states.protocol_mix(flows) == "tcp 78 %, udp 11 %, icmp 6 %, arp 4 %"
    assert states.protocol_mix(flows.head(0)) == ""


def test_the_mix_is_of_all_packets_though_the_protocol_of_some_is_not_known():
    flows = pd.DataFrame(
        {"protocol": pd.Categorical(["tcp", None]), "packets_fwd": [1, 2], "packets_rev": [0, 1]},
    )
    assert states.protocol_mix(flows) == "unknown 75 %, tcp 25 %"
    assert states.protocol_mix(flows.tail(1)) == "unknown 100 %"
