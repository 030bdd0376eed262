"""Signals end what goes on, within the block only."""

from __future__ import annotations

import os
import signal

import pytest

from nvgre_inspect.cli.signals import ended_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_stops_and_all_are_known(number):
    stopped = []
    with ended_by_signals(lambda: stopped.append(True)) as came:
        assert came == []
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)
        assert came == [number, signal.SIGTERM]
    assert stopped == [True]


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_afterwards_signals_do_what_they_did():
    before = handlers()
    with ended_by_signals(lambda: None):
        assert not set(handlers()) & set(before)
    assert handlers() == before


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals(lambda: None) as came:
            os.kill(os.getpid(), signal.SIGHUP)
        assert came == []
    finally:
        signal.signal(signal.SIGHUP, before)
