"""A frame as lines: every byte and anomaly in its place, whatever the frame is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import anomalies
from dissectors.stack import dissect
from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.display.packet_tree import Kind, about_frame, at_byte, sections, visible
from nvgre_inspect.model.source import Frame, InterfaceInfo
from tests.unit.reference.frames import INNER, eth, gre, ip4, nvgre, tcp, vxlan

CHECKOUT = Path(__file__).resolve().parents[3]
SHARED = CHECKOUT.parent / "shared" / "captures"
FRAME = eth(ip4(nvgre(INNER), 47))
ETHERNET = InterfaceInfo("some.pcap", 0, "eth0", 1, 0)


def lines_of(frame, *, wire_len=None, about=None):
    return [line for section in sections(dissect(frame, wire_len), about) for line in (section.head, *section.lines)]


def test_headers_from_outside_to_inside():
    tree = sections(dissect(FRAME))
    assert [section.key for section in tree] == [
        ("eth", 1),
        ("ip", 1),
        ("nvgre", 1),
        ("eth", 2),
        ("ip", 2),
        ("tcp", 1),
        ("payload", 1),
    ]
    assert [section.head.inner for section in tree] == [False, False, False, True, True, True, True]
    assert tree[2].head.text == "Network Virtualization using GRE, VSID 5001, FlowID 42"
    assert tree[0].head.text.startswith("Ethernet, ")
    assert tree[0].head.text.endswith(", IPv4")
    for ip in (tree[1], tree[4]):
        source, destination = (
            next(line.text.partition(": ")[2] for line in ip.lines if line.name == name)
            for name in ("ip.src", "ip.dst")
        )
        assert f"Internet Protocol Version 4, {source} → {destination}, " in ip.head.text
    assert all(line.inner == section.head.inner for section in tree for line in section.lines)


def test_outside_tunnels_everything_is_inner():
    assert all(line.inner for line in lines_of(INNER))


def test_of_several_tunnels_the_outermost_carries():
    """The tenant's own packet may be a tunnel packet too."""
    tree = sections(dissect(eth(ip4(nvgre(eth(ip4(nvgre(INNER), 47))), 47))))
    assert [section.head.inner for section in tree if section.key[0] == "nvgre"] == [False, True]


def test_every_byte_is_found_again():
    frame = FRAME + b"pad"
    tree = sections(dissect(frame))
    for offset in range(len(frame)):
        found = at_byte(tree, offset)
        assert found is not None
        section, line = found
        assert offset in line
        assert offset in section.head
    section, line = at_byte(tree, 38)  # the first byte of the key
    assert (section.key, line.name) == (("nvgre", 1), "nvgre.vsid")
    assert at_byte(tree, len(frame)) is None
    assert at_byte(tree, -1) is None


def test_a_field_comes_before_its_bits():
    tree = sections(dissect(eth(tcp_over_ip())))
    section, line = at_byte(tree, 14 + 20 + 13)
    assert section.key == ("tcp", 1)
    assert line.name == "tcp.flags"


def tcp_over_ip():
    return ip4(tcp(), 6)


@pytest.mark.parametrize(
    ("frame", "wire_len", "section", "name"),
    [
        (eth(ip4(nvgre(INNER, 0xFFFFFF), 47)), None, ("nvgre", 1), "nvgre-vsid-reserved"),
        (FRAME[:50], len(FRAME), ("nvgre", 1), "header-cut-by-snaplen"),
        (eth(ip4(b"\x20\x03\x65\x58", 47)), None, ("gre", 1), "gre-version-unknown"),
        (eth(ip4(nvgre(INNER), 47, fragment=0x2000)), None, ("ip", 1), "underlay-fragment"),
        (b"\0" * 5, None, ("frame", 1), "header-truncated"),
    ],
)
def test_anomalies_stand_where_they_are(frame, wire_len, section, name):
    stack = dissect(frame, wire_len)
    about = about_frame(1, Frame(frame, 0, wire_len or len(frame), 1, 0, ""), ETHERNET, stack.path, "u")
    tree = sections(stack, about)
    places = {(each.key, line.name): line.text for each in tree for line in each.lines if line.kind is Kind.ANOMALY}
    assert (section, name) in places
    (sentence,) = [text for known, text in anomalies.NAMES.values() if known == name]
    assert places[section, name] == f"{name}: {sentence}"
    # Each is said at least once.
    assert {known for _, known in places} == set(anomalies.names(stack.anomalies))


def test_what_was_not_captured_is_said():
    assert (
        lines_of(FRAME[:60], wire_len=len(FRAME))[-1].text
        == f"Not captured: the last {len(FRAME) - 60} bytes of the packet"
    )
    assert lines_of(FRAME + b"pad")[-1].text == "Padding or trailer: 3 bytes"
    assert not lines_of(FRAME + b"pad")[-1].inner


def test_what_is_known_of_a_frame():
    frame = Frame(FRAME, 1_700_000_000_123_456_789, len(FRAME) + 10, 1, 0, "seen\nby \x1b[31mme[/]")
    about = about_frame(7, frame, InterfaceInfo("x", 0, "\x07bell", 1, 0), "nvgre:5001", "d")
    texts = [about.head.text, *(line.text for line in about.lines)]
    assert texts == [
        f"Frame 7: {len(FRAME) + 10} bytes on the wire, {len(FRAME)} captured",
        "Comment: seen",
        r"Comment: by \x1b[31mme[/]",
        "Time: 2023-11-14 22:13:20.123456789 (UTC)",
        r"Interface: 0 (\x07bell)",
        "Stack: nvgre:5001",
    ]


def test_folded_sections_keep_what_is_odd_in_sight():
    stack = dissect(eth(ip4(nvgre(INNER, 0xFFFFFF), 47)))
    tree = sections(stack)
    folded = [line for _, line in visible(tree, set())]
    assert [line.kind for line in folded].count(Kind.ANOMALY) == 1
    assert Kind.FIELD not in {line.kind for line in folded}
    unfolded = [line for _, line in visible(tree, {("nvgre", 1)})]
    assert [line for line in unfolded if line.kind is Kind.FIELD] == [
        line for line in tree[2].lines if line.kind is Kind.FIELD
    ]


def check(frame, wire_len, linktype=1):
    """What has to hold of any frame."""
    stack = dissect(frame, wire_len, linktype)
    about = about_frame(1, Frame(frame, 0, wire_len, linktype, 0, ""), ETHERNET, stack.path, "u")
    tree = sections(stack, about)
    keys = [section.key for section in tree]
    assert len(set(keys)) == len(keys)
    for section in tree:
        for line in (section.head, *section.lines):
            assert line.text.isprintable(), line
            assert 0 <= line.start <= len(frame)
            assert line.length >= 0
    assert visible(tree, set())
    for offset in range(0, len(frame), max(len(frame) // 8, 1)):
        found = at_byte(tree, offset)
        assert found is not None, offset
        assert offset in found[1]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 100), st.sampled_from([1, 101, 113, 276, 9, 104, 0, 147]))
def test_any_bytes(frame, more, linktype):
    check(frame, len(frame) + more, linktype)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_mutated_frames(data):
    frame = bytearray(eth(ip4(gre(vxlan(INNER, 9), 0x6558, 5), 47)))
    for place in data.draw(st.lists(st.integers(0, len(frame) - 1), max_size=6)):
        frame[place] = data.draw(st.integers(0, 255))
    check(bytes(frame[: data.draw(st.integers(0, len(frame)))]), len(frame))


def test_the_largest_frame_takes_little_time():
    """64 KB of what makes most lines: extension headers, labels, options, records."""
    for filling in (b"\0", b"\x01", b"\x2b\0", b"\xff"):
        for inner in (eth(ip4(filling * (65_000 // len(filling)), 2)), FRAME + filling * (65_000 // len(filling))):
            began = time.process_time()
            check(inner[:65_535], len(inner))
            assert time.process_time() - began < 2


@pytest.mark.parametrize("part", range(4))
def test_every_shared_capture(part):
    if not SHARED.is_dir():
        pytest.skip("the shared captures (../shared/captures beside the checkout) are absent")
    files = sorted(path for path in SHARED.rglob("*") if path.is_file() and path.suffix != ".md")[part::4]
    frames = 0
    for path in files:
        try:
            reader = open_capture(path, spool=False, compiled=False)
        except CaptureError:
            continue
        with reader:
            for batch in reader.batches():
                for i in range(len(batch)):
                    check(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i]))
                    frames += 1
    assert frames > 1000
