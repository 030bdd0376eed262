"""Signals end what goes on, within the block only."""

from __future__ import annotations

import os
import signal

import pytest

from nvgre_inspect.cli.signals import ended_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_is_known(number):
    stopped = []
    with ended_by_signals(lambda: stopped.append(True)) as came:
        assert came == []
        os.kill(os.getpid(), number)
        assert came == [number]
    assert stopped == [True]


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_afterwards_signals_do_what_they_did():
    before = handlers()
    with ended_by_signals(lambda: None):
        assert not set(handlers()) & set(before)
    assert handlers() == before
