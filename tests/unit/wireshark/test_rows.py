"""What tshark prints becomes rows; what it does not know is left out and named."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from nvgre_inspect.wireshark.rows import AGGREGATOR, SEPARATOR, Rows
from nvgre_inspect.wireshark.tshark import TsharkError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="stands in for tshark with a shell script")

Ask = Callable[..., Rows]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Rows of a stand-in for tshark, a shell script."""

    def make(script: str, names: list[str], arguments: tuple[str, ...] = ()) -> Rows:
        path = tmp_path / "tshark"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Rows(str(path), "x.pcap", names, arguments=arguments, environment=dict(os.environ))

    return make


def line(*values: str) -> str:
    """A command that prints one line of values."""
    return f"printf '%s\\n' {shlex.quote(SEPARATOR.join(values))}"


def test_a_line_has_the_values_of_each_field(ask: Ask) -> None:
    rows = ask(line("1", "", f"1{AGGREGATOR}True"), ["ip.ttl", "tcp.len", "ip.flags.mf"])
    assert list(rows) == [{"ip.ttl": ["1"], "tcp.len": [], "ip.flags.mf": ["1", "1"]}]


def test_a_line_of_another_shape_is_an_error(ask: Ask) -> None:
    with pytest.raises(TsharkError, match="2 values for 1 fields"):
        list(ask(line("a", "b"), ["some.field"]))


def test_unknown_fields_are_left_out(ask: Ask) -> None:
    complaint = r"printf 'tshark: Some fields aren'\''t valid:\n\tsome.new\n\tother.new\n' >&2; exit 1"
    rows = ask(f'case "$*" in *some.new*) {complaint};; esac; {line("7")}', ["ip.ttl", "some.new", "other.new"])
    assert list(rows) == [{"ip.ttl": ["7"], "some.new": [], "other.new": []}]
    assert rows.left_out == ["other.new", "some.new"]


def test_unknown_preferences_are_left_out(ask: Ask) -> None:
    complaint = "echo 'tshark: -o flag \"esp.new:TRUE\" specifies unknown preference' >&2; exit 1"
    rows = ask(
        f'case "$*" in *esp.new*) {complaint};; esac; {line("7")}; echo "$*" >&2',
        ["ip.ttl"],
        ("-o", "esp.new:TRUE", "-o", "ip.defragment:FALSE"),
    )
    assert list(rows) == [{"ip.ttl": ["7"]}]
    assert rows.left_out == ["-o esp.new"]


def test_other_complaints_are_errors(ask: Ask) -> None:
    with pytest.raises(TsharkError, match="isn't a capture file"):
        list(ask("echo 'tshark: The file isn'\\''t a capture file' >&2; exit 1", ["ip.ttl"]))
    with pytest.raises(TsharkError, match="crashed"):
        list(ask(f"{line('7')}; kill -SEGV $$", ["ip.ttl"]))


def test_what_stays_unknown_ends(ask: Ask) -> None:
    """A program that finds something wrong with anything."""
    complaint = r"printf 'Some fields aren'\''t valid: %s\n' $word >&2; exit 1"
    rows = ask(
        f'for word in "$@"; do case $word in ip.*) {complaint};; esac; done',
        [f"ip.field{number}" for number in range(20)],
    )
    with pytest.raises(TsharkError, match="no tshark"):
        list(rows)


def test_damage_comes_with_the_rows_before_it(ask: Ask) -> None:
    rows = ask(f"{line('7')}; echo 'tshark: appears to have been cut short' >&2; exit 2", ["ip.ttl"])
    assert list(rows) == [{"ip.ttl": ["7"]}]
    assert rows.damage == "tshark: appears to have been cut short"


@pytest.mark.parametrize(("mask", "offset"), [("0x0", "185"), ("0x1fff", "1480")])
def test_fragment_offsets_are_as_in_the_header(ask: Ask, mask: str, offset: str) -> None:
    """Old versions print bytes; they list the field without a mask."""
    listed = shlex.quote("\t".join(("F", "Fragment Offset", "ip.frag_offset", "FT_UINT16", "ip", "BASE_DEC", mask, "")))
    rows = ask(
        f'case "$*" in "-G fields") printf "%s\\n" {listed};; *) {line(f"0{AGGREGATOR}1480")};; esac',
        ["ip.frag_offset"],
    )
    assert list(rows) == [{"ip.frag_offset": ["0", offset]}]
