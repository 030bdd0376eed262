"""From frames through a rewriter into files: every frame is accounted for, files appear as a whole or not at all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.encapsulation import destinations
from nvgre_inspect.encapsulation.destinations import TenantFolder, open_destination
from nvgre_inspect.encapsulation.reasons import SKIPPED
from nvgre_inspect.encapsulation.rewriting import LISTED, rewrite
from nvgre_inspect.encapsulation.rewritten import OutputInterface, Rewritten
from nvgre_inspect.encapsulation.slicing import Decapsulation
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.reference.decode import decode
from tests.unit.reference.frames import CA_A, CA_B, INNER, batch, eth, ip4, nvgre, tcp, udp, vxlan

WRAPPED = eth(ip4(nvgre(INNER, flow_id=9), 47))
PLAIN = eth(ip4(tcp(b"plain"), 6))
PAYLOAD = nvgre(INNER + bytes(100))
FRAGMENTS = [eth(ip4(PAYLOAD[:80], 47, fragment=0x2000)), eth(ip4(PAYLOAD[80:], 47, fragment=10))]
KINDS = [WRAPPED, PLAIN, *FRAGMENTS, eth(ip4(bytes(40), 50)), eth(ip4(udp(vxlan(INNER), 4789), 17))]
KINDS.append(eth(ip4(ip4(tcp(), 6, CA_A, CA_B), 4)))


def decoded(frames: PacketBatch) -> np.ndarray:
    records = np.empty(len(frames), dtype=RECORD)
    decode(frames, DecodeOptions(), records)
    return records


def interfaces(count: int = 2, linktype: int = 1) -> list[InterfaceInfo]:
    return [InterfaceInfo("a.pcapng", i, f"eth{i}", linktype, 0, description=f"port {i}") for i in range(count)]


def selected(frames: list[bytes], mask=None, first=1, linktype=1) -> Selected:
    one = batch(frames, linktype=linktype)
    one.interface[:] = np.arange(len(one)) % 2
    chosen = np.ones(len(one), dtype=bool) if mask is None else np.array(mask, dtype=bool)
    return Selected(one, decoded(one), np.arange(first, first + len(one)), chosen)


def decap(parts, path: Path, form="pcapng", **options):
    infos = interfaces()
    ethernet = form == "pcap"
    with open_destination(path, form, linktype=1 if ethernet else None) as out:
        return rewrite(
            parts, lambda: Decapsulation(DecodeOptions(), infos, decoded, ethernet=ethernet), out, infos, **options
        )


def read(path: Path) -> list[tuple[bytes, str, str]]:
    """Bytes, description of the interface, and comment of each frame."""
    result = []
    with open_capture(path) as reader:
        for one in reader.batches():
            for position in one.position.tolist():
                frame = reader.read_frame(position)
                result.append((frame.data, reader.interfaces[frame.interface].description, frame.comment))
        assert reader.damage is None
    return result


TUNNEL = "nvgre vsid=5001 pa=192.0.2.1>192.0.2.2"


def test_what_goes_in_comes_out(tmp_path):
    totals = decap([selected([WRAPPED, PLAIN, WRAPPED])], tmp_path / "out")
    assert read(tmp_path / "out") == [(INNER, TUNNEL, "flowid=9")] * 2
    assert (totals.frames, totals.rewritten, totals.written) == (3, 2, 2)
    assert (totals.skipped, totals.numbers) == ({"no-encapsulation": 1}, {"no-encapsulation": [2]})
    assert totals.is_balanced


def test_others_are_kept_where_they_were(tmp_path):
    parts = [selected([WRAPPED, PLAIN, WRAPPED, WRAPPED], [True, True, False, True]), selected([PLAIN], first=5)]
    totals = decap(parts, tmp_path / "out", keep_others=True)
    assert read(tmp_path / "out") == [
        (INNER, TUNNEL, "flowid=9"),
        (PLAIN, "port 1", ""),
        (WRAPPED, "port 0", ""),
        (INNER, TUNNEL, "flowid=9"),
        (PLAIN, "port 0", ""),
    ]
    assert totals.kept == {"no-encapsulation": 2, "not-selected": 1}
    assert (totals.written, totals.skipped, totals.is_balanced) == (5, Counter(), True)


def test_without_keeping_them_they_are_counted(tmp_path):
    totals = decap([selected([WRAPPED, PLAIN], [False, False])], tmp_path / "out")
    assert (totals.skipped, totals.written) == ({"not-selected": 2}, 0)
    assert read(tmp_path / "out") == []


def test_nothing_in_nothing_out(tmp_path):
    for form in ("pcap", "pcapng"):
        totals = decap([], tmp_path / form, form)
        assert (totals.frames, totals.is_balanced, read(tmp_path / form)) == (0, True, [])


def test_only_the_first_numbers_are_kept(tmp_path):
    totals = decap([selected([PLAIN] * 100), selected([PLAIN] * 100, first=101)], tmp_path / "out")
    assert totals.numbers == {"no-encapsulation": list(range(1, LISTED + 1))}
    assert totals.skipped == {"no-encapsulation": 200}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=12), max_size=4),
    st.booleans(),
    st.sampled_from(["pcap", "pcapng"]),
)
def test_every_frame_is_accounted_for(tmp_path, parts, keep_others, form):
    source, first = [], 1
    for part in parts:
        source.append(selected([frame for frame, _ in part], [chosen for _, chosen in part], first))
        first += len(part)
    path = tmp_path / f"{form}"
    path.unlink(missing_ok=True)
    totals = decap(source, path, form, keep_others=keep_others)
    assert totals.frames == first - 1
    assert totals.is_balanced
    assert totals.written == totals.rewritten + totals.kept.total() == len(read(path))
    assert set(totals.skipped) | set(totals.kept) <= set(SKIPPED)
    assert not keep_others or not totals.skipped


class Copies:
    """A rewriter that sends each frame twice, but for those with an odd number."""

    def __init__(self):
        self.outputs = [OutputInterface(1, "a", "", 0)]
        self.noted = Counter()

    def rewrite(self, frames, records, numbers):
        even = np.repeat(np.flatnonzero(numbers % 2 == 0), 2)
        odd = numbers[numbers % 2 == 1]
        columns = ("offset", "caplen", "wirelen", "ts_ns", "linktype", "interface", "position")
        out = PacketBatch(frames.buffer, *(getattr(frames, name)[even] for name in columns))
        answers = PacketBatch(frames.buffer, *(getattr(frames, name)[even[:1]] for name in columns))
        return Rewritten(
            out.at_interfaces(np.zeros(len(even), np.int32)),
            numbers[even],
            np.full(len(even), -1),
            odd,
            ["bum"] * len(odd),
            replies=answers,
        )

    def finish(self):
        return None


def test_copies_and_answers(tmp_path):
    infos = interfaces()
    with open_destination(tmp_path / "out", "pcapng") as out, open_destination(tmp_path / "replies", "pcapng") as back:
        totals = rewrite([selected([PLAIN] * 5)], Copies, out, infos, replies=back)
    assert (totals.rewritten, totals.written, totals.skipped, totals.replies) == (2, 4, {"bum": 3}, 1)
    assert totals.is_balanced
    assert read(tmp_path / "replies") == [(PLAIN, "port 1", "")]


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_pcap_file_takes_one_link_type(tmp_path):
    """That of the first frame, where it was not said; kept frames of others are counted."""
    infos = interfaces(linktype=113)
    with open_destination(tmp_path / "out", "pcap") as out:
        totals = rewrite(
            [selected([b"x" * 20] * 2, linktype=113), selected([PLAIN] * 3, first=3)],
            lambda: Decapsulation(DecodeOptions(), infos, decoded),
            out,
            infos,
            keep_others=True,
        )
    assert (totals.written, totals.skipped, totals.is_balanced) == (2, {"other-linktype": 3}, True)
    with open_capture(tmp_path / "out") as reader:
        assert {int(number) for one in reader.batches() for number in one.linktype} == {113}


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_no_file_is_left_when_something_fails(tmp_path, form):
    def failing():
        yield selected([WRAPPED])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decap(failing(), tmp_path / "out", form)
    assert list(tmp_path.iterdir()) == []


def split(parts, folder: Path, form="pcapng", **options):
    infos = interfaces()
    with TenantFolder(folder, form, **options) as out:
        make = lambda: Decapsulation(DecodeOptions(), infos, decoded, ethernet=form == "pcap")  # noqa: E731
        totals = rewrite(parts, make, out, infos, keep_others=True)
    return totals, out.names


def test_a_file_for_each_tenant(tmp_path):
    other = eth(ip4(nvgre(INNER, 6000), 47))
    mpls = eth(b"\0\x01\x11\x40" + ip4(tcp(), 6, CA_A, CA_B), 0x8847)
    frames = [WRAPPED, other, KINDS[5], WRAPPED, PLAIN, KINDS[6], mpls]
    totals, names = split([selected(frames)], tmp_path / "new" / "out")
    assert sorted(names) == [
        *("ipip.pcapng", "mpls.pcapng", "nvgre-5001.pcapng", "nvgre-6000.pcapng"),
        *("others.pcapng", "vxlan-77.pcapng"),
    ]
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(names)
    assert read(tmp_path / "new" / "out" / "nvgre-5001.pcapng") == [(INNER, TUNNEL, "flowid=9")] * 2
    assert read(tmp_path / "new" / "out" / "others.pcapng") == [(PLAIN, "port 0", "")]
    assert (totals.written, totals.is_balanced) == (7, True)


def test_tenants_files_as_pcap(tmp_path):
    _, names = split([selected([WRAPPED, KINDS[6]])], tmp_path, "pcap")
    assert names == ["nvgre-5001.pcap", "ipip.pcap"]
    assert read(tmp_path / "ipip.pcap")[0][0][12:14] == b"\x08\0"


def test_more_tenants_than_files(tmp_path, monkeypatch):
    monkeypatch.setattr(destinations, "MAX_FILES", 3)
    frames = [eth(ip4(nvgre(INNER, 5000 + i), 47)) for i in range(10)]
    totals, names = split([selected(frames)], tmp_path)
    assert names == ["nvgre-5000.pcapng", "nvgre-5001.pcapng", "nvgre-5002.pcapng", "others.pcapng"]
    assert (len(read(tmp_path / "others.pcapng")), totals.written) == (7, 10)


def test_more_files_than_may_be_open(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    frames = [eth(ip4(nvgre(INNER, 5000 + i), 47)) for i in range(200)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        _, names = split([selected(frames), selected(frames, first=201)], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(names) == 200
    assert len(read(tmp_path / "nvgre-5199.pcapng")) == 2


def test_a_folder_is_all_or_nothing(tmp_path):
    (tmp_path / "nvgre-6000.pcapng").write_bytes(b"mine")
    frames = [WRAPPED, eth(ip4(nvgre(INNER, 6000), 47))]
    with pytest.raises(CaptureError, match="exists"):
        split([selected(frames)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["nvgre-6000.pcapng"]
    assert (tmp_path / "nvgre-6000.pcapng").read_bytes() == b"mine"
    with pytest.raises(ValueError, match="in the middle"), TenantFolder(tmp_path / "new", "pcapng"):
        raise ValueError("in the middle")
    assert not (tmp_path / "new").exists()
    split([selected(frames)], tmp_path, force=True)
    assert len(read(tmp_path / "nvgre-6000.pcapng")) == 1


def test_a_folder_never_takes_an_input(tmp_path):
    source = tmp_path / "nvgre-5001.pcapng"
    source.write_bytes(b"an input")
    with pytest.raises(CaptureError, match="never overwritten"):
        split([selected([WRAPPED])], tmp_path, force=True, inputs=[source])
    assert source.read_bytes() == b"an input"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CaptureError, match="name a folder"):
        TenantFolder(tmp_path / "file", "pcapng")
    with pytest.raises(CaptureError, match="cannot be made"):
        TenantFolder(tmp_path / "file" / "below" / ("x" * 300), "pcapng")
