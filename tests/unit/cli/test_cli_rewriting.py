"""decap, encap, translate: from capture to capture by command line; what is said of it, and exit codes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nvgre_inspect.capture import open_capture

ROOT = Path(__file__).resolve().parents[3]


def frames(path: Path) -> list[bytes]:
    with open_capture(path) as reader:
        found = [batch.frame(i) for batch in reader.batches() for i in range(len(batch))]
        assert reader.damage is None
    return found


def interfaces(path: Path) -> list[str]:
    with open_capture(path) as reader:
        for _ in reader.batches():
            pass
        return [info.description for info in reader.interfaces]


# --- decap -----------------------------------------------------------------------------------------------------------


def test_decap(run, overlapping, tmp_path):
    done = run("decap", overlapping, "-o", tmp_path / "out.pcapng")
    assert (done.code, done.out, done.err) == (0, "", "520 packets in, 520 out\n")
    assert interfaces(tmp_path / "out.pcapng") == [
        f"nvgre vsid={vsid} pa={pair}"
        for pair in ("192.168.50.1>192.168.50.2", "192.168.50.2>192.168.50.1")
        for vsid in (5001, 5002)
    ]
    assert [len(frame) for frame in frames(tmp_path / "out.pcapng")] == [
        len(frame) - 42 for frame in frames(overlapping)
    ]


def test_decap_into_pcap_says_what_is_gone(run, overlapping, tmp_path):
    done = run("decap", overlapping, "-o", tmp_path / "out.pcap")
    assert done.err.splitlines()[1].startswith("pcap says nothing of tunnels")
    assert (tmp_path / "out.pcap").read_bytes()[:4] == b"\x4d\x3c\xb2\xa1"
    by_option = run("decap", overlapping, "-o", tmp_path / "named.pcapng", "-F", "pcap", "-q")
    assert (by_option.code, by_option.err) == (0, "")
    assert (tmp_path / "named.pcapng").read_bytes() == (tmp_path / "out.pcap").read_bytes()


def test_decap_of_chosen_packets(run, overlapping, tmp_path):
    done = run("decap", overlapping, "-o", tmp_path / "out", "-Y", "vsid == 5001", "-v")
    assert done.err.splitlines()[0] == "520 packets in, 260 out, 260 left out"
    assert done.err.splitlines()[1].startswith("  260 left out: not selected by the filter (not-selected): 2, 4, 6, 8,")
    assert done.err.splitlines()[1].endswith(" and 240 more")
    kept = run("decap", overlapping, "-o", tmp_path / "kept", "-Y", "vsid == 5001", "--keep-others")
    assert kept.err.splitlines()[0] == "520 packets in, 520 out, of these 260 kept as they are"
    assert len(frames(tmp_path / "kept")) == 520


def test_a_filter_on_flows_reads_twice(run, overlapping, tmp_path):
    done = run("decap", overlapping, "-o", tmp_path / "out", "-Y", "flow == 1")
    assert done.code == 0
    shown = run("packets", overlapping, "-Y", "flow == 1", "--csv")
    assert len(frames(tmp_path / "out")) == len(shown.lines) - 1


def test_read_options(run, overlapping, tmp_path):
    done = run("decap", overlapping, "-o", tmp_path / "out", "-R", "vsid == 5001", "-c", "100")
    assert done.err == f"{len(frames(tmp_path / 'out'))} packets in, {len(frames(tmp_path / 'out'))} out\n"
    assert 0 < len(frames(tmp_path / "out")) < 100
    assert run("decap", overlapping, "-o", tmp_path / "no", "--interface", "eth9").code == 2
    assert not (tmp_path / "no").exists()


def test_all_and_layers(run, sample, tmp_path):
    """The tenant's frame is inside NVGRE, a mirror's header may be outside, and VXLAN inside."""
    for name, options in {"tenant": [], "all": ["--all"], "one": ["--layers", "1"], "three": ["--layers", "3"]}.items():
        assert run("decap", sample("nested-vxlan.pcap"), "-o", tmp_path / name, *options, "-v").code == 0
    assert {text.split()[0] for text in interfaces(tmp_path / "tenant")} == {"nvgre"}
    assert {text.split()[0] for text in interfaces(tmp_path / "one")} == {"nvgre", "erspan2"}
    assert {text.split()[0] for text in interfaces(tmp_path / "all")} == {"vxlan", "nvgre"}
    assert len(frames(tmp_path / "three")) == 7
    # All but one have three layers.
    assert len(set(frames(tmp_path / "three")) - set(frames(tmp_path / "all"))) == 1
    both = zip(frames(tmp_path / "tenant"), frames(tmp_path / "all"), strict=True)
    assert all(outer.endswith(inner) and len(inner) < len(outer) for outer, inner in both)


def test_a_file_for_each_tenant(run, overlapping, tmp_path):
    done = run("decap", overlapping, "-o", tmp_path / "new", "--split-by", "vsid")
    assert (done.code, done.err.splitlines()[-1]) == (0, f"2 files in {tmp_path / 'new'}")
    assert {path.name: len(frames(path)) for path in (tmp_path / "new").iterdir()} == {
        "nvgre-5001.pcapng": 260,
        "nvgre-5002.pcapng": 260,
    }
    again = run("decap", overlapping, "-o", tmp_path / "new", "--split-by", "vsid")
    assert (again.code, "exists: use --force" in again.err) == (1, True)
    assert run("decap", overlapping, "-o", tmp_path / "new", "--split-by", "vsid", "--force").code == 0
    assert run("decap", overlapping, "-o", "-", "--split-by", "vsid").code == 2


def test_fragments_and_incomplete_ones(run, sample, tmp_path):
    done = run("decap", sample("fragments.pcap"), "-o", tmp_path / "out", "-v")
    assert done.code == 3
    head, reason = done.err.splitlines()
    assert head == "63 packets in, 31 out, 27 were further fragments of these, 5 left out"
    assert reason == (
        "  5 left out: fragment of an outer packet of which parts are missing (incomplete): 57, 58, 59, 60, 63"
    )
    assert len(frames(tmp_path / "out")) == 31


def test_damaged_input_is_used_as_far_as_it_goes(run, sample, tmp_path):
    done = run("decap", sample("truncated.pcap"), "-o", tmp_path / "out", "-q")
    assert done.code == 3
    assert "ends early" in done.err
    assert len(frames(tmp_path / "out")) == 54


@pytest.mark.parametrize("engine", ["reference", "kernels"])
def test_engines_write_the_same(run, sample, tmp_path, engine):
    run("decap", sample("fabric.pcapng"), "-o", tmp_path / "auto", "-q")
    run("decap", sample("fabric.pcapng"), "-o", tmp_path / engine, "-q", "--engine", engine)
    assert (tmp_path / "auto").read_bytes() == (tmp_path / engine).read_bytes()


# --- encap and translate ---------------------------------------------------------------------------------------------


def test_there_and_back(run, overlapping, tmp_path):
    """All but FlowIDs, which our senders hash their own way."""
    inner, policy, outer = tmp_path / "inner.pcapng", tmp_path / "p.toml", tmp_path / "outer.pcap"
    assert run("decap", overlapping, "-o", inner).code == 0
    assert run("policy", "derive", overlapping, "-o", policy).code == 0
    done = run("encap", inner, "-o", outer, "--policy", policy)
    assert (done.code, done.err) == (0, "520 packets in, 520 out\n")
    # Identification and checksum of the IP header; FlowID.
    masked = [bytearray(frame) for path in (overlapping, outer) for frame in frames(path)]
    for frame in masked:
        frame[18:20] = frame[24:26] = b"\0\0"
        frame[41] = 0
    assert masked[:520] == masked[520:]


def test_one_tunnel_without_a_policy(run, sample, tmp_path):
    words = ("encap", sample("tcp-lab.pcap"), "--vsid", "0x1b59", "--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2")
    assert run(*words, "-o", tmp_path / "out").code == 0
    assert [line.split(",")[:4] for line in run("tunnels", tmp_path / "out", "--csv").lines[1:]] == [
        ["1", "nvgre", "192.0.2.1", "192.0.2.2"]
    ]
    assert run("tenants", tmp_path / "out", "--csv", "--fields", "encap,vsid").lines[1:] == ["nvgre,7001"]
    vxlan = run(*words, "-o", tmp_path / "vxlan", "--encap", "vxlan", "--force")
    assert vxlan.code == 0
    assert run("tenants", tmp_path / "vxlan", "--csv", "--fields", "encap,vsid").lines[1:] == ["vxlan,7001"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "where to?"),
        (["--vsid", "5001"], "where to?"),
        (["--pa-src", "192.0.2.1"], "where to?"),
        (["--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2"], "--vsid is missing; nvgre carries one"),
        (["--vsid", "5", "--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2"], "--vsid 5 is not between 4096 and"),
        (["--vsid", "5001", "--pa-src", "192.0.2.1", "--pa-dst", "2001:db8::1"], "different IP versions"),
        (["--vsid", "5001", "--pa-src", "239.0.0.1", "--pa-dst", "192.0.2.2"], "nobody sends from one"),
        (["--vsid", "x", "--pa-src", "192.0.2.1"], "'x' is not a VSID"),
        (["--pa-src", "192.0.2"], "'192.0.2' is not an IP address"),
        (["--by-policy", "--vsid", "5001", "--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2"], "needs a --policy"),
        (["--policy", "p.toml", "--pa-src", "192.0.2.1"], "--policy says where frames go"),
        (["--policy", "missing.toml"], "missing.toml"),
    ],
    ids=str,
)
def test_encap_that_makes_no_sense(run, overlapping, tmp_path, words, said):
    done = run("encap", overlapping, "-o", tmp_path / "out", *words)
    assert done.code in (1, 2)
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_answers_to_what_does_not_fit(run, sample, tmp_path):
    policy = tmp_path / "p.toml"
    inner = tmp_path / "inner.pcapng"
    run("decap", sample("overlapping-tenants.pcap"), "-o", inner, "-q")
    run("policy", "derive", sample("overlapping-tenants.pcap"), "-o", policy, "-q")
    lines = policy.read_text().splitlines()
    assert "mtu = 0" in lines
    limit = {"mtu = 0": "mtu = 600", 'over_mtu = "drop"': 'over_mtu = "icmp"'}
    policy.write_text("\n".join(limit.get(line, line) for line in lines))
    counted = run("encap", inner, "-o", tmp_path / "a", "--policy", policy)
    done = run("encap", inner, "-o", tmp_path / "b", "--policy", policy, "--replies", tmp_path / "replies")
    assert done.code == counted.code == 0
    answers = len(frames(tmp_path / "replies"))
    assert answers > 0
    assert f"{answers} answers in {tmp_path / 'replies'}" in done.err
    assert f"  {answers} answers with ICMP packet too big" in counted.err
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_translate(run, overlapping, tmp_path):
    done = run("translate", overlapping, "-o", tmp_path / "out.pcap", "--to", "vxlan", "--map", "5001=0x63")
    assert (done.code, done.err) == (0, "520 packets in, 520 out\n")
    tenants = run("tenants", tmp_path / "out.pcap", "--csv", "--fields", "encap,vsid,packets")
    assert sorted(tenants.lines[1:]) == ["vxlan,5002,260", "vxlan,99,260"]
    back = run("translate", tmp_path / "out.pcap", "-o", tmp_path / "back.pcap", "--to", "nvgre", "--map", "99=5001")
    assert back.err.splitlines()[0] == "520 packets in, 520 out"
    assert frames(tmp_path / "back.pcap") == frames(overlapping)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "vxlan", "--map", "5001"], "'5001' is not A=B"),
        (["--to", "vxlan", "--map", "5001=16777216"], "identifiers of vxlan are 0 to 16777215"),
        (["--to", "ipip", "--map", "5001=5"], "ipip carries no identifier"),
        (["--to", "vxlan", "--map", "5001=5", "--map", "5001=6"], "5001 is already mapped to 5"),
        (["--to", "vxlan", "--port", "0"], "'0' is not a port"),
        (["--to", "nvgre", "--port", "4789"], "--port: 4789 makes no sense for nvgre"),
        (["--to", "nvgre", "--checksum"], "--checksum: true makes no sense for nvgre"),
        (["--to", "esp"], "invalid choice: 'esp'"),
        ([], "--to"),
    ],
    ids=str,
)
def test_translate_that_makes_no_sense(run, overlapping, tmp_path, words, said):
    done = run("translate", overlapping, "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_come_back_is_said(run, overlapping, tmp_path):
    gre = run("translate", overlapping, "-o", tmp_path / "gre", "--to", "gre")
    assert "tenants' MAC addresses and VLAN tags are not in the output" in gre.err
    assert "gre has no field for entropy" in gre.err
    ipip = run("translate", overlapping, "-o", tmp_path / "ipip", "--to", "ipip")
    assert "ipip carries no identifier: VSIDs are not in the output" in ipip.err


# --- where it goes ---------------------------------------------------------------------------------------------------


COMMANDS = [["decap"], ["translate", "--to", "vxlan"], ["encap", "--vsid", "5001"]]
COMMANDS[2] += ["--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2"]
parametrized = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])


@parametrized
def test_an_existing_file_needs_force_and_an_input_is_never_replaced(run, overlapping, tmp_path, command):
    copy = tmp_path / "in.pcap"
    copy.write_bytes(overlapping.read_bytes())
    refused = run(*command, copy, "-o", copy, "--force")
    assert (refused.code, "never overwritten" in refused.err) == (1, True)
    assert copy.read_bytes() == overlapping.read_bytes()
    (tmp_path / "there").write_bytes(b"mine")
    refused = run(*command, copy, "-o", tmp_path / "there")
    assert (refused.code, "use --force" in refused.err) == (1, True)
    assert (tmp_path / "there").read_bytes() == b"mine"
    assert run(*command, copy, "-o", tmp_path / "there", "--force").code == 0
    assert len(frames(tmp_path / "there")) == 520
    assert {path.name for path in tmp_path.iterdir()} == {"in.pcap", "there"}


@parametrized
@pytest.mark.parametrize("name", ["out.pcap.gz", "out.csv", "out.zst"])
def test_names_that_promise_another_format(run, overlapping, tmp_path, command, name):
    done = run(*command, overlapping, "-o", tmp_path / name)
    assert (done.code, "is not written; pcap and pcapng are" in done.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


@parametrized
def test_from_standard_input_to_standard_output(overlapping, tmp_path, command):
    words = [sys.executable, "-m", "nvgre_inspect", *command, "-", "-o", "-", "-q"]
    with overlapping.open("rb") as stdin:
        done = subprocess.run(words, cwd=ROOT, stdin=stdin, capture_output=True, check=True)
    (tmp_path / "out").write_bytes(done.stdout)
    assert len(frames(tmp_path / "out")) == 520
    assert done.stdout[:4] == b"\x0a\x0d\x0d\x0a"


def test_standard_output_that_is_a_terminal(run, overlapping, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("nvgre_inspect.cli.terminal.is_terminal", lambda stream: True)
    done = run("decap", overlapping, "-o", "-")
    assert (done.code, "a capture is binary" in done.err) == (2, True)


def test_several_inputs_are_merged(run, overlapping, sample, tmp_path):
    done = run("decap", overlapping, sample("ipv6-overlay.pcap"), "-o", tmp_path / "out")
    with open_capture(tmp_path / "out") as reader:
        times = [int(ns) for batch in reader.batches() for ns in batch.ts_ns]
    assert times == sorted(times)
    assert done.err.startswith(f"{len(times)} packets in, {len(times)} out")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupt_leaves_nothing_behind(overlapping, tmp_path):
    """Standard input stays open, so the command waits for more until it is interrupted."""
    words = [sys.executable, "-u", "-m", "nvgre_inspect", "decap", "-", "-o", str(tmp_path / "out"), "-q"]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(overlapping.read_bytes())
    process.stdin.flush()
    while not list(tmp_path.iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    assert list(tmp_path.iterdir()) == []
