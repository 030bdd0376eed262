"""Reading: at once or in steps with snapshots in between; interrupted; with options that change what is counted."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

import nvgre_inspect
from nvgre_inspect.capture import CaptureError, PcapWriter, open_capture
from nvgre_inspect.engine import run
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.names import Names
from nvgre_inspect.session import Progress, SessionOptions, open_session
from tests.builders.states import assert_states_equal
from tests.unit.capture.capture_builders import epb, idb, option, pcap, pcap_header, pcap_record, shb
from tests.unit.reference.frames import CA_A, CA_B, INNER, eth, ip4, nvgre, udp, vxlan

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "samples"
FABRIC = SAMPLES / "fabric.pcapng"
ENGINES = ("reference", "kernels")
COPIES = 8
TABLE_NAMES = sorted(set(TABLES) - {"packets"})


@pytest.fixture
def write(tmp_path):
    def written(content: bytes, name: str = "capture") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


@pytest.fixture(scope="module")
def long_capture(tmp_path_factory) -> Path:
    """The fabric sample several times over, 100 s apart: more frames than a batch holds."""
    path = tmp_path_factory.mktemp("captures") / "long.pcap"
    with open_capture(FABRIC, spool=False) as reader, PcapWriter(path) as writer:
        batches = list(reader.batches())
        for again in range(COPIES):
            for batch in batches:
                writer.write_batch(replace(batch, ts_ns=batch.ts_ns + again * 100 * 10**9))
    return path


# --- all at once, in steps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_snapshots_on_the_way(engine, long_capture):
    """Each holds what was read until then, and stays as it is; the last is that of reading at once."""
    with open_session(long_capture, options=SessionOptions(engine=engine)) as session:
        seen = []
        for _ in session.steps():
            view = session.snapshot()
            assert view is session.snapshot()
            seen.append((view, view.tenants["packets"].sum(), view.flows.copy()))
        assert session.snapshot() is not seen[-1][0]
        assert session.tenants["packets"].sum() == COPIES * 2299
        assert [packets for _, packets, _ in seen] == [view.state.frames for view, _, _ in seen]
        assert len(seen) >= 2
        assert all(before < after for (_, before, _), (_, after, _) in pairwise(seen))
        for view, _, flows in seen:
            pd.testing.assert_frame_equal(view.flows, flows)
        with open_session(long_capture, options=SessionOptions(engine=engine)) as at_once:
            assert_states_equal(session.snapshot().state, at_once.read().snapshot().state)


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_with_a_read_filter_keep_numbers(engine, long_capture):
    options = SessionOptions(engine=engine, read_filter="vsid == 6001")
    with open_session(long_capture, options=options) as looked_at, open_session(long_capture, options=options) as once:
        for _ in looked_at.steps():
            looked_at.snapshot()
        once.read()
        assert_states_equal(looked_at.snapshot().state, once.snapshot().state)
        assert looked_at.snapshot().state.anomalies["last_frame"].max() > 2299 * (COPIES - 1)


def test_both_engines_make_the_same_tables_of_several_batches(long_capture):
    with (
        nvgre_inspect.open(long_capture, engine="reference") as reference,
        nvgre_inspect.open(long_capture, engine="kernels") as kernels,
    ):
        for name in TABLE_NAMES:
            pd.testing.assert_frame_equal(reference.table(name), kernels.table(name))


def test_the_engine_is_chosen_by_size(long_capture, monkeypatch):
    monkeypatch.setattr(run, "_SMALL_WARM", 10_000)
    monkeypatch.setattr(run, "_SMALL_COLD", 10_000)
    for path, kernels in ((FABRIC, False), (long_capture, True)):
        with nvgre_inspect.open(path) as session:
            assert session.read()._engine.uses_kernels is kernels


@pytest.mark.parametrize("engine", ENGINES)
def test_the_input_is_read_once(engine):
    with nvgre_inspect.open(FABRIC, engine=engine) as session:
        flows = session.read().flows
        assert session.read().flows is flows
        with pytest.raises(RuntimeError, match="open it again"):
            next(session.steps())
        assert session.flows is flows


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_read_before_an_interruption_can_be_used(engine, long_capture):
    seen: list[Progress] = []

    def stop_in_the_middle(progress: Progress) -> None:
        seen.append(progress)
        if progress.packets > 10_000:
            raise KeyboardInterrupt

    with open_session(long_capture, options=SessionOptions(engine=engine), progress=stop_in_the_middle) as session:
        with pytest.raises(KeyboardInterrupt):
            session.read()
        packets = session.snapshot().state.frames
        assert 10_000 < packets < COPIES * 2299
        assert session.tenants["packets"].sum() == packets
        assert sum(map(len, session.packets())) == packets
    assert seen[-1].activity == "reading"


def test_progress(long_capture):
    seen: list[Progress] = []
    with open_session(long_capture, progress=seen.append) as session:
        session.read()
    reading = [progress for progress in seen if progress.activity == "reading"]
    assert [p.packets for p in reading] == sorted(p.packets for p in reading)
    assert reading[-1].packets == COPIES * 2299
    assert reading[-1].bytes_read == reading[-1].total_bytes == long_capture.stat().st_size


# --- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("timeout", "flows"), [(120, 2), (201, 1), (0, 1)])
def test_the_idle_timeout(engine, timeout, flows, write):
    """Flows that are not TCP end after that many seconds of capture time; 0: never."""
    frame = eth(ip4(udp(b"hello", 53), 17, CA_A, CA_B))
    path = write(pcap_header("<") + b"".join(pcap_record("<", frame, at) for at in (0, 200)))
    with nvgre_inspect.open(path, engine=engine, idle_timeout=timeout) as session:
        assert len(session.flows) == flows


@pytest.mark.parametrize("engine", ENGINES)
def test_decode_as_and_gre_keys(engine, write):
    path = write(pcap([eth(ip4(udp(vxlan(INNER, 77), 8473), 17)), eth(ip4(nvgre(INNER), 47))]))
    with nvgre_inspect.open(path, engine=engine) as session:
        assert session.tenants["encap"].tolist() == ["none", "nvgre"]
    with nvgre_inspect.open(path, engine=engine, decode_as=["udp.port==8473,vxlan"], gre_key="key32") as session:
        tenants = session.tenants.set_index("encap")["vsid"].to_dict()
        assert tenants == {"vxlan": 77, "gretap": 5001 << 8 | 0x2A}


DISSECTOR = '''
"""A tunnel of the user's own: UDP port 7777, an id of three bytes, then Ethernet."""

from dissectors.base import FieldSpec, Header
from dissectors.dispatch import FixedHeader
from dissectors.registry import Dissector


class Tube(Header):
    """Four bytes."""

    TITLE = "Tube"
    PROTOCOL = "tube"
    FIELDS = (FieldSpec("word", "tube.word", "Word", 0, 4),)
    __hdr__ = (("word", "I", 1),)

    def info(self):
        """Its number."""
        return f"tube {self.word >> 8}"


DISSECTORS = [
    Dissector(Tube, udp_ports=[7777], fixed=FixedHeader("tube", 4, "ethernet", id_offset=0, id_length=3))
]
'''


@pytest.mark.parametrize("engine", ENGINES)
def test_a_users_tunnel_is_a_tenant(engine, write):
    """Its name and id are in all tables, through the reference and the kernels alike."""
    dissector = write(DISSECTOR.encode(), "tube.py")
    path = write(pcap([eth(ip4(udp(struct.pack(">I", 99 << 8) + INNER, 7777), 17))]))
    names = Names(vsids={"tube:99": "the cellar"}, pas={"192.0.2.1": "left"})
    with nvgre_inspect.open(path, engine=engine, dissectors=[dissector], names=names) as session:
        (tenant,) = session.tenants.to_dict("records")
        assert (tenant["encap"], tenant["vsid"], tenant["name"], tenant["packets"]) == ("tube", 99, "the cellar", 1)
        (flow,) = session.flows.to_dict("records")
        assert (flow["stack"], flow["protocol"], flow["src_ip"]) == ("tube:99", "tcp", CA_A)
        assert session.tunnels["encap"].tolist() == session.timeline["encap"].tolist() == ["tube"]
        (rows,) = session.packets('encap == "tube"')
        assert rows["vsid"].tolist() == [99]
        assert "tube" in session.dissect(1).tree().lower()


# --- inputs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interface_narrows(engine, write):
    """By its name, or by its row in `captures`, also in the second file."""
    named = [idb("<", options=option("<", 2, name)) for name in (b"left", b"right")]
    frames = [epb("<", INNER, 1, interface=0), epb("<", INNER, 2, interface=1), epb("<", INNER, 3, interface=1)]
    first = write(shb("<") + b"".join(named + frames), "first")
    second = write(pcap([INNER]), "second")
    for interface, packets in (("left", 1), ("right", 2), ("1", 2), ("2", 1)):
        with nvgre_inspect.open([first, second], interface=interface, engine=engine) as session:
            assert session.flows["packets_fwd"].sum() == packets
            assert session.captures["packets"].tolist() == [1, 2, 1]
            assert sum(map(len, session.packets())) == packets


@pytest.mark.parametrize("engine", ENGINES)
def test_damage_is_said_and_what_came_before_is_there(engine, write):
    whole = FABRIC.read_bytes()
    path = write(whole[: len(whole) // 2])
    with nvgre_inspect.open([path, SAMPLES / "truncated.pcap"], engine=engine) as session:
        assert session.damage == []
        packets = session.read().tenants["packets"].sum()
        assert packets == session.captures["packets"].sum() > 1000
        first, second = session.damage
        assert str(path) in first
        assert re.search(r"frame \d+", first)
        assert "truncated.pcap" in second
        assert session.captures["damage"].tolist() == [first, second]


@pytest.mark.parametrize("engine", ENGINES)
def test_notes(engine, write):
    """Packets that came twice, and link types that are not decoded."""
    twice = [eth(ip4(udp(bytes([n]), 53), 17, CA_A, CA_B, ident=n)) for n in range(1, 41) for _ in range(2)]
    records = [pcap_record("<", frame, 100, i) for i, frame in enumerate(twice)]
    path = write(pcap_header("<") + b"".join(records), "twice")
    odd = write(pcap([b"\0" * 40], network=147), "odd")
    with nvgre_inspect.open(path, engine=engine) as session:
        assert session.notes == []  # nothing was read yet
        (note,) = session.read().notes
        assert re.match(r"40 of 80 packets are second copies", note)
        assert "mirror" in note
    with nvgre_inspect.open([path, odd], engine=engine) as session:
        unsupported, copies = session.read().notes
        assert "1 packet has link type user0" in unsupported
        assert "--interface" in copies


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_that_is_full_is_said(engine, monkeypatch, write):
    from nvgre_inspect import session as module
    from nvgre_inspect.model.account_options import AccountOptions

    monkeypatch.setattr(module, "AccountOptions", lambda **given: AccountOptions(max_flows=1, **given))
    path = write(pcap([eth(ip4(udp(b"x", port), 17)) for port in (1, 2, 3)]))
    with nvgre_inspect.open(path, engine=engine) as session:
        assert session.read().notes == ["the flows table is full: 2 packets are not in it"]
        assert session.findings["code"].tolist() == ["table-overflow"]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_but_a_header(engine, write):
    with nvgre_inspect.open(write(pcap([])), engine=engine) as session:
        for name in TABLE_NAMES:
            assert len(session.table(name)) == (name == "captures")
        assert list(session.packets()) == session.damage == session.notes == []


def test_several_sections_and_times_at_the_ends(tmp_path):
    """Every table of a capture whose times lie as far apart as they can."""
    seconds = option("<", 9, b"\0")
    ends = [option("<", 14, struct.pack("<q", sign * (1 << 40))) for sign in (-1, 1)]
    frame = eth(ip4(nvgre(INNER), 47))
    content = b"".join(shb("<") + idb("<", options=seconds + end) + epb("<", frame, 0) for end in [*ends, *ends])
    path = tmp_path / "ends"
    path.write_bytes(content)
    for engine in ENGINES:
        with nvgre_inspect.open(path, engine=engine) as session:
            session.read()
            for name in TABLE_NAMES:
                assert len(session.table(name)) > 0, name
            assert session.flows["duration_s"].max() == pytest.approx(2**63 / 1e9)
            assert len(session.notes) == 4
            assert sum(map(len, session.packets())) == 4


def test_what_is_no_capture(write, tmp_path):
    for path in (write(b"not a capture at all"), tmp_path / "absent", tmp_path):
        with pytest.raises(CaptureError):
            nvgre_inspect.open([FABRIC, path])


def test_the_example_of_the_readme(monkeypatch, capsys):
    """It can be pasted as it stands."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert code is not None
    monkeypatch.chdir(ROOT)
    exec(compile(code[1], "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "retransmissions" in out
    assert "nvgre" in out
