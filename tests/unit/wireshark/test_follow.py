"""tshark's raw mode as pieces, and pieces as lines that a terminal can show."""

from __future__ import annotations

import pytest

from nvgre_inspect.display.stream import StreamHex, StreamText, end, stream_lines
from nvgre_inspect.wireshark.follow import Piece, _pieces

HEAD = b"""
===================================================================
Follow: tcp,raw
Filter: tcp.stream eq 0
Node 0: %b
Node 1: %b
"""
MISSING = b"[1398 bytes missing in capture file]"


def raw(*lines: bytes, ends: tuple[bytes, bytes] = (b"10.0.0.1:4000", b"10.0.0.2:80")) -> list[bytes]:
    return [*(HEAD % ends).split(b"\n"), *lines, b"=" * 67]


def test_the_second_end_stands_in() -> None:
    lines = raw(b"4142", b"\t43", b"\t44", b"45")
    assert list(_pieces(iter(lines), ("10.0.0.1", 4000))) == [
        Piece(True, b"AB"),
        Piece(False, b"C"),
        Piece(False, b"D"),
        Piece(True, b"E"),
    ]


def test_forward_is_who_we_say_whoever_spoke_first() -> None:
    assert list(_pieces(iter(raw(b"41", b"\t42")), ("10.0.0.2", 80))) == [Piece(False, b"A"), Piece(True, b"B")]


def test_ipv6_ends() -> None:
    lines = raw(b"41", ends=(b"[2001:db8::1]:4000", b"[2001:db8::2]:80"))
    assert list(_pieces(iter(lines), ("2001:db8::1", 4000))) == [Piece(True, b"A")]


def test_what_the_capture_misses() -> None:
    lines = raw(b"41", MISSING.hex().encode(), b"42")
    assert list(_pieces(iter(lines), ("10.0.0.1", 4000))) == [
        Piece(True, b"A"),
        Piece(True, b"", 1398),
        Piece(True, b"B"),
    ]


@pytest.mark.parametrize("line", [b"", b"4", b"4g", b"Node", b"\t", b"41 42", b"\xff\xff", b"NODE 0: x"])
def test_other_lines_are_no_data(line: bytes) -> None:
    assert list(_pieces(iter([line]), ("10.0.0.1", 1))) == []


def text_of(*pieces: bytes) -> list[str]:
    text = StreamText()
    return [line for piece in pieces for line in text.lines(piece)] + list(text.finish())


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], ["GET / HTTP/1.1", "Host: a", ""]),
        ([b"ab", b"c\nd"], ["abc", "d"]),
        ([b"\xc3", b"\xa4\n"], ["ä"]),
        ([b"\xc3"], ["."]),
        ([b"a\x1b[31mb\x07\x00\x9b\n"], ["a.[31mb..."]),
        (["\u202eevil\u200b\n".encode()], [".evil."]),
        ([b"a\tb\n"], ["a       b"]),
        ([], []),
    ],
)
def test_text_is_safe_and_goes_over_pieces(pieces: list[bytes], lines: list[str]) -> None:
    assert text_of(*pieces) == lines


def test_hex_counts_on() -> None:
    text = StreamHex()
    first = list(text.lines(bytes(range(18))))
    assert first == [
        "00000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................",
        "00000010  10 11                                            ..",
    ]
    assert list(text.lines(b"A\x1b")) == ["00000012  41 1b                                            A."]
    assert list(text.finish()) == []


def test_who_speaks_stands_above_what_is_said() -> None:
    pieces = [Piece(True, b"ab"), Piece(True, b"c\n"), Piece(False, b"d"), Piece(False, b"", 1), Piece(False, b"e")]
    ends = end("10.0.0.1", 80), end("2001:db8::1", 4000)
    assert list(stream_lines(pieces, *ends)) == [
        ("→ 10.0.0.1:80", "heading"),
        ("abc", None),
        ("← [2001:db8::1]:4000", "heading"),
        ("d", None),
        ("[1 byte missing in the capture]", "note"),
        ("e", None),
    ]
    assert [line[:12] for line, _ in stream_lines(pieces[:3], *ends, as_hex=True)] == [
        "→ 10.0.0.1:8",
        "00000000  61",
        "00000002  63",
        "← [2001:db8:",
        "00000000  64",
    ]
    assert list(stream_lines([], *ends)) == []
