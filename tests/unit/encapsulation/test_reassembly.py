"""Outer fragments put together: every order, copies, overlaps, gaps, cuts; what waits is bounded, nothing is lost."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.checksum import verifies
from nvgre_inspect.encapsulation import reassembly
from nvgre_inspect.encapsulation.reassembly import Reassembly
from nvgre_inspect.kernels.codes import FRAGMENT_TIMEOUT_NS
from nvgre_inspect.model.batch import PacketBatch, concatenated
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode
from tests.unit.reference.frames import CA_A, CA_B, INNER, batch, eth, ip4, ip6, nvgre, tcp, udp

SECOND = 1_000_000_000


def decoded(frames: PacketBatch) -> np.ndarray:
    records = np.empty(len(frames), dtype=RECORD)
    decode(frames, DecodeOptions(), records)
    return records


def pieces(payload: bytes, sizes: list[int]) -> list[tuple[int, bytes, bool]]:
    """(offset, bytes, more) of fragments of these sizes, multiples of 8, and of what is left."""
    result, at = [], 0
    for size in sizes:
        if at + size < len(payload):
            result.append((at, payload[at : at + size], True))
            at += size
    return [*result, (at, payload[at:], False)]


def fragments4(payload: bytes, sizes: list[int], ident: int = 7, protocol: int = 47) -> list[bytes]:
    return [
        eth(ip4(data, protocol, ident=ident, fragment=(0x2000 if more else 0) | at // 8))
        for at, data, more in pieces(payload, sizes)
    ]


def fragments6(payload: bytes, sizes: list[int], ident: int = 7) -> list[bytes]:
    return [
        eth(ip6(struct.pack(">BBHI", 47, 0, at | more, ident) + data, 44), 0x86DD)
        for at, data, more in pieces(payload, sizes)
    ]


class Run:
    def __init__(self):
        self.reassembly = Reassembly(decoded)
        self.frames = 0
        self.out = []
        self.frames_joined = 0

    def give(self, frames: list[bytes] | PacketBatch) -> None:
        """The next frames; notes (number, frame, whether it is given up) of all that come out."""
        if isinstance(frames, list):
            frames = batch(frames)
        numbers = np.arange(self.frames + 1, self.frames + len(frames) + 1)
        self.frames += len(frames)
        self._note(self.reassembly.join(frames, decoded(frames), numbers))

    def finish(self) -> list[tuple[int, bytes, bool]]:
        rest = self.reassembly.finish()
        if rest is not None:
            self._note(rest)
        return self.out

    def _note(self, joined) -> None:
        count = len(joined.batch)
        assert len(joined.records) == len(joined.numbers) == count
        assert (np.diff(joined.numbers) >= 0).all()
        # The records are those of the frames.
        again = decoded(joined.batch)
        for name in ("n_layers", "vsid", "inner_off", "inner_len", "wire_len", "ts_ns", "interface"):
            assert np.array_equal(joined.records[name], again[name]), name
        given_up = [False] * count if joined.incomplete is None else joined.incomplete.tolist()
        for i in range(count):
            self.out.append((int(joined.numbers[i]), joined.batch.frame(i), given_up[i]))
        self.frames_joined += joined.joined


PAYLOAD = nvgre(INNER + bytes(range(200)))
WHOLE = eth(ip4(PAYLOAD, 47))


def same_packet(frame: bytes, expected: bytes) -> bool:
    """But for the header checksum, which the frames of these tests do not have."""
    return frame[:24] + frame[26:] == expected[:24] + expected[26:] and verifies(frame[14:34])


@given(st.lists(st.integers(1, 12).map(lambda n: n * 8), max_size=8), st.randoms(use_true_random=False))
def test_every_order(sizes, rnd):
    frames = fragments4(PAYLOAD, sizes)
    rnd.shuffle(frames)
    run = Run()
    cut = rnd.randrange(len(frames) + 1)
    for part in (frames[:cut], frames[cut:]):
        if part:
            run.give(part)
    ((number, frame, given_up),) = run.finish()
    assert (number, given_up) == (len(frames), False)
    if len(frames) > 1:
        assert same_packet(frame, WHOLE)
        assert run.frames_joined == len(frames) - 1


@given(st.lists(st.integers(1, 12).map(lambda n: n * 8), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_ipv6_loses_its_fragment_header(sizes, rnd):
    frames = fragments6(PAYLOAD, sizes)
    if len(frames) == 1:
        return
    rnd.shuffle(frames)
    run = Run()
    run.give(frames)
    assert [frame for _, frame, _ in run.finish()] == [eth(ip6(PAYLOAD, 47), 0x86DD)]


def test_ipv6_behind_other_extension_headers():
    options = bytes((44, 0, 1, 4, 0, 0, 0, 0))
    frames = []
    for at, data, more in pieces(PAYLOAD, [80, 80]):
        frames.append(eth(ip6(options + struct.pack(">BBHI", 47, 0, at | more, 7) + data, 60), 0x86DD))
    run = Run()
    run.give(frames)
    assert [frame for _, frame, _ in run.finish()] == [eth(ip6(b"\x2f" + options[1:] + PAYLOAD, 60), 0x86DD)]


def test_frames_between_keep_their_order_and_time():
    first, second = fragments4(PAYLOAD, [80])
    plain = eth(ip4(tcp(), 6))
    run = Run()
    frames = batch([plain, first, plain, second, plain])
    run.give(frames)
    assert [number for number, _, _ in run.out] == [1, 3, 4, 5]
    assert same_packet(run.out[2][1], WHOLE)


def test_copies_of_a_fragment_do_no_harm():
    first, second, third = fragments4(PAYLOAD, [80, 80])
    run = Run()
    run.give([first, first, second, second, third])
    ((number, frame, given_up),) = run.finish()
    assert (number, given_up, run.frames_joined) == (5, False, 4)
    assert same_packet(frame, WHOLE)


def test_packets_of_other_tunnels_and_interfaces_are_others():
    first, second = fragments4(PAYLOAD, [80])
    other_first, other_second = fragments4(PAYLOAD, [80], ident=8)
    frames = batch([first, other_first, second, second, other_second])
    frames.interface[3] = 0
    run = Run()
    run.give(frames)
    assert [(number, given_up) for number, _, given_up in run.finish()] == [(3, False), (5, False), (4, True)]


def test_an_overlap_begins_another_packet():
    """As when an identification is used again; RFC 5722 wants overlapping ones dropped."""
    old_first, _ = fragments4(PAYLOAD, [80])
    first, second = fragments4(nvgre(INNER + bytes(200)), [88])
    run = Run()
    run.give([old_first, first, second])
    out = run.finish()
    assert [(number, given_up) for number, _, given_up in out] == [(1, True), (3, False)]
    assert out[0][1] == old_first


def test_a_gap_is_given_up_in_time_or_at_the_end():
    first, _, third = fragments4(PAYLOAD, [80, 80])
    run = Run()
    run.give([first, third])
    assert run.out == []
    later = batch([eth(ip4(tcp(), 6))])
    later.ts_ns[:] += FRAGMENT_TIMEOUT_NS + SECOND
    run.give(later)
    assert [(number, given_up) for number, _, given_up in run.out] == [(1, True), (2, True), (3, False)]
    assert [frame for _, frame, _ in run.out[:2]] == [first, third]
    run.give([third])
    assert run.finish()[-1] == (4, third, True)


def test_a_fragmented_packet_without_a_tunnel_does_not_wait():
    first, second, third = fragments4(udp(bytes(200), 53), [80, 80], protocol=17)
    run = Run()
    run.give([second, first, third])
    assert run.out == [(1, second, False), (2, first, False), (3, third, False)]
    assert run.finish() == run.out


def test_an_identification_that_is_used_again_by_a_tunnel():
    unknown = b"\0\2\x88\xcc"  # GRE of a version that nobody knows
    frames = [*fragments4(unknown + bytes(100), [80]), *fragments4(PAYLOAD, [80])]
    run = Run()
    run.give(frames)
    out = run.finish()
    assert [(number, given_up) for number, _, given_up in out] == [(1, False), (2, False), (4, False)]
    assert same_packet(out[-1][1], WHOLE)


def test_what_shows_only_in_the_whole_packet_not_to_be_a_tunnel_comes_back_as_it_was():
    """The first fragment ends before Geneve's version, which nobody knows."""
    frames = fragments4(udp(b"\xc0" + bytes(100), 6081), [8, 80], protocol=17)
    run = Run()
    run.give(frames[:2])
    assert run.out == []
    run.give(frames[2:])
    assert run.out == [(1, frames[0], False), (2, frames[1], False), (3, frames[2], False)]


def test_a_fragment_that_was_cut_ends_what_is_there():
    frames = fragments4(PAYLOAD, [80, 80])
    cut = frames[1][:-30]
    run = Run()
    run.give(batch([frames[0], cut, frames[2]], wire=[len(frame) for frame in frames]))
    ((_, frame, _),) = run.finish()
    assert same_packet(frame, WHOLE[: 14 + 20 + 160 - 30])


def test_a_packet_too_long_for_its_length_field_is_given_up():
    last = eth(ip4(bytes(100), 47, fragment=65_472 // 8))
    many = [eth(ip4(bytes(65_472), 47, fragment=0x2000, total=20 + 65_472)), last]
    run = Run()
    run.give(many)
    assert [given_up for _, _, given_up in run.finish()] == [True, True]


@pytest.mark.parametrize("limit", ["FRAGMENT_SETS", "_HELD_BYTES"])
def test_what_waits_is_bounded(limit, monkeypatch):
    frames = [fragments4(PAYLOAD, [80], ident=i)[0] for i in range(100)]
    monkeypatch.setattr(reassembly, limit, 10 if limit == "FRAGMENT_SETS" else 10 * len(frames[0]))
    run = Run()
    run.give(frames)
    assert [number for number, _, _ in run.out] == list(range(1, 91))
    assert all(given_up for _, _, given_up in run.out)
    assert len(run.finish()) == 100


@given(st.integers(0, 1 << 32))
def test_nothing_is_lost_whatever_comes(seed):
    """Random fragments of a few packets, overlapping, with gaps, in any order: each comes out, or went into one."""
    rnd = random.Random(seed)
    run = Run()
    for _ in range(3):
        frames = []
        for _ in range(rnd.randrange(1, 12)):
            fragment = rnd.choice((0, 0x2000)) | rnd.randrange(6)
            data = rnd.choice((PAYLOAD, bytes(300)))[: rnd.choice((8, 16, 24, 30))]
            data = rnd.choice((data, b"", tcp(b"x")))
            make = rnd.choice((ip4, ip4, ip6))
            if make is ip4:
                frames.append(eth(ip4(data, rnd.choice((47, 17)), CA_A, CA_B, ident=1, fragment=fragment)))
            else:
                header = struct.pack(">BBHI", 47, 0, rnd.randrange(6) * 8 | rnd.randrange(2), 1)
                frames.append(eth(ip6(header + data, 44), 0x86DD))
        run.give(frames)
    out = run.finish()
    assert len(out) + run.frames_joined == run.frames
    assert len({number for number, _, _ in out}) == len(out)


def test_concatenated_shares_what_is_shared():
    one = batch([b"abc", b"de"])
    both = concatenated([one, one])
    assert both.buffer is one.buffer
    other = concatenated([one, batch([b"f"]), one])
    assert [other.frame(i) for i in range(5)] == [b"abc", b"de", b"f", b"abc", b"de"]
    assert len(other.buffer) == 6
