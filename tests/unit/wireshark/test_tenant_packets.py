"""What tshark is given: the same as `decap` writes, frame by frame, and everything else as it came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.capture import open_capture
from nvgre_inspect.encapsulation.slicing import Decapsulation
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.wireshark.conversation import same_conversation
from nvgre_inspect.wireshark.outer_fragments import OuterFragments
from nvgre_inspect.wireshark.tenant_keys import tenant_keys
from nvgre_inspect.wireshark.tenant_packets import tenant_packets
from tests.unit.engine.random_frames import options_of, random_batch, sample_frames

SAMPLES = sorted(path for path in (Path(__file__).parents[3] / "samples").iterdir() if ".pcap" in path.name)
OPTIONS = DecodeOptions()


def decoded(path: Path) -> list[Selected]:
    """All frames of a capture, in small batches so that fragments wait between them."""
    with open_session(path, options=SessionOptions(engine="reference")) as session:
        parts = []
        for part in session.frames():
            for start in range(0, len(part.batch), 16):
                rows = slice(start, start + 16)
                batch = part.batch
                piece = type(batch)(
                    batch.buffer, *(getattr(batch, name)[rows] for name in list(batch.__dataclass_fields__)[1:])
                )
                parts.append(Selected(piece, part.records[rows], part.numbers[rows], part.mask[rows]))
        return parts


def records_of(batch: PacketBatch) -> np.ndarray:
    out = empty_records(len(batch))
    decode(batch, OPTIONS, out)
    return out


def frames(batch, numbers, rows) -> list[tuple[int, bytes, int, int, int]]:
    return [
        (int(numbers[i]), batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i]), int(batch.ts_ns[i]))
        for i in rows
    ]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_same_as_decap_and_nothing_is_lost(path: Path) -> None:
    parts = decoded(path)
    with open_capture(path, spool=False) as reader:
        list(reader.batches())
        decapsulation = Decapsulation(OPTIONS, reader.interfaces, records_of)
    expected, left = [], 0
    for part in [*parts, None]:
        result = (
            decapsulation.finish() if part is None else decapsulation.rewrite(part.batch, part.records, part.numbers)
        )
        if result is not None:
            expected += frames(result.batch, result.number, range(len(result.batch)))
            left += len(result.skipped)
    found, kept = [], []
    originals = {
        number: (number, data, *rest)
        for part in parts
        for number, data, *rest in frames(part.batch, part.numbers, range(len(part.batch)))
    }
    for packets in tenant_packets(parts, OPTIONS, records_of):
        found += frames(packets.batch, packets.numbers, np.flatnonzero(packets.stripped))
        kept += frames(packets.batch, packets.numbers, np.flatnonzero(~packets.stripped))
    assert found == expected
    assert len(kept) == left
    assert all(frame == originals[frame[0]] for frame in kept)


def test_fragments_of_the_underlay_have_the_number_of_the_last_and_mean_all_of_them() -> None:
    path = next(path for path in SAMPLES if path.name == "fragments.pcap")
    parts = decoded(path)
    fragments = OuterFragments()
    joined = []
    for part in parts:
        fragments.see(part.batch, part.records, part.numbers)
    for packets in tenant_packets(parts, OPTIONS, records_of):
        fragments.completed(packets.records, packets.numbers)
        joined += [
            number
            for number, stripped in zip(packets.numbers.tolist(), packets.stripped.tolist(), strict=True)
            if stripped
        ]
    outer = {
        int(number): int(record["frag_a_id"])
        for part in parts
        for number, record in zip(part.numbers, part.records, strict=True)
        if record["frag_a_ip"] >= 0 and record["frag_a_layers"] == 0
    }
    completing = [number for number in joined if number in outer]
    assert len(completing) >= 10
    for number in completing:
        together = fragments.with_parts(np.array([number])).tolist()
        assert len(together) > 1
        assert number == max(together)
        assert {outer[part] for part in together} == {outer[number]}
    alone = [number for number in joined if number not in outer]
    assert fragments.with_parts(np.array(alone)).tolist() == alone


@pytest.mark.parametrize("name", ["fabric.pcapng", "nested-vxlan.pcap", "icmp-errors.pcap", "vlan.pcap"])
def test_keys_tell_apart_what_flows_are_keyed_by(name: str) -> None:
    path = next(path for path in SAMPLES if path.name == name)
    with open_session(path, options=SessionOptions(engine="reference")) as session:
        (part,) = session.frames()
        session.read()
        state = session.snapshot().state
    keys = [row.tobytes() for row in tenant_keys(part.records)]
    by_flow: dict[int, set[bytes]] = {}
    stacks: dict[bytes, set[tuple[int, int]]] = {}
    for key, flow, record in zip(keys, state.frame_flow.tolist(), part.records, strict=True):
        if flow >= 0 and record["frag_a_ip"] < 0:
            by_flow.setdefault(flow, set()).add(key)
            tunnel = int(state.flows["tunnel"][flow]) if record["vsid"] < 0 else -1
            stacks.setdefault(key, set()).add((int(state.flows["stack"][flow]), tunnel))
    assert by_flow
    assert all(len(found) == 1 for found in by_flow.values())
    assert all(len(found) == 1 for found in stacks.values())
    assert len({next(iter(found)) for found in stacks.values()}) == len(stacks)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_in_frames_makes_it_raise(seed: int) -> None:
    """Random stacks, the samples' frames, and both with something wrong."""
    options = options_of(seed)
    batch = random_batch(seed, 400, sample_frames())
    records = empty_records(len(batch))
    decode(batch, options, records)
    numbers = np.arange(1, len(batch) + 1)
    assert tenant_keys(records).shape[0] == len(batch)
    for row in range(0, len(batch), 40):
        assert same_conversation(records, records[row])[row]
    fragments = OuterFragments()
    fragments.see(batch, records, numbers)

    def again(some: PacketBatch) -> np.ndarray:
        out = empty_records(len(some))
        decode(some, options, out)
        return out

    seen = 0
    for packets in tenant_packets([Selected(batch, records, numbers, np.ones(len(batch), bool))], options, again):
        fragments.completed(packets.records, packets.numbers)
        made = packets.batch
        assert (made.caplen >= 0).all()
        assert (made.wirelen >= made.caplen).all()
        assert (made.offset + made.caplen <= len(made.buffer)).all()
        seen += len(made)
    assert 0 < seen <= len(batch)
    assert set(numbers.tolist()) == set(fragments.with_parts(numbers).tolist())
