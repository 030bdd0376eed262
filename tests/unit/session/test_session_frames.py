"""Session.frames: everything in order, decoded; one pass or two, the same frames."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

import nvgre_inspect
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.session import UsageError

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
FABRIC = SAMPLES / "fabric.pcapng"
ENGINES = ("reference", "kernels")
FRAMES = 2299


def numbers(session, filter_=None, **settings):
    """Numbers of the frames that pass."""
    found = []
    for one in session.frames(filter_, **settings):
        assert len(one.batch) == len(one.numbers) == len(one.mask)
        found += one.numbers[one.mask].tolist()
    return found


def expected(filter_=None, **options):
    with nvgre_inspect.open(FABRIC, **options) as session:
        return [number for table in session.packets(filter_) for number in table["number"].tolist()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("filter_", [None, "vsid == 5001", "packets_fwd > 20", "tcp && frame.number > 100"])
@pytest.mark.parametrize("options", [{}, {"read_filter": "vsid == 5002 || arp"}, {"count": 900}], ids=str)
def test_the_frames_of_the_packets_table(engine, filter_, options):
    with nvgre_inspect.open(FABRIC, engine=engine, **options) as session:
        assert numbers(session, filter_) == expected(filter_, **options)


@pytest.mark.parametrize("engine", ENGINES)
def test_others_are_there_too(engine):
    with nvgre_inspect.open(FABRIC, engine=engine) as session:
        parts = list(session.frames("vsid == 5001"))
        assert sum(len(one.batch) for one in parts) == FRAMES
        assert np.concatenate([one.numbers for one in parts]).tolist() == list(range(1, FRAMES + 1))
        assert session.uses_kernels == (engine == "kernels")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("filter_", [None, "vsid == 5001", "packets_fwd > 20"])
@pytest.mark.parametrize("sample", ["nested-vxlan.pcap", "fabric.pcapng"])
def test_records_are_those_of_the_layer(engine, filter_, sample):
    with nvgre_inspect.open(SAMPLES / sample, engine=engine) as session:
        for one in session.frames(filter_, inner="all"):
            again = session.decoder("all").decode(one.batch)
            for name in set(RECORD.names) - {"flow_hash", "side"}:
                assert np.array_equal(one.records[name], again[name]), name
            assert session.decode_options("all").inner == "all"


@pytest.mark.parametrize("filter_", ["vsid == 5001", "inner.ip.src == 10.0.0.1", "ca.dst == 10.0.0.2"])
def test_a_filter_does_not_depend_on_the_layer(filter_):
    with (
        nvgre_inspect.open(SAMPLES / "nested-vxlan.pcap") as usual,
        nvgre_inspect.open(SAMPLES / "nested-vxlan.pcap") as deep,
    ):
        assert numbers(usual, filter_) == numbers(deep, filter_, inner="all")


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_decoded_that_nobody_needs(engine):
    with nvgre_inspect.open(FABRIC, engine=engine) as session:
        assert {len(one.records) for one in session.frames(inner=None)} == {0}
    with nvgre_inspect.open(FABRIC, engine=engine) as session:
        for one in session.frames("vsid == 5001", inner=None):
            assert len(one.records) == len(one.batch)
    with nvgre_inspect.open(FABRIC, engine=engine, interface="0") as session:
        assert numbers(session, inner=None) == list(range(1, FRAMES + 1))


def test_after_counting_and_twice():
    with nvgre_inspect.open(FABRIC) as session:
        flows = len(session.flows)
        assert numbers(session) == numbers(session) == list(range(1, FRAMES + 1))
        assert len(session.flows) == flows


def test_before_counting():
    with nvgre_inspect.open(FABRIC) as session:
        assert numbers(session, "vsid == 5001") == expected("vsid == 5001")
        assert session.flows["packets_fwd"].sum() > 0


def test_a_pipe_is_read_once_or_kept(monkeypatch):
    class Stdin(io.TextIOWrapper):
        pass

    with FABRIC.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", Stdin(file))
        with nvgre_inspect.open("-") as session:
            assert numbers(session, "packets_fwd > 20") == expected("packets_fwd > 20")


def test_interfaces_and_what_is_missing():
    with nvgre_inspect.open(FABRIC) as session:
        rows = {row for one in session.frames() for row in one.batch.interface.tolist()}
        assert [session.interfaces[row].name for row in rows] == ["tor1-mirror"]
    with nvgre_inspect.open(FABRIC, interface="eth9") as session, pytest.raises(UsageError, match="tor1-mirror"):
        numbers(session)


@pytest.mark.parametrize("options", [{}, {"count": 5}], ids=str)
def test_interfaces_are_those_of_the_reading_that_goes_on(options):
    """A rewriter gets them once, and looks again at each batch."""
    with nvgre_inspect.open(FABRIC, **options) as session:
        interfaces = session.interfaces
        assert len(interfaces) == 0
        for _ in range(2):
            for one in session.frames():
                assert [info.name for info in interfaces[:]] == ["tor1-mirror"]
                assert interfaces[int(one.batch.interface[0])].linktype == 1
