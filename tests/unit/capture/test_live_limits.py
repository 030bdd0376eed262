from __future__ import annotations

import pytest

from nvgre_inspect.capture.live.limits import Limits


def test_all_words():
    autostop = ["duration:1.5", "filesize:10", "packets:7", "files:3"]
    ring = ["duration:60", "filesize:1MiB", "packets:1000", "interval:3600", "files:5"]
    assert Limits.parsed(autostop, ring) == Limits(
        stop_seconds=1.5,
        stop_bytes=10_000,
        stop_packets=7,
        stop_files=3,
        file_seconds=60.0,
        file_bytes=1 << 20,
        file_packets=1000,
        interval_seconds=3600.0,
        files=5,
    )


def test_none():
    assert Limits.parsed([], []) == Limits()
    assert not Limits().several_files


@pytest.mark.parametrize(
    ("text", "expected"), [("100", 100_000), ("2MB", 2_000_000), ("1.5gib", 3 << 29), ("12 B", 12), ("0.0001", 1)]
)
def test_sizes(text, expected):
    assert Limits.parsed([], [f"filesize:{text}"]).file_bytes == expected


@pytest.mark.parametrize("word", ["duration:1", "filesize:1", "packets:1", "interval:1"])
def test_what_begins_the_next_file(word):
    assert Limits.parsed([], [word, "files:2"]).several_files


@pytest.mark.parametrize(
    "word",
    [
        "duration:",
        "duration:-1",
        "duration:nan",
        "duration:inf",
        "duration:1s",
        "duration:" + "9" * 400,
        "filesize:0",
        "filesize:1XB",
        "filesize:1e9",
        "packets:1.5",
        "packets:0",
        "packets:" + "9" * 400,
        "files:²",
        "files",
        "size:7",
        "",
    ],
)
def test_what_makes_no_sense_is_said(word):
    with pytest.raises(ValueError, match=r"^-a .*(as in|there are) "):
        Limits.parsed([word], ["packets:1"])


def test_interval_is_of_rings():
    with pytest.raises(ValueError, match="-a interval:5: not a limit; there are duration:60"):
        Limits.parsed(["interval:5"], [])


def test_files_alone_say_nothing():
    with pytest.raises(ValueError, match="add -b filesize:100MB"):
        Limits.parsed([], ["files:3"])
    with pytest.raises(ValueError, match="only one without -b"):
        Limits.parsed(["files:3"], [])
