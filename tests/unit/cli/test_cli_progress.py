"""The progress line: only when work takes long, and gone at the end."""

import io
from dataclasses import dataclass

from nvgre_inspect.cli.progress import ProgressLine
from nvgre_inspect.display.progress import describe


@dataclass
class Reading:
    bytes_read: int = 0
    total_bytes: int | None = 300_000_000
    packets: int = 0
    elapsed_s: float = 0.0
    activity: str = "reading"


class Clock:
    """Time that the test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def test_describe():
    line = describe(Reading(126_000_000, 300_000_000, 2_406_000, 2.0))
    assert line == "reading   42 %  126 MB of 300 MB  1,203,000 packets/s  3 s left"


def test_a_pipe_has_no_end_in_sight():
    assert describe(Reading(126_000_000, None, 500, 2.0)) == "reading  126 MB  250 packets/s"


def test_a_growing_file_never_shows_more_than_all():
    assert describe(Reading(20, 10, 5, 2.0)) == "reading  100 %  20 B of 10 B  2 packets/s  0 s left"


def test_short_work_shows_nothing():
    screen = io.StringIO()
    line = ProgressLine(screen)
    line(Reading(1, 2, 3, 0.9))
    line.clear()
    assert screen.getvalue() == ""


def test_compiling_is_said_at_once():
    screen = io.StringIO()
    ProgressLine(screen)(Reading(activity="compiling"))
    assert screen.getvalue() == "\rcompiling for this machine, once: some seconds\x1b[K"


def test_compiling_does_not_count_as_reading():
    screen, clock = io.StringIO(), Clock()
    line = ProgressLine(screen, now=clock)
    line(Reading(activity="compiling", elapsed_s=0.5))
    clock.now = 9.0
    line(Reading(packets=100, elapsed_s=8.5))
    clock.now = 9.5
    line(Reading(packets=2000, elapsed_s=10.5))
    assert "800 packets/s" in screen.getvalue().split("\r")[-1]


def test_long_work_is_drawn_sparingly_and_cleared():
    screen, clock = io.StringIO(), Clock()
    line = ProgressLine(screen, now=clock)
    line(Reading(1, 2, 3, 1.5))
    drawn = screen.getvalue()
    assert drawn.startswith("\rreading")
    assert drawn.endswith("\x1b[K")
    clock.now = 0.05
    line(Reading(2, 2, 3, 1.55))
    assert screen.getvalue() == drawn
    clock.now = 0.2
    line(Reading(2, 2, 3, 1.7))
    assert screen.getvalue() != drawn
    line.clear()
    assert screen.getvalue().endswith("\r\x1b[K")
    cleared = screen.getvalue()
    line.clear()
    assert screen.getvalue() == cleared
