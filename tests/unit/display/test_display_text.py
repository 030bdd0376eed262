"""Text for people: escaping, widths, amounts and durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.display.colors import tenant_color
from nvgre_inspect.display.text import amount, cells, clock, counted, duration, escape, fit, pad


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("eth0", "eth0"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("\x9b2J", "\\x9b2J"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("lone \ud800", "lone \\ud800"),
        ("Zürich 東京", "Zürich 東京"),
        ("", ""),
    ],
)
def test_escape(raw, shown):
    assert escape(raw) == shown


@given(st.text())
def test_escaped_text_cannot_move_a_cursor(text):
    assert all(character.isprintable() or ord(character) >= 0xA0 for character in escape(text))
    assert "\x1b" not in escape(text)


def test_cells_counts_wide_and_combining_characters():
    assert (cells("abc"), cells("東京"), cells("e\u0301")) == (3, 4, 1)


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])), st.integers(0, 30))
def test_fit_never_exceeds_its_width(text, width):
    assert cells(fit(text, width)) <= width


def test_fit_marks_what_it_cut():
    assert fit("retransmission", 7) == "retran…"
    assert fit("東京大学", 6) == "東京…"
    assert fit("exact", 5) == "exact"


def test_pad():
    assert pad("7", 3, right=True) == "  7"
    assert pad("東", 4) == "東  "
    assert pad("too long", 3) == "too long"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (12_345, "12.3 kB"),
        (999_400, "999 kB"),
        (999_600, "1.00 MB"),
        (624_000_000, "624 MB"),
        (9_996_000, "10.0 MB"),
        (5 * 10**18, "5,000 PB"),
    ],
)
def test_amount(count, text):
    assert amount(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (8.5e-7, "850 ns"),
        (0.0000123, "12.3 µs"),
        (0.00456, "4.56 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.000 s"),
        (1.2344, "1.234 s"),
        (59.9999, "1 min 00.0 s"),
        (125.1, "2 min 05.1 s"),
        (3599.99, "1 h 00 min"),
        (11_040, "3 h 04 min"),
        (200_000, "2 d 07 h"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (4210, "1 h 10 min")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_counted():
    assert [counted(n, "packet") for n in (0, 1, 2345)] == ["0 packets", "1 packet", "2,345 packets"]
    assert counted(2, "entry", "entries") == "2 entries"


def test_neighbouring_and_round_tenants_differ_in_colour():
    assert len({tenant_color(vsid) for vsid in (5001, 5002, 5003)}) == 3
    assert len({tenant_color(vsid) for vsid in (1000, 2000, 3000)}) == 3
