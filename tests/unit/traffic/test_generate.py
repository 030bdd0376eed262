"""`generate`, as a function and as a command: what it writes and says, what it refuses, and seeds."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from pathlib import Path

import pytest

from nvgre_inspect.cli.main import main
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.traffic import scenario_page
from nvgre_inspect.traffic.captures import OneFile
from nvgre_inspect.traffic.generate import Counts, generate
from nvgre_inspect.traffic.scenario import Scenario
from nvgre_inspect.traffic.scenario_file import loads

SHORT = scenario_page.EXAMPLE.replace('duration = "10s"', 'duration = "700ms"').replace('from = "3s"', 'from = "200ms"')
SHORT = SHORT.replace('until = "6s"', 'until = "600ms"').replace("probability = 0.02", "probability = 0.2")


@pytest.fixture
def scenario() -> Scenario:
    return loads(SHORT.encode(), "short", Path())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "short.toml"
    file.write_text(SHORT)
    return file


def command(*words: str | Path) -> int:
    return main(["generate", *map(str, words)])


def written(scenario: Scenario) -> bytes:
    stream = io.BytesIO()
    with OneFile(stream, scenario) as sink:
        generate(scenario, sink, truth=False)
    return stream.getvalue()


# As a function


def test_a_scenario_is_played_into_its_points(scenario, tmp_path):
    shares: list[float] = []
    with OneFile(tmp_path / "out.pcapng", scenario) as sink:
        result = generate(scenario, sink, progress=shares.append)
    assert list(result.points) == ["uplink-a", "inside-web"]
    assert result.truth is not None
    assert (shares[0], shares[-1]) == (0.01, 1.0)
    assert shares == sorted(shares)
    for name, counts in result.points.items():
        with open_session([tmp_path / "out.pcapng"], options=SessionOptions(interface=name)) as session:
            captures = session.read().captures
        assert counts == Counts(int(captures.loc[captures["name"] == name, "packets"].sum()), 0)
        assert result.truth["points"][name]["packets"] == counts.frames > 20


def test_the_truth_changes_nothing(scenario):
    stream = io.BytesIO()
    with OneFile(stream, scenario) as sink:
        generate(scenario, sink)
    assert stream.getvalue() == written(scenario)


def test_a_seed_is_all_that_random_numbers_come_from(scenario):
    other = dataclasses.replace(scenario, seed=2)
    assert written(scenario) == written(scenario)
    assert written(scenario) != written(other)


def test_frames_of_faults_are_those_that_they_touched(scenario, tmp_path):
    with OneFile(tmp_path / "out.pcapng", scenario) as sink:
        truth = generate(scenario, sink).truth
    assert truth is not None
    (fault,) = truth["faults"]
    lost = fault["frames"]["uplink-a"]
    assert lost
    with open_session([tmp_path / "out.pcapng"]) as session:
        interfaces = {name: i for i, name in enumerate(session.read().captures["name"])}
        table = next(iter(session.packets())).set_index("number")
    chosen = table.loc[lost]
    # They left host a within the window, and never reached the machine.
    assert set(chosen["pa_src"].astype(str)) == {"192.0.2.1"}
    assert set(chosen["interface"]) == {interfaces["uplink-a"]}
    assert fault["frames"]["inside-web"] == []


# As a command


def test_a_scenario_becomes_a_capture_and_its_truth(path, tmp_path, capsys):
    assert command(path, "-o", tmp_path / "out.pcapng", "--truth", tmp_path / "truth.json") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0].startswith("two-tenants, seed 1: 700 ms played in ")
    assert [line.split(":")[0].strip() for line in said.err.splitlines()[1:]] == ["uplink-a", "inside-web"]
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert (truth["scenario"], truth["seed"]) == ("two-tenants", 1)
    with open_session([tmp_path / "out.pcapng"]) as session:
        assert len(session.read().captures) == 2


def test_another_seed_gives_another_capture(path, tmp_path, capsys):
    assert command(path, "-o", tmp_path / "one.pcapng", "--truth", tmp_path / "t.json", "--seed", "7") == 0
    assert command(path, "-o", tmp_path / "two.pcapng", "-q") == 0
    assert "seed 7" in capsys.readouterr().err
    assert json.loads((tmp_path / "t.json").read_text())["seed"] == 7
    assert (tmp_path / "one.pcapng").read_bytes() != (tmp_path / "two.pcapng").read_bytes()


def test_files_for_each_point(path, tmp_path, capsys):
    assert command(path, "-o", tmp_path / "points", "--split-by", "point", "-F", "pcap") == 0
    assert sorted(file.name for file in (tmp_path / "points").iterdir()) == ["inside-web.pcap", "uplink-a.pcap"]
    # A second time they are there already.
    assert command(path, "-o", tmp_path / "points", "--split-by", "point", "-F", "pcap") == 1
    assert "exists: use --force" in capsys.readouterr().err
    assert command(path, "-o", tmp_path / "points", "--split-by", "point", "-F", "pcap", "--force", "-q") == 0


def test_quiet_says_nothing(path, tmp_path, capsys):
    assert command(path, "-o", tmp_path / "out.pcapng", "-q") == 0
    assert capsys.readouterr() == ("", "")


def test_standard_input_and_output(path, tmp_path, monkeypatch):
    class Stream:
        buffer = io.BytesIO(SHORT.encode())

    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", Stream())
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8"))
    assert command("-", "-o", "-", "-q") == 0
    assert command(path, "-o", tmp_path / "out.pcapng", "-q") == 0
    assert out.getvalue() == (tmp_path / "out.pcapng").read_bytes()


def test_check_says_what_a_scenario_has(path, capsys):
    assert command(path, "--check") == 0
    said = capsys.readouterr().out
    assert said.startswith(
        f"{path}: two-tenants, 700 ms, 2 hosts, 2 paths, 2 tenants, 6 machines, 2 workloads, 1 fault"
    )


def test_what_is_wrong_with_a_scenario_is_said_line_by_line(path, capsys):
    path.write_text(SHORT.replace('host = "b"', 'host = "c"').replace('uplink = "a"', 'uplink = "z"'))
    assert command(path, "--check") == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"nvgre-inspect: {path}: tenant[0].vm[1].host: c is not the name of any host",
        f"nvgre-inspect: {path}: point[0].uplink: z is not the name of any host",
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "SCENARIO or --bench-profile is needed"),
        (("{path}",), 2, "-o OUT is missing"),
        (("{path}.missing", "--check"), 1, "No such file"),
        (("{path}", "-o", "{out}.pcap"), 2, "pcap cannot tell 2 points apart"),
        (("{path}", "-o", "-", "--split-by", "point"), 2, "several files cannot go to standard output"),
        (("{path}", "-o", "-", "--truth", "-"), 2, "only one of -o and --truth"),
        (("{path}", "-o", "{out}.csv"), 2, "csv is not written"),
        (("{path}", "-o", "{path}", "--force"), 1, "an input is never overwritten"),
        (("{path}", "-o", "{out}.pcapng", "--truth", "{path}", "--force"), 1, "an input is never overwritten"),
        (("{path}", "-o", "{out}.pcapng", "--seed", "-1"), 2, "is not a seed"),
        (("{path}", "--bench-profile", "10", "-o", "{out}.pcap"), 2, "one of them"),
        (("--bench-profile", "ten", "-o", "{out}.pcap"), 2, "'ten' is not PACKETS"),
        (("--bench-profile", "10", "-o", "{out}.pcapng"), 2, "writes pcap only"),
        (("--bench-profile", "10", "-o", "{out}.pcap", "--check"), 2, "--check is for scenarios"),
        (("--bench-profile", "10"), 2, "-o OUT is missing"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(path, tmp_path, capsys, words, code, said):
    before = path.read_bytes()
    assert command(*(word.format(path=path, out=tmp_path / "out") for word in words)) == code
    assert said in capsys.readouterr().err
    assert [file for file in tmp_path.iterdir() if file != path] == []
    assert path.read_bytes() == before


def test_truth_is_refused_where_flows_cannot_be_told(path, tmp_path, capsys):
    path.write_text(SHORT + '[encapsulation]\nkind = "mpls-in-gre"\n')
    assert command(path, "-o", tmp_path / "out.pcapng", "--truth", tmp_path / "t.json") == 2
    assert "--truth knows nvgre, gretap, vxlan, geneve, not mpls-in-gre" in capsys.readouterr().err
    assert command(path, "-o", tmp_path / "out.pcapng", "-q") == 0
    with open_session([tmp_path / "out.pcapng"], options=SessionOptions(interface="uplink-a")) as session:
        assert set(session.read().tenants["encap"]) == {"mpls-in-gre"}


def test_a_capture_is_not_poured_into_a_terminal(path, monkeypatch, capsys):
    monkeypatch.setattr("nvgre_inspect.cli.terminal.is_terminal", lambda stream: True)
    assert command(path, "-o", "-") == 2
    assert "a capture is binary" in capsys.readouterr().err


@pytest.mark.parametrize("more", [(), ("--split-by", "point")])
def test_nothing_is_left_when_it_is_interrupted(path, tmp_path, monkeypatch, more):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nvgre_inspect.traffic.simulator.Simulator.run", interrupted)
    assert command(path, "-o", tmp_path / "out.pcapng", "--truth", tmp_path / "t.json", *more) == 130
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize(
    ("profile", "said", "counts"),
    [
        ("1000,10,2", "1,000 packets of 10 flows in 2 tenants, in ", (1000, 10, 2)),
        ("9", "9 packets of 9 flows in 9 tenants, in ", (9, 9, 9)),
    ],
)
def test_a_profile_is_stamped(tmp_path, capsys, profile, said, counts):
    assert command("--bench-profile", profile, "-o", tmp_path / "out.pcap") == 0
    assert capsys.readouterr().err.startswith(said)
    with open_session([tmp_path / "out.pcap"]) as session:
        read = session.read()
        assert (int(read.captures["packets"].sum()), len(read.flows), len(read.tenants)) == counts


def test_progress_is_drawn_on_a_terminal_and_taken_away(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("nvgre_inspect.cli.generate.QUIET_SECONDS", 0.0)
    monkeypatch.setattr("nvgre_inspect.cli.generate.INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr("nvgre_inspect.cli.terminal.is_terminal", lambda stream: stream is sys.stderr)
    assert command(path, "-o", tmp_path / "out.pcapng") == 0
    drawn = capsys.readouterr().err
    assert "\rplaying  100 % of 700 ms\x1b[K\r\x1b[K" in drawn
