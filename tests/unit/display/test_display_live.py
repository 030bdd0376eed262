"""What is said of a capture while it goes on."""

from __future__ import annotations

import pytest

from nvgre_inspect.display.live import PacketRate, counters, dropped, received, totals
from nvgre_inspect.display.sparkline import sparkline
from nvgre_inspect.display.text import rate
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.session import Progress


def interface(**counted):
    return InterfaceInfo("live", 0, "eth0", 1, 0, **counted)


def test_counters_of_several_interfaces_are_added_up():
    both = [
        interface(received=1_000, dropped_kernel=2, dropped_interface=3),
        interface(received=203, dropped_kernel=0, dropped_interface=None),
    ]
    assert received(both) == 1_203
    assert dropped(both) == (2, 3)
    assert counters(both, 12.4) == "12 packets/s  received 1,203  dropped by kernel 2, by interface 3"
    assert totals(both) == "received 1,203  dropped by kernel 2, by interface 3"
    assert counters(both, 12_345_678.0, short=True) == "12.3 M/s  received 1,203  dropped 2+3"


def test_what_came_was_received_also_before_the_system_is_asked_again():
    late = [interface(packets=612, received=489, dropped_kernel=0, dropped_interface=0), interface(packets=7)]
    assert received(late) == 619
    assert totals(late) == "received 619  dropped by kernel 0, by interface 0"


def test_of_a_pipe_nobody_counted_what_was_dropped():
    pipe = [interface(packets=7)]
    assert dropped(pipe) == (None, None)
    assert counters(pipe, 0.0) == "0 packets/s  received 7"
    assert counters(pipe, 0.0, short=True) == "0/s  received 7  dropped ?+?"


def test_the_rate_is_that_of_the_last_seconds():
    heard = PacketRate()
    assert heard.per_second == 0.0
    for second in range(10):
        heard(Progress(0, None, second * 100, float(second)))
    heard(Progress(0, None, 900, 9.5, "compiling"))
    assert heard.per_second == 100.0
    heard(Progress(0, None, 900, 20.0))
    assert heard.per_second == pytest.approx(0.0)


def test_sparklines_are_to_their_own_scale():
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "  "
    assert sparkline([0, 1, 4, 8]) == " ▂▅█"
    assert sparkline([1e12]) == "█"


def test_rates_in_bits():
    assert [rate(bits) for bits in (0, 982.0, 12_400_000.0)] == ["0", "982 bit/s", "12.4 Mbit/s"]
