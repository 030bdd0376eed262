"""`packets -o SOME.pcapng`: the packets themselves."""

from __future__ import annotations

import pytest

from nvgre_inspect.capture import Captures


def frames(path):
    """(bytes, time, length on the wire) of each frame."""
    with_positions = (batch for batch in Captures([path]).batches())
    return [
        (batch.frame(row), int(batch.ts_ns[row]), int(batch.wirelen[row]))
        for batch in with_positions
        for row in range(len(batch))
    ]


def test_packets_that_match_are_written_as_they_are(run, sample, tmp_path):
    target = tmp_path / "tenant.pcapng"
    chosen = run("packets", sample("fabric.pcapng"), "-Y", "vsid==5001 && tcp", "--fields", "number", "--csv")
    numbers = [int(line) for line in chosen.lines[1:]]
    result = run("packets", sample("fabric.pcapng"), "-Y", "vsid==5001 && tcp", "-o", target)
    assert (result.code, result.out, result.err) == (0, "", f"{len(numbers)} packets in {target}\n")
    whole = frames(sample("fabric.pcapng"))
    assert frames(target) == [whole[number - 1] for number in numbers]
    assert 100 < len(numbers) < len(whole)


def test_filters_of_flows_and_reading_options_count(run, overlapping, tmp_path):
    target = tmp_path / "flow.pcapng"
    result = run("packets", overlapping, "-R", "vsid==5001", "-Y", "flow==1", "-c", 50, "-o", target, "-q")
    assert (result.code, result.err) == (0, "")
    expected = run("packets", overlapping, "-R", "vsid==5001", "-Y", "flow==1", "-c", 50, "--csv").lines[1:]
    assert len(frames(target)) == len(expected) > 0


def test_what_was_read_of_a_damaged_file_is_written(run, sample, tmp_path):
    target = tmp_path / "all.pcapng"
    result = run("packets", sample("truncated.pcap"), "-o", target)
    assert result.code == 3
    assert "ends early" in result.err
    assert len(frames(target)) == 54


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-o", "{new}.pcap"], 2, "new.pcap: pcap is not written; pcapng is"),
        (["-o", "{new}.pcapng", "--fields", "number"], 2, "--fields: not of packets that are written to a capture"),
        (["-o", "{new}.pcapng", "--sort", "-length"], 2, "--sort: not of packets"),
        (["-o", "{new}.pcapng", "--csv"], 2, "--csv, --json, --jsonl, --parquet: not of packets"),
        (["-o", "{new}.pcapng", "-Y", "hots==1"], 2, "hots"),
        (["-o", "{old}.pcapng"], 1, "exists: use --force to replace it"),
        (["-o", "{nowhere}/x.pcapng"], 1, "nowhere"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(run, overlapping, tmp_path, monkeypatch, words, code, said):
    def read(_):
        pytest.fail("the capture was read")

    monkeypatch.setattr("nvgre_inspect.session.Session.read", read)
    (tmp_path / "old.pcapng").touch()
    names = {name: tmp_path / name for name in ("new", "old", "nowhere")}
    result = run("packets", overlapping, *(word.format(**names) for word in words))
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.pcapng"]
