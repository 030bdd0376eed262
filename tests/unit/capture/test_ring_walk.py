"""Blocks of an AF_PACKET ring, built here as Linux builds them (linux/if_packet.h), walked by the compiled kernel."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.kernels import ring
from tests.unit.capture import ring_builders
from tests.unit.capture.ring_builders import TPID_VALID, USER, VLAN_VALID, Slot, frame

ROOT = Path(__file__).resolve().parents[3]
BLOCK = 1 << 14
#: What lies around the block, which nobody may touch.
GUARD = 4096
SNAPLEN = 262_144


def block(slots: list[Slot], **options: int) -> bytes:
    return ring_builders.block(slots, BLOCK, **options)


@dataclass
class Found:
    frames: list[bytes]
    wirelen: list[int]
    ts_ns: list[int]
    complete: bool
    unstamped: int


def walked(data: bytes, form: int = ring.ETHERNET, snaplen: int = SNAPLEN, loopback: int = 0, room: int = 512) -> Found:
    buffer = np.frombuffer(b"\xa5" * GUARD + data + b"\xa5" * GUARD, np.uint8).copy()
    arrays = [np.zeros(room, np.int64) for _ in range(4)]
    unstamped = np.zeros(1, np.int64)
    views = buffer, buffer.view(np.uint32), buffer.view(np.uint16)
    count, complete = ring.walk_block(*views, GUARD, BLOCK, form, snaplen, loopback, 0, *arrays, unstamped)
    assert (buffer[:GUARD] == 0xA5).all()
    assert (buffer[-GUARD:] == 0xA5).all()
    offset, caplen, wirelen, ts_ns = (array[:count] for array in arrays)
    assert (offset >= GUARD).all()
    assert (offset + caplen <= GUARD + BLOCK).all()
    assert (wirelen >= caplen).all()
    frames = [bytes(buffer[at : at + n]) for at, n in zip(offset, caplen, strict=True)]
    return Found(frames, wirelen.tolist(), ts_ns.tolist(), bool(complete), int(unstamped[0]))


def test_frames_as_they_came():
    slots = [Slot(frame(60 + i, i), nanoseconds=i, wire=60 + 2 * i) for i in range(30)]
    found = walked(block(slots))
    assert found.frames == [slot.data for slot in slots]
    assert found.wirelen == [60 + 2 * i for i in range(30)]
    assert found.ts_ns == [1_700_000_000_000_000_000 + i for i in range(30)]
    assert found.complete


def test_times_beyond_31_bits():
    found = walked(block([Slot(frame(60), seconds=0xFFFFFFFF, nanoseconds=999_999_999)]))
    assert found.ts_ns == [4_294_967_295_999_999_999]


def test_a_block_without_frames():
    assert walked(block([])) == Found([], [], [], True, 0)


@pytest.mark.parametrize(
    ("status", "tci", "tpid", "tag"),
    [
        (USER | VLAN_VALID | TPID_VALID, 0x2005, 0x8100, "81002005"),
        (USER | VLAN_VALID | TPID_VALID, 0, 0x88A8, "88a80000"),  # priority tag 0
        (USER | VLAN_VALID, 0x0FFF, 0, "81000fff"),  # a kernel that does not tell the TPID
        (USER, 0, 0, ""),
    ],
)
def test_a_tag_that_was_taken_out_is_put_back(status, tci, tpid, tag):
    data = frame(64)
    found = walked(block([Slot(data, status=status, tci=tci, tpid=tpid), Slot(frame(61, 9))]))
    tagged = data[:12] + bytes.fromhex(tag) + data[12:]
    assert found.frames == [tagged, frame(61, 9)]
    assert found.wirelen == [len(tagged), 61]


def test_a_tag_of_a_frame_that_was_cut():
    """Within the addresses there is no place for it."""
    cut = Slot(frame(11), wire=64, status=USER | VLAN_VALID, tci=5)
    found = walked(block([cut, replace(cut, data=frame(12))]))
    assert found.frames == [frame(11), frame(12) + bytes.fromhex("81000005")]


def test_the_snapshot_length_counts_the_tag():
    found = walked(block([Slot(frame(64), wire=1500, status=USER | VLAN_VALID, tci=5)]), snaplen=64)
    assert found.frames == [(frame(64)[:12] + bytes.fromhex("81000005") + frame(64)[12:])[:64]]
    assert found.wirelen == [1504]


def test_cooked():
    """A header of LINUX_SLL2, from what the socket says of the link layer."""
    packet = frame(40)
    slot = Slot(packet, mac=96, index=0x01020304, device_type=778, packet_type=4)
    found = walked(block([slot]), form=ring.COOKED)
    header = bytes.fromhex("0800 0000 01020304 030a 04 06 0200000000010000")
    assert found.frames == [header + packet]
    assert found.wirelen == [60]
    tagged = walked(block([replace(slot, status=USER | VLAN_VALID, tci=0x0064)]), form=ring.COOKED)
    assert tagged.frames == [b"\x81\x00" + header[2:] + bytes.fromhex("00640800") + packet]


def test_outgoing_copies_of_the_loopback_interface():
    both = [Slot(frame(60), index=1, packet_type=4), Slot(frame(60), index=1), Slot(frame(61), index=2, packet_type=4)]
    assert walked(block(both), loopback=1).frames == [frame(60), frame(61)]
    assert walked(block(both)).frames == [frame(60), frame(60), frame(61)]


def test_frames_that_the_card_gave_no_time():
    slots = [Slot(frame(60), status=USER | 1 << 31), Slot(frame(60), status=USER | 1 << 29)]
    assert walked(block(slots)).unstamped == 1


def test_full_arrays_are_no_damage_to_memory():
    found = walked(block([Slot(frame(60))] * 5), room=3)
    assert (len(found.frames), found.complete) == (3, False)


@pytest.mark.parametrize(
    "lies",
    [
        {0: 4},  # the next header lies within this one
        {0: 1 << 31},  # or far outside
        {0: 161},  # or is not aligned
        {12: 1 << 20},  # more bytes than the block has
        {12: 0xFFFFFFFF},
        {24: 0xFFFF},  # the bytes begin behind the block
        {24: 10},  # or in the header
    ],
)
def test_numbers_that_cannot_be_end_the_block(lies):
    slots = [Slot(frame(70)), Slot(frame(70), lies=lies), Slot(frame(70))]
    found = walked(block(slots))
    assert not found.complete
    assert found.frames == [frame(70)] * (2 if 0 in lies else 1)


@pytest.mark.parametrize("first", [0xFFFFFFF0, BLOCK, BLOCK - 64, 49])
def test_a_first_frame_outside(first):
    assert walked(block([Slot(frame(70))], first=first)) == Found([], [], [], False, 0)


def test_more_announced_than_there_is():
    found = walked(block([Slot(frame(70))], announced=1 << 31))
    assert (found.frames, found.complete) == ([frame(70)], False)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=200, max_size=BLOCK), st.sampled_from([ring.PLAIN, ring.ETHERNET, ring.COOKED]))
def test_any_bytes_stay_within_the_block(data, form):
    walked(data.ljust(BLOCK, b"\0"), form)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_number_changed(data):
    """A right block in which some 32 bits are something else."""
    slots = [Slot(frame(60 + 7 * i, i), status=USER | VLAN_VALID, tci=i) for i in range(8)]
    blocks = bytearray(block(slots))
    for at in data.draw(st.lists(st.integers(0, 300).map(lambda word: 4 * word), max_size=6)):
        struct.pack_into("=I", blocks, at, data.draw(st.sampled_from([0, 1, 47, 48, 96, 0xFFFF, BLOCK, 0xFFFFFFFF])))
    walked(bytes(blocks), data.draw(st.sampled_from([ring.PLAIN, ring.ETHERNET, ring.COOKED])), loopback=1)


@pytest.mark.skipif(os.environ.get("NVGRE_INSPECT_NO_JIT") == "1", reason="this is that run")
def test_all_of_this_uncompiled():
    """As plain Python, where unsigned numbers of NumPy overflow unless they are widened."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        cwd=ROOT,
        env={**os.environ, "NVGRE_INSPECT_NO_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
