"""Replay from the command line into files and dry, and the live sink before a sender of the test's own."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect import config
from nvgre_inspect.capture import open_capture
from nvgre_inspect.capture.reader import select
from nvgre_inspect.capture.writer import PcapWriter
from nvgre_inspect.cli.main import main
from nvgre_inspect.encapsulation.policy_file import dump
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.traffic import preparing
from nvgre_inspect.traffic.loops import Part
from nvgre_inspect.traffic.pacing import OwnTiming, Pace, PacketRate, Plan, TopSpeed
from nvgre_inspect.traffic.replay import Live, Recorded, Totals, replay
from nvgre_inspect.traffic.sending import Interface, SendError
from tests.builders import overlay
from tests.unit.reference.frames import batch

SAMPLES = Path(__file__).parents[3] / "samples"
TUNNEL = ("--vsid", "7001", "--pa-src", "198.51.100.1", "--pa-dst", "198.51.100.2")
MILLISECOND = 1_000_000


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv(config.ENVIRONMENT, raising=False)
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "nobody")

    def run(*words: object) -> Outcome:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


def frames_of(path: Path) -> list[tuple[int, bytes]]:
    """Time and bytes of each frame."""
    with open_capture(path, spool=False) as reader:
        return [(int(part.ts_ns[i]), part.frame(i)) for part in reader.batches() for i in range(len(part))]


def capture(path: Path, *frames: bytes | tuple[bytes, int], gap_ns: int = MILLISECOND) -> Path:
    """A pcap of these frames; with a number: of that length on the wire."""
    with PcapWriter(path) as writer:
        for i, frame in enumerate(frames):
            data, wirelen = frame if isinstance(frame, tuple) else (frame, len(frame))
            writer.write_frame(data, 1_700_000_000 * 10**9 + i * gap_ns, wirelen)
    return path


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(dump(overlay.policy()))
    return path


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_a_plain_capture_is_what_encap_makes_of_it(run, tmp_path, policy):
    plain = capture(tmp_path / "plain.pcap", *overlay.typical_frames().values())
    assert run("encap", plain, "-o", tmp_path / "a.pcap", "--policy", policy).code == 0
    outcome = run("replay", plain, "-o", tmp_path / "b.pcap", "--policy", policy)
    assert outcome.code == 0
    assert frames_of(tmp_path / "b.pcap") == frames_of(tmp_path / "a.pcap")
    assert "packets written" in outcome.err


def test_many_batches_are_what_encap_makes_of_them(run, tmp_path):
    """The compiled encapsulator hands out the same memory again and again, and frames are prepared ahead."""
    big, plain = tmp_path / "big.pcap", tmp_path / "plain.pcap"
    assert run("generate", "--bench-profile", "20000,50,3", "-o", big).code == 0
    assert run("decap", big, "-o", plain).code == 0
    for command, path in (("encap", plain), ("replay", big)):
        words = (command, path, "-o", tmp_path / f"{command}.pcap", "--engine", "kernels", *TUNNEL)
        assert run(*words).code == 0
    assert (tmp_path / "replay.pcap").read_bytes() == (tmp_path / "encap.pcap").read_bytes()


def test_what_is_encapsulated_goes_into_another_tunnel(run, tmp_path):
    sample = SAMPLES / "overlapping-tenants.pcap"
    assert run("decap", sample, "-o", tmp_path / "inner.pcap").code == 0
    assert run("encap", tmp_path / "inner.pcap", "-o", tmp_path / "a.pcap", *TUNNEL).code == 0
    assert run("replay", sample, "-o", tmp_path / "b.pcap", *TUNNEL).code == 0
    assert frames_of(tmp_path / "b.pcap") == frames_of(tmp_path / "a.pcap")


def test_frames_in_tunnels_and_plain_ones_stay_in_order(run, tmp_path, policy):
    plain = list(overlay.typical_frames().values())
    known = overlay.udp_frame()
    tunnelled = overlay.outer_packet("nvgre", known, 9, 9)
    mixed = capture(tmp_path / "mixed.pcap", plain[0], tunnelled, plain[1])
    same = capture(tmp_path / "same.pcap", plain[0], known, plain[1])
    for path, out in ((mixed, "a.pcap"), (same, "b.pcap")):
        assert run("replay", path, "-o", tmp_path / out, "--policy", policy).code == 0
    assert frames_of(tmp_path / "a.pcap") == frames_of(tmp_path / "b.pcap")
    assert len(frames_of(tmp_path / "a.pcap")) == 3


def test_as_it_is(run, tmp_path):
    sample = SAMPLES / "fabric.pcapng"
    assert run("replay", sample, "-o", tmp_path / "a.pcapng", "--as-is").code == 0
    assert [frame for _, frame in frames_of(tmp_path / "a.pcapng")] == [frame for _, frame in frames_of(sample)]


def test_a_filter_chooses(run, tmp_path):
    sample = SAMPLES / "overlapping-tenants.pcap"
    assert run("replay", sample, "-o", tmp_path / "a.pcap", "--as-is", "-Y", "vsid == 5002").code == 0
    found = [frame for _, frame in frames_of(tmp_path / "a.pcap")]
    assert found == [frame for _, frame in frames_of(sample) if int.from_bytes(frame[38:41]) == 5002]
    assert found


def test_a_filter_on_flows(run, tmp_path):
    sample = SAMPLES / "overlapping-tenants.pcap"
    assert run("replay", sample, "-o", tmp_path / "a.pcap", "--as-is", "-Y", "packets_fwd > 100000").code == 0
    assert frames_of(tmp_path / "a.pcap") == []


def test_one_capture_becomes_many_tenants(run, tmp_path):
    sample = SAMPLES / "overlapping-tenants.pcap"
    out = tmp_path / "many.pcap"
    rules = ("--rewrite", "vsid+10,ca+0.0.1.0", "--rewrite", "mac+1")
    assert run("replay", sample, "-o", out, "--as-is", "--loop", 4, *rules).code == 0
    sent = frames_of(out)
    each = len(frames_of(sample))
    assert len(sent) == 4 * each
    assert {int.from_bytes(frame[38:41]) for _, frame in sent} == {v + 10 * i for v in (5001, 5002) for i in range(4)}
    table = run("flows", out, "--csv").out.splitlines()
    assert len(table) - 1 == 4 * (len(run("flows", sample, "--csv").out.splitlines()) - 1)
    times = [ns for ns, _ in sent]
    assert times == sorted(times)
    assert times[each] > times[each - 1]


def test_the_tunnel_of_a_loop_moves_too(run, tmp_path):
    plain = capture(tmp_path / "plain.pcap", overlay.udp_frame())
    out = tmp_path / "out.pcap"
    assert run("replay", plain, "-o", out, *TUNNEL, "--loop", 3, "--rewrite", "pa+1,vsid+1").code == 0
    found = [(frame[29], frame[33], int.from_bytes(frame[38:41])) for _, frame in frames_of(out)]
    assert found == [(1, 2, 7001), (2, 3, 7002), (3, 4, 7003)]


# --- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pace", "gaps"),
    [
        ((), [1_000_000, 1_000_000]),
        (("--multiplier", "4"), [250_000, 250_000]),
        (("--pps", "100"), [10_000_000, 10_000_000]),
        (("--mbps", "0.8"), [1_000_000, 2_000_000]),
        (("--topspeed",), [1_000_000, 1_000_000]),
    ],
)
def test_times_in_a_file_are_those_of_the_plan(run, tmp_path, pace, gaps):
    plain = capture(tmp_path / "plain.pcap", bytes(100), bytes(200), bytes(300))
    assert run("replay", plain, "-o", tmp_path / "out.pcap", "--as-is", *pace).code == 0
    times = [ns for ns, _ in frames_of(tmp_path / "out.pcap")]
    assert times[0] == 1_700_000_000 * 10**9
    assert np.diff(times).tolist() == gaps


# --- what is left out, and what is said ------------------------------------------------------------------------------


def test_frames_that_were_cut_are_left_out_or_filled_up(run, tmp_path):
    cut = capture(tmp_path / "cut.pcap", (b"\x02" * 20, 60), b"\x02" * 30, (b"\x02" * 20, 70_000_000))
    outcome = run("replay", cut, "-o", tmp_path / "a.pcap", "--as-is")
    assert "2 left out: cut by the snapshot length: --pad fills them up with zeros (cut)" in outcome.err
    assert [frame for _, frame in frames_of(tmp_path / "a.pcap")] == [b"\x02" * 30]
    outcome = run("replay", cut, "-o", tmp_path / "b.pcap", "--as-is", "--pad")
    assert "1 left out" in outcome.err
    assert [frame for _, frame in frames_of(tmp_path / "b.pcap")] == [b"\x02" * 20 + bytes(40), b"\x02" * 30]


def test_frames_that_cannot_be_read_are_damage(run, tmp_path):
    outcome = run("replay", capture(tmp_path / "short.pcap", b"short"), "-o", tmp_path / "a.pcap", *TUNNEL)
    assert outcome.code == 3
    assert "1 left out: shorter than an Ethernet header (too-short)" in outcome.err


def test_a_small_capture_that_claims_to_be_large_is_filled_up_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "_PADDED_BYTES", 5_000)
    given = batch([b"\x02" * 20] * 50, wire=[1_000] * 50)
    part = Selected(given, np.zeros(0, np.void), np.arange(1, 51), np.ones(50, bool))
    parts = list(preparing.Preparation(pad=True).batches([part]))
    assert sum(map(len, parts)) == 50
    assert max(len(one.buffer) for one in parts) <= 6_000
    assert parts[-1].frame(len(parts[-1]) - 1) == b"\x02" * 20 + bytes(980)


def test_frames_without_ethernet_are_not_sent(run, tmp_path):
    with PcapWriter(tmp_path / "raw.pcap", linktype=101) as writer:
        writer.write_frame(overlay.udp_frame()[14:], 0)
    outcome = run("replay", tmp_path / "raw.pcap", "-o", tmp_path / "a.pcap", "--as-is")
    assert outcome.code == 0
    assert "1 left out: not Ethernet" in outcome.err


def test_who_is_not_in_the_policy_is_counted(run, tmp_path, policy):
    stranger = b"\x02\0\0\0\0\x77" * 2 + b"\x88\xb5" + bytes(50)
    plain = capture(tmp_path / "plain.pcap", stranger, overlay.udp_frame())
    outcome = run("replay", plain, "--policy", policy, "-o", tmp_path / "out.pcap")
    assert "2 packets in, 1 packet written" in outcome.err
    assert "1 left out: no subnet of the policy has its sender (no-subnet)" in outcome.err


def test_a_dry_run_says_what_would_be_sent(run, tmp_path):
    plain = capture(tmp_path / "plain.pcap", *[bytes(125)] * 3, gap_ns=1_000_000_000)
    outcome = run("replay", plain, "--as-is", "--dry-run", "--loop", "2", "--pps", "5")
    assert outcome.code == 0
    assert outcome.out == "would be sent: 6 packets, 750 B, in 1.000 s: 6 packets/s, 6.00 kbit/s, 2 loops\n"
    assert "again and again" in run("replay", plain, "--as-is", "--dry-run", "--loop", "0").out
    at_once = run("replay", plain, "--as-is", "--dry-run", "--topspeed").out
    assert at_once == "would be sent: 3 packets, 375 B, as fast as it goes\n"


def test_a_dry_run_writes_nothing(run, tmp_path):
    plain = capture(tmp_path / "plain.pcap", bytes(125))
    assert "out.pcap" in run("replay", plain, "--as-is", "--dry-run", "-o", tmp_path / "out.pcap").out
    assert not (tmp_path / "out.pcap").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "through which tunnels? --policy POLICY"),
        (("--as-is",), "where to? -i INTERFACE sends"),
        (("--as-is", "-o", "x.pcap", "--loop", "0"), "--loop 0 never ends"),
        (("--as-is", "--dry-run", "--rewrite", "vsid+1"), "say --loop N as well"),
        (("--as-is", "--dry-run", "--loop", "2", "--rewrite", "vlan+1"), "'vlan+1' is no rule"),
        (("--as-is", "--dry-run", "--pps", "0"), "'0' is not a number above 0"),
        (("--as-is", "--dry-run", "--pps", "1", "--topspeed"), "not allowed with"),
        (("--as-is", "-i", "a", "-o", "b"), "not allowed with"),
        (("--as-is", "--dry-run", "--policy", "p.toml"), "--as-is sends frames as they are"),
        (("--as-is", "--dry-run", "--by-policy"), "--as-is sends frames as they are"),
        (("--dry-run", "--pa-src", "192.0.2.1"), "where to? --policy POLICY"),
    ],
)
def test_what_does_not_fit_together(run, words, sentence):
    outcome = run("replay", SAMPLES / "vlan.pcap", *words)
    assert outcome.code == 2
    assert sentence in outcome.err
    assert outcome.err.startswith("nvgre-inspect replay:")


def test_an_input_is_not_overwritten(run, tmp_path):
    plain = capture(tmp_path / "plain.pcap", bytes(60))
    outcome = run("replay", plain, "--as-is", "-o", plain, "--force")
    assert outcome.code == 1
    assert "is an input" in outcome.err


def test_an_interface_that_is_not_there(run):
    outcome = run("replay", SAMPLES / "vlan.pcap", "--as-is", "-i", "nosuch0")
    assert outcome.code == 1
    assert re.match(r"nvgre-inspect replay: (no interface 'nosuch0'|nosuch0: sending is built)", outcome.err)


# --- live ------------------------------------------------------------------------------------------------------------


@dataclass
class Wire:
    """A sender that keeps what it was given, on the clock of the test."""

    clock: list[int]
    most: int = 1024
    refuse: bytes = b""
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    interface: Interface = field(default_factory=lambda: Interface("test0", 1500, True))

    def send(self, given: PacketBatch, first: int, last: int) -> int:
        self.clock[0] += 1_000
        frames = [given.frame(i) for i in range(first, min(last, first + self.most))]
        if frames[0] == self.refuse:
            self.refused["over-mtu"] += 1
            return 0
        if self.refuse in frames:
            frames = frames[: frames.index(self.refuse)]
        self.sent += [(self.clock[0], frame) for frame in frames]
        return len(frames)

    def close(self) -> None: ...


class Stage:
    """A replay on a clock that only the test moves."""

    def __init__(self, **wire: object) -> None:
        self.clock = [0]
        self.wire = Wire(self.clock, **wire)  # type: ignore[arg-type]
        self.stop_at: int | None = None
        self.words: list[tuple[int, int]] = []

    def stopped(self) -> bool:
        return self.stop_at is not None and len(self.wire.sent) >= self.stop_at

    def sleep(self, seconds: float) -> None:
        self.clock[0] += round(seconds * 1e9)

    def now(self) -> int:
        self.clock[0] += 1
        return self.clock[0]

    def run(self, parts: Iterator[Part], plan: Plan) -> Totals:
        def tell(totals: Totals) -> None:
            self.words.append((totals.elapsed_ns, totals.frames))

        pace = Pace(self.stopped, clock=self.now, sleep=self.sleep)
        live = Live(self.wire, pace, stopped=self.stopped, every_second=tell)
        return replay(parts, plan, live, stopped=self.stopped)


FRAMES = [bytes([i]) * (60 + i) for i in range(10)]


def timed(*times_ms: float) -> PacketBatch:
    given = batch(FRAMES[: len(times_ms)])
    given.ts_ns[:] = [round(ms * MILLISECOND) for ms in times_ms]
    return given


def test_each_frame_goes_when_it_is_due():
    stage = Stage()
    times = (5, 5.5, 7, 107, 108)
    totals = stage.run(iter([Part(0, timed(*times))]), OwnTiming())
    assert [frame for _, frame in stage.wire.sent] == FRAMES[:5]
    for (ns, _), ms in zip(stage.wire.sent, times, strict=True):
        assert 0 <= ns - (ms - 5) * MILLISECOND < 3_000
    assert (totals.frames, totals.bytes, totals.loops, totals.stopped) == (5, 310, 1, False)
    assert totals.errors is not None
    assert 1_000 <= totals.errors.p50_ns <= totals.errors.max_ns < 3_000


def test_a_late_frame_delays_no_other():
    stage = Stage()
    real = stage.wire.send

    def slow(given: PacketBatch, first: int, last: int) -> int:
        if first == 1:
            stage.clock[0] += 5 * MILLISECOND
        return real(given, first, last)

    stage.wire.send = slow  # type: ignore[method-assign]
    totals = stage.run(iter([Part(0, timed(0, 1, 2, 3, 20))]), OwnTiming())
    sent = [ns for ns, _ in stage.wire.sent]
    assert sent[2] - sent[1] < 5_000  # what was due meanwhile goes at once
    assert sent[2] == sent[3]
    assert abs(sent[4] - 20 * MILLISECOND) < 5_000
    assert totals.errors is not None
    assert 5 * MILLISECOND < totals.errors.max_ns < 6 * MILLISECOND


def test_top_speed_does_not_wait_and_has_no_errors():
    stage = Stage(most=3)
    totals = stage.run(iter([Part(0, timed(0, 1000, 2000, 3000)), Part(0, timed(4000))]), TopSpeed())
    assert len(stage.wire.sent) == 5
    assert stage.clock[0] < MILLISECOND
    assert totals.errors is None


def test_refused_frames_are_left_out():
    stage = Stage(refuse=FRAMES[1])
    totals = stage.run(iter([Part(0, timed(0, 1, 2)), Part(1, timed(0, 1))]), PacketRate(1e9))
    assert [frame for _, frame in stage.wire.sent] == [FRAMES[0], FRAMES[2], FRAMES[0]]
    assert totals.refused == {"over-mtu": 2}
    assert (totals.frames, totals.loops) == (3, 2)


def test_statistics_every_second_even_while_nothing_is_due():
    stage = Stage()
    stage.run(iter([Part(0, timed(0, 10, 3500))]), OwnTiming())
    assert [frames for _, frames in stage.words] == [2, 2, 2]
    assert [round(ns / 1e9, 1) for ns, _ in stage.words] == [1.0, 2.0, 3.0]


def test_it_stops_within_a_batch_and_says_so():
    stage = Stage()
    stage.stop_at = 3
    totals = stage.run(iter([Part(0, timed(*range(10))), Part(0, timed(*range(10)))]), OwnTiming())
    assert totals.stopped
    assert totals.frames == len(stage.wire.sent) == 3


def test_what_goes_wrong_while_preparing_is_raised_after_what_was_prepared():
    def parts() -> Iterator[Part]:
        yield Part(0, timed(0, 1))
        raise SendError("no more")

    stage = Stage()
    with pytest.raises(SendError, match="no more"):
        stage.run(parts(), OwnTiming())
    assert len(stage.wire.sent) == 2


def test_a_source_that_never_ends_is_not_read_to_its_end(monkeypatch):
    taken = [0]

    def parts() -> Iterator[Part]:
        while True:
            taken[0] += 1
            yield Part(0, timed(0))

    monkeypatch.setattr("nvgre_inspect.traffic.replay.READ_AHEAD_BYTES", 600)
    stage = Stage()
    stage.stop_at = 5
    stage.run(parts(), OwnTiming())
    assert taken[0] < 50


def test_ctrl_c_stops_gently_and_prints_the_totals(run, tmp_path, monkeypatch):
    plain = capture(tmp_path / "plain.pcap", *[bytes(60)] * 100)
    before = signal.getsignal(signal.SIGINT)
    take = Recorded.take

    def interrupted(self: Recorded, given: PacketBatch, due: np.ndarray, timed: bool) -> None:
        take(self, select(given, slice(0, 10)), due[:10], timed)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Recorded, "take", interrupted)
    outcome = run("replay", plain, "--as-is", "-o", tmp_path / "out.pcap", "--loop", "5")
    assert outcome.code == 130
    assert "10 packets written" in outcome.err
    assert "interrupted" in outcome.err
    assert len(frames_of(tmp_path / "out.pcap")) == 10
    assert signal.getsignal(signal.SIGINT) is before
