"""The summary, dissect and export."""

import json

from nvgre_inspect.model.columns import TABLES


def test_the_summary_names_file_tenants_flows_tunnels_and_findings(run, sample):
    result = run(sample("fabric.pcapng"))
    assert result.code == 0
    assert result.lines[0].endswith("ethernet")
    for title in ("Tenants (", "Flows (the 10 largest of ", "Tunnels (", "Findings"):
        assert any(line.startswith(title) for line in result.lines)
    assert result.out == run("summary", sample("fabric.pcapng")).out


def test_without_tunnels_the_summary_says_what_there_is(run, sample):
    result = run(sample("fabric.pcapng"), "-R", "arp && !gre")
    assert result.code == 0
    assert "Tunnels none here; seen: arp 100 %" in result.out


def test_without_matching_packets_the_summary_says_so(run, sample):
    result = run(sample("fabric.pcapng"), "-R", "vsid == 1")
    assert result.code == 0
    assert result.lines[-1] == "none of 2,299 packets matches -R"


def test_damage_is_in_the_summary(run, sample):
    result = run(sample("truncated.pcap"))
    assert result.code == 3
    assert "ends early" in result.out
    assert "ends early" in result.err


def test_dissect_shows_the_tenant_and_the_bytes(run, overlapping):
    result = run("dissect", overlapping, 1)
    assert result.code == 0
    number, time, interface, stack = result.lines[:4]
    assert number.startswith("Frame 1: ")
    assert time == "    Time: 2023-11-14 22:13:20.003000 (UTC)"
    assert (interface, stack) == ("    Interface: 0", "    Stack: nvgre:5001")
    assert "Network Virtualization using GRE, VSID 5001" in result.out
    assert "20 00 65 58" in result.out


def test_dissect_as_json(run, overlapping):
    packet = json.loads(run("dissect", overlapping, 1, "--json").out)
    assert (packet["number"], packet["time"]) == (1, "2023-11-14T22:13:20.003000000Z")
    assert (packet["interface"], packet["interface_name"], packet["comment"]) == (0, None, None)
    assert packet["stack"] == "nvgre:5001"
    assert "nvgre" in [layer["protocol"] for layer in packet["layers"]]


def test_dissect_colours_titles(run, overlapping):
    result = run("dissect", overlapping, 1, "--color", "always")
    titles = [line for line in result.lines if line.startswith("\x1b[1m")]
    assert any("Internet Protocol" in line for line in titles)
    assert not any("Time to Live" in line for line in titles)


def test_dissect_beyond_the_end(run, overlapping):
    result = run("dissect", overlapping, 10**6)
    assert (result.code, result.out) == (2, "")
    assert "1000000" in result.err.replace(",", "")


def test_dissect_beyond_the_damage_says_why(run, sample):
    result = run("dissect", sample("truncated.pcap"), 55)
    assert (result.code, result.out) == (2, "")
    assert "ends early" in result.err
    assert "there is no packet 55" in result.err


def test_export_writes_a_file_per_tenant(run, overlapping, tmp_path):
    folder = tmp_path / "reports"
    result = run("export", overlapping, "-o", folder)
    assert result.code == 0
    names = {path.name for path in folder.iterdir()}
    assert {"captures.csv", "tenants.csv", "tunnels.csv", "endpoints.csv"} <= names
    assert {"nvgre-5001.csv", "nvgre-5002.csv"} <= names
    assert (folder / "nvgre-5001.csv").read_text().splitlines()[0].split(",") == TABLES["flows"].names
    again = run("export", overlapping, "-o", folder)
    assert again.code == 1
    assert "--force" in again.err
    assert run("export", overlapping, "-o", folder, "--force", "-q").err == ""
