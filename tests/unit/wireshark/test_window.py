"""A Wireshark window: the file is there as long as the window, and what keeps it from opening is a sentence."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nvgre_inspect.session import open_session
from nvgre_inspect.wireshark import opened
from nvgre_inspect.wireshark.profile import folders, install
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError, TsharkMissingError
from nvgre_inspect.wireshark.window import window
from nvgre_inspect.with_tshark.opening import open_packets

pytestmark = pytest.mark.skipif(os.name != "posix", reason="stands in for Wireshark with a shell script")
FABRIC = Path(__file__).parents[3] / "samples" / "fabric.pcapng"


@pytest.fixture
def wireshark(tmp_path: Path, monkeypatch) -> Callable[[str], Settings]:
    """A stand-in for Wireshark, a display, and a user without any settings."""
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(tmp_path / "config"))

    def make(script: str) -> Settings:
        path = tmp_path / "wireshark"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Settings(path=str(tmp_path))

    return make


def eventually(done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not done():
        if time.monotonic() > deadline:
            return False
        os.sched_yield()
    return True


def test_exactly_these_packets_until_the_window_is_closed(wireshark, tmp_path: Path) -> None:
    close = tmp_path / "close"
    os.mkfifo(close)
    settings = wireshark(f'cp "$2" {tmp_path}/shown; echo "$@" > {tmp_path}/words; read line < {close}')
    with open_session(FABRIC) as session:
        session.read()
        assert open_packets(session, [7, 3, 2299], settings) == 3
        expected = [session.frame(number) for number in (7, 3, 2299)]
    assert eventually((tmp_path / "words").exists)
    option, file = (tmp_path / "words").read_text().split()
    assert option == "-r"
    assert Path(file).exists()
    with open_session(tmp_path / "shown") as shown:
        found = [shown.frame(number) for number in (1, 2, 3)]
    assert [(one.data, one.ts_ns, one.comment) for one in found] == [
        (one.data, one.ts_ns, one.comment) for one in expected
    ]
    close.write_text("now\n")
    assert eventually(lambda: not Path(file).parent.exists())


def test_the_profile_is_used_if_it_is_installed(wireshark, tmp_path: Path) -> None:
    install(folders())
    settings = wireshark(f'echo "$@" > {tmp_path}/part; mv {tmp_path}/part {tmp_path}/words')
    with open_session(FABRIC) as session:
        session.read()
        open_packets(session, [1], settings)
    assert eventually((tmp_path / "words").exists)
    assert (tmp_path / "words").read_text().split()[:3] == ["-C", "nvgre", "-r"]


def test_no_packets_open_nothing(wireshark, tmp_path: Path) -> None:
    with open_session(FABRIC) as session:
        session.read()
        assert open_packets(session, [], wireshark(f"touch {tmp_path}/started")) == 0
    assert not (tmp_path / "started").exists()


def test_a_wireshark_that_ends_at_once(wireshark) -> None:
    with window(wireshark("exit 3")) as made:
        made.file.write_bytes(b"")
        with pytest.raises(TsharkError, match="ended at once, with exit status 3"):
            made.open()
    assert eventually(lambda: not made.file.parent.exists())


def test_what_goes_wrong_before_leaves_nothing(wireshark) -> None:
    with contextlib.suppress(KeyError), window(wireshark("exit 0")) as made:
        made.file.write_bytes(b"")
        raise KeyError
    assert not made.file.parent.exists()


def test_no_display(wireshark, monkeypatch) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(TsharkError, match="no display"), window(wireshark("exit 0")):
        raise AssertionError


def test_no_wireshark(tmp_path: Path) -> None:
    with pytest.raises(TsharkMissingError, match="Wireshark is not installed"), window(Settings(path=str(tmp_path))):
        raise AssertionError


def test_what_wireshark_saved_beside_it_stays(wireshark, tmp_path: Path) -> None:
    wireshark('touch "$(dirname "$2")/saved"')
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "packets.pcapng").write_bytes(b"")
    assert opened.main(str(tmp_path / "wireshark"), str(folder / "packets.pcapng")) == 0
    assert [path.name for path in folder.iterdir()] == ["saved"]
