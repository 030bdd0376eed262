"""Times for people, from nanoseconds, exactly."""

import time

import pytest

from nvgre_inspect.display.times import UNKNOWN, TimeFormat

#: 2026-01-02 03:04:05.123456789 UTC
MOMENT = 1_767_323_045_123_456_789


@pytest.fixture
def _tokyo(monkeypatch):
    if not hasattr(time, "tzset"):
        pytest.skip("this platform cannot set a time zone for one process")
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("u", "2026-01-02 03:04:05.123456789"),
        ("a", "12:04:05.123456789"),
        ("ad", "2026-01-02 12:04:05.123456789"),
        ("e", "1767323045.123456789"),
    ],
)
@pytest.mark.usefixtures("_tokyo")
def test_styles(style, text):
    assert TimeFormat(style)([MOMENT]) == [text]


def test_microseconds_where_nothing_is_finer():
    assert TimeFormat("u")([MOMENT // 1000 * 1000]) == ["2026-01-02 03:04:05.123456"]


def test_delta_goes_on_from_chunk_to_chunk():
    form = TimeFormat("d")
    assert form([1_000_000_000, 1_500_000_000]) == ["0.000000", "0.500000"]
    assert form([1_250_000_000]) == ["-0.250000"]


def test_unknown_and_extreme_times():
    assert TimeFormat("u")([UNKNOWN]) == [""]
    assert TimeFormat("e")([-1]) == ["-0.000000001"]
    assert TimeFormat("u")([UNKNOWN + 1, -1]) == [
        "1677-09-21 00:12:43.145224193",
        "1969-12-31 23:59:59.999999999",
    ]
