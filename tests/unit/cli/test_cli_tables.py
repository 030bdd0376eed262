"""The table commands over captures of the project: columns, order, formats, selection."""

import csv
import io
import ipaddress
import json
import sys

import pyarrow.parquet as pq
import pytest

from nvgre_inspect.cli import terminal
from nvgre_inspect.model.columns import TABLES

NAMES = list(TABLES)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", NAMES)
def test_csv_has_the_columns_of_the_registry(run, overlapping, name):
    result = run(name, overlapping, "--csv")
    assert result.code == 0
    assert result.lines[0].split(",") == TABLES[name].names


@pytest.mark.parametrize("name", [name for name in NAMES if name != "findings"])
def test_text_has_a_line_per_row(run, overlapping, name):
    table = run(name, overlapping)
    data = run(name, overlapping, "--csv")
    heads = 2 if name in ("flows", "tunnels") else 1
    assert table.code == 0
    assert len(table.lines) == heads + len(rows(data.out)) > heads


def test_tenants_are_kept_apart(run, overlapping):
    found = rows(run("tenants", overlapping, "--csv").out)
    assert [(row["encap"], row["vsid"]) for row in found] == [("nvgre", "5001"), ("nvgre", "5002")]
    assert all(float(row["retransmission_pct"]) == 0 for row in found)


def test_json_is_one_array(run, overlapping):
    found = json.loads(run("tenants", overlapping, "--json").out)
    assert [row["vsid"] for row in found] == [5001, 5002]
    assert list(found[0]) == TABLES["tenants"].names
    assert found[0]["name"] is None
    assert found[0]["anomalies"] == []


def test_json_lines(run, overlapping):
    result = run("tenants", overlapping, "--jsonl", "--fields", "vsid,encap")
    assert [json.loads(line) for line in result.lines] == [
        {"vsid": 5001, "encap": "nvgre"},
        {"vsid": 5002, "encap": "nvgre"},
    ]


def test_parquet_by_suffix(run, overlapping, tmp_path):
    path = tmp_path / "flows.parquet"
    result = run("flows", overlapping, "-o", path)
    assert (result.code, result.out, result.err) == (0, "", "")
    table = pq.read_table(path)
    assert table.column_names == TABLES["flows"].names
    assert table.num_rows == len(rows(run("flows", overlapping, "--csv").out))


def test_fields_take_both_directions_at_once(run, overlapping):
    result = run("flows", overlapping, "--csv", "--fields", "flow,bytes,flow")
    assert result.lines[0] == "flow,bytes_fwd,bytes_rev"


def test_sort_by_the_sum_of_both_directions(run, sample):
    found = rows(run("flows", sample("fabric.pcapng"), "--csv", "--sort", "-bytes").out)
    totals = [int(row["bytes_fwd"]) + int(row["bytes_rev"]) for row in found]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[-1]


def test_sort_by_several(run, sample):
    found = rows(run("flows", sample("fabric.pcapng"), "--csv", "--sort", "-vsid,protocol,packets_fwd").out)
    keys = [(-int(r["vsid"] or -1), r["protocol"], int(r["packets_fwd"])) for r in found]
    with_vsid = [key for key, row in zip(keys, found, strict=True) if row["vsid"]]
    assert with_vsid == sorted(with_vsid)
    # None is neither large nor small: it comes last.
    assert [bool(row["vsid"]) for row in found] == sorted((bool(row["vsid"]) for row in found), reverse=True)


def test_addresses_sort_by_number(run, sample):
    found = rows(run("tunnels", sample("fabric.pcapng"), "--csv", "--sort", "pa_dst").out)
    last = [tuple(map(int, row["pa_dst"].split("."))) for row in found]
    assert last == sorted(last)
    assert len(set(last)) > 1


def test_row_filter_selects_and_does_not_recount(run, overlapping):
    every = {row["flow"]: row for row in rows(run("flows", overlapping, "--csv").out)}
    chosen = rows(run("flows", overlapping, "--csv", "-Y", "vsid == 5002").out)
    assert chosen
    assert all(row["vsid"] == "5002" and row == every[row["flow"]] for row in chosen)


def test_row_filter_on_packets(run, overlapping):
    every = rows(run("packets", overlapping, "--csv").out)
    chosen = rows(run("packets", overlapping, "--csv", "-Y", "vsid == 5002 && tcp.flags.syn == 1").out)
    assert chosen
    assert all(row in every and "SYN" in row["info"] for row in chosen)


def test_read_filter_counts_only_what_matches(run, overlapping):
    found = rows(run("tenants", overlapping, "--csv", "-R", "vsid == 5002").out)
    assert [row["vsid"] for row in found] == ["5002"]


def test_packets_can_be_sorted(run, overlapping):
    found = rows(run("packets", overlapping, "--csv", "--sort", "-number", "-c", "10").out)
    assert [int(row["number"]) for row in found] == list(range(10, 0, -1))


def test_count(run, overlapping):
    result = run("tenants", overlapping, "-c", "7", "--csv", "--fields", "packets")
    assert sum(map(int, result.lines[1:])) == 7


def test_several_files_are_one_input(run, overlapping, sample):
    result = run("captures", overlapping, sample("ipv6-overlay.pcap"), "--csv", "--fields", "interface,packets")
    assert len(result.lines) == 3


def test_a_filter_that_matches_nothing_says_so(run, overlapping):
    result = run("tenants", overlapping, "-Y", "vsid == 9")
    assert (result.code, result.out, result.err) == (0, "", "the filter matches none of 2 tenants\n")
    assert run("tenants", overlapping, "-Y", "vsid == 9", "-q").err == ""
    assert run("tenants", overlapping, "-Y", "vsid == 9", "--json").out == "[]\n"


def test_an_empty_capture_says_so(run, tmp_path, overlapping):
    path = tmp_path / "empty.pcap"
    path.write_bytes(overlapping.read_bytes()[:24])
    result = run("flows", path)
    assert (result.code, result.out, result.err) == (0, "", "no packets\n")
    assert "no packets" in run(path).out


def test_names_stand_beside_numbers(run, overlapping, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[names.vsid]\n5001 = "blue"\n[names.pa]\n"192.168.50.1" = "host-a"\n')
    assert "nvgre 5001 (blue)" in run("flows", overlapping, "--config", path).out
    assert "192.168.50.1 (host-a)" in run("tunnels", overlapping, "--config", path).out
    fields = run("tenants", overlapping, "--config", path, "--fields", "vsid,name")
    assert [line.split() for line in fields.lines] == [["vsid", "name"], ["5001", "(blue)", "blue"], ["5002", "-"]]
    assert rows(run("tenants", overlapping, "--config", path, "--csv").out)[0]["name"] == "blue"


def test_times_as_asked(run, overlapping):
    seen = {}
    for style in ("u", "e", "d"):
        seen[style] = run("packets", overlapping, "-t", style, "--fields", "time", "-c", "2").lines
    assert seen["u"][0] == "time (UTC)"
    assert seen["d"][1] == "0.000000"
    assert seen["e"][1].partition(".")[0].isdecimal()
    assert float(seen["d"][2]) > 0


def test_colours_only_when_asked_for(run, overlapping, monkeypatch):
    assert "\x1b" not in run("tenants", overlapping).out
    assert "\x1b[1m" in run("tenants", overlapping, "--color", "always").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("tenants", overlapping).out
    assert "\x1b" in run("tenants", overlapping, "--color", "always").out


def test_text_of_the_input_cannot_drive_a_terminal(run, overlapping, tmp_path):
    path = tmp_path / "\x1b[2Jclear.pcap"
    path.write_bytes(overlapping.read_bytes())
    for words in (["captures", path], [path], ["captures", tmp_path / "\x1b[2Jgone.pcap"]):
        result = run(*words)
        assert "\x1b" not in result.out + result.err
        assert "\\x1b[2J" in result.out + result.err


@pytest.mark.parametrize("option", ["--csv", "--json", "--jsonl"])
def test_data_cannot_drive_a_terminal_either(run, overlapping, tmp_path, monkeypatch, option):
    path = tmp_path / "\x1b[2J\x9bclear.pcap"
    path.write_bytes(overlapping.read_bytes())
    piped = run("captures", path, option, "--fields", "file")
    assert "\x9b" in piped.out  # a pipe gets the name as it is
    monkeypatch.setattr(terminal, "is_terminal", lambda stream: stream is sys.stdout)
    shown = run("captures", path, option, "--fields", "file", "--color", "never")
    assert "\x9b" not in shown.out
    assert "\x1b" not in shown.out
    assert "\\x9bclear" in shown.out


def test_parquet_is_not_for_terminals(run, overlapping, monkeypatch):
    monkeypatch.setattr(terminal, "is_terminal", lambda stream: stream is sys.stdout)
    result = run("tenants", overlapping, "--parquet")
    assert (result.code, result.out) == (2, "")
    assert "-o PATH" in result.err


def test_damage_is_said_and_has_its_code(run, sample):
    result = run("tenants", sample("truncated.pcap"), "--csv")
    assert result.code == 3
    assert len(rows(result.out)) == 2
    assert "truncated.pcap" in result.err
    assert run("tenants", sample("truncated.pcap"), "-q").err == result.err


@pytest.mark.parametrize("engine", ["reference", "kernels"])
def test_both_engines_say_the_same(run, overlapping, engine):
    expected = run("flows", overlapping, "--csv").out
    assert run("flows", overlapping, "--csv", "--engine", engine).out == expected


def test_packets_on_a_narrow_terminal(run, overlapping, monkeypatch):
    monkeypatch.setattr(terminal, "width", lambda _stream: 80)
    result = run("packets", overlapping, "-c", "5")
    assert result.lines[0] == "number  time (UTC)    tenant      source    destination  protocol  info"
    assert result.lines[5].startswith("     5  22:13:20.0")
    assert "  10.0.0.1  " in result.lines[5]
    assert max(map(len, result.lines)) <= 80
    assert max(map(len, result.err.splitlines())) <= 80


def test_packets_sort_by_address_as_numbers(run, sample):
    found = rows(run("packets", sample("fabric.pcapng"), "--csv", "--sort", "src_ip", "-Y", "ip.version == 4").out)
    addresses = [ipaddress.ip_address(row["src_ip"]) for row in found if row["src_ip"]]
    assert [address.version for address in addresses] == sorted(address.version for address in addresses)
    assert [address for address in addresses if address.version == 4] == sorted(
        address for address in addresses if address.version == 4
    )


@pytest.mark.parametrize("name", ["captures", "packets"])
def test_count_holds_in_every_table(run, sample, name):
    found = rows(run(name, sample("fabric.pcapng"), "-c", "7", "--csv").out)
    assert (int(found[0]["packets"]) if name == "captures" else len(found)) == 7
