"""Options for tshark: which may be one, how they get there, and what never shows them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nvgre_inspect.wireshark.settings import Settings, environment, invalid_option, refused, write_options
from nvgre_inspect.wireshark.tshark import TsharkError

ESP = 'uat:esp_sa:"IPv4","*","*","*","NULL","","NULL",""'


@pytest.mark.parametrize("text", ["tls.keylog_file:/keys", "a.b-c_d:", "wlan.wep_key1:a:b", ESP])
def test_options(text: str) -> None:
    assert invalid_option(text) == ""


@pytest.mark.parametrize(
    "text", ["", "secret", ":secret", "a b:secret", "a:secret\nb:c", "uat:secret", "uat:../x:secret"]
)
def test_what_is_none(text: str) -> None:
    assert invalid_option(text)
    assert "secret" not in invalid_option(text)


def test_they_are_written_where_wireshark_keeps_its_own(tmp_path: Path) -> None:
    write_options(("tls.keylog_file:/a:b", ESP, 'uat:esp_sa:"IPv6"', "tcp.x:TRUE"), tmp_path)
    assert (tmp_path / "preferences").read_text() == "tls.keylog_file: /a:b\ntcp.x: TRUE\n"
    assert (tmp_path / "esp_sa").read_text() == '"IPv4","*","*","*","NULL","","NULL",""\n"IPv6"\n'
    assert {path.name for path in tmp_path.iterdir()} == {"preferences", "esp_sa"}


def test_none_is_written_anywhere_else(tmp_path: Path) -> None:
    with pytest.raises(TsharkError, match="NAME:VALUE"):
        write_options(("uat:../evil:x",), tmp_path)
    assert not list(tmp_path.iterdir())


def test_only_the_user_can_read_them_and_they_vanish() -> None:
    with environment(Settings(options=("a.b:c",))) as surroundings:
        folder = Path(surroundings["WIRESHARK_CONFIG_DIR"])
        assert (folder / "preferences").exists()
        if os.name == "posix":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


@pytest.mark.parametrize(
    ("complaint", "sentence"),
    [
        ("", ""),
        ("Running as user", ""),
        (
            '** (tshark:1) 20:05:27 [Epan WARNING] prefs.c:4641 -- No such preference "foo.bar" at line 2 of /x',
            "tshark has no option foo.bar",
        ),
        (
            "tshark: Error loading table 'ESP SAs': esp_sa:2: expecting field srcIP",
            "tshark cannot read the row that was given for its table ESP SAs",
        ),
    ],
)
def test_what_tshark_says_of_options_it_cannot_use(complaint: str, sentence: str) -> None:
    assert refused(complaint) == sentence
