"""Scripts: their notation, and what is sent of them."""

from __future__ import annotations

import pytest

from dissectors import offsets
from nvgre_inspect.traffic.script import UDP, Segment, Step, TCPOptions
from nvgre_inspect.traffic.script_notation import parse

SYN, ACK, PSH = offsets.TCP_SYN, offsets.TCP_ACK_FLAG, offsets.TCP_PSH


@pytest.mark.parametrize(
    ("line", "step"),
    [
        (
            "+0 > S 0:0(0) win 64240 <mss 1460,sackOK,wscale 7>",
            Step(0, True, Segment(SYN, 0, 0, window=64240, options=TCPOptions(1460, True, 7))),
        ),
        (
            "+1.5ms < . 1:1(0) ack 7 <sack 10:20 30:40>",
            Step(1_500_000, False, Segment(ACK, 1, 0, 7, options=TCPOptions(sack=((10, 20), (30, 40))))),
        ),
        (r'+1s > P. 1:5(4) ack 1 "a\r\x00\""', Step(10**9, True, Segment(PSH | ACK, 1, 4, 1, text=b'a\r\0"'))),
        ('+0 > P. 1:11(10) ack 1 "GET "', Step(0, True, Segment(PSH | ACK, 1, 10, 1, text=b"GET "))),
        ("  +2us  >   udp 200", Step(2000, True, UDP(200))),
        ('+0 < udp "a < b"', Step(0, False, UDP(5, b"a < b"))),
        (
            "+0 > frame ffffffffffff 00155d000001 0806 00",
            Step(0, True, bytes.fromhex("ffffffffffff00155d000001080600")),
        ),
    ],
)
def test_lines(line, step):
    assert parse(f"# what follows\n\n{line}\n") == (step,)


@pytest.mark.parametrize(
    "line",
    [
        "> S 0:0(0)",
        "+1 > S 0:0(0)",
        "+0 - S 0:0(0)",
        "+0 > X 0:0(0)",
        "+0 > S 0:1(0)",
        "+0 > S 5:0(0)",
        "+0 > S 0:0(0) win 65536",
        "+0 > S 0:0(0) <mss>",
        "+0 > S 0:0(0) <mss 1460,timestamps>",
        "+0 > . 1:1(0) <sack 1:2 3:4 5:6 7:8>",
        "+0 > . 1:1(0) <sack 1>",
        "+0 > S 0:0(0) <wscale 15>",
        '+0 > P. 1:3(2) "abc"',
        "+0 > P. 1:70001(70000)",
        "+0 > P. ٣:٣(0)",
        "+0 > udp",
        "+0 > udp -1",
        "+0 > udp 70000",
        "+0 > frame 00",
        "+0 > frame xyz",
        "+11y > udp 1",
    ],
)
def test_what_is_no_line_is_named(line):
    with pytest.raises(ValueError, match="line 2: "):
        parse(f"+0 > udp 1\n{line}")


def test_a_script_has_lines():
    with pytest.raises(ValueError, match="no lines"):
        parse("# nothing\n")
