"""What `wireshark install` puts into a user's folders works in the installed tshark, and is gone after uninstall."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import tshark

from nvgre_inspect.cli.main import main
from nvgre_inspect.wireshark.tshark import Outcome, find, run

pytestmark = [
    pytest.mark.interop,
    tshark.needs_tshark,
    pytest.mark.skipif(sys.platform == "win32", reason="another home"),
]


@pytest.fixture
def plugins_are_loaded() -> None:
    if reason := tshark.plugins_refused():
        pytest.skip(reason)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any settings."""
    for name in ("WIRESHARK_CONFIG_DIR", "XDG_CONFIG_HOME", "NVGRE_INSPECT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def ask(*words: str) -> Outcome:
    return run([find(), "-n", *words], environment=dict(os.environ))


@pytest.mark.usefixtures("plugins_are_loaded")
def test_the_fields_are_there_until_they_are_uninstalled(home: Path, samples: Path) -> None:
    question = (
        "-r",
        str(samples / "overlapping-tenants.pcap"),
        "-Y",
        "nvgre.vsid == 5002",
        "-T",
        "fields",
        "-e",
        "ip.src",
    )
    assert ask(*question).status
    assert main(["wireshark", "install", "-q"]) == 0
    assert ask(*question).output.count(b"192.168.50.1,10.0.0.1\n") > 20
    assert main(["wireshark", "uninstall"]) == 0
    assert ask(*question).status
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("plugins_are_loaded")
def test_the_profile_has_columns_and_a_colour_for_each_tenant(home: Path, samples: Path) -> None:
    assert main(["wireshark", "install", "-q"]) == 0
    listing = ask("-C", "nvgre", "-r", str(samples / "overlapping-tenants.pcap"), "-c", "2")
    first, second = listing.output.decode().splitlines()
    assert first.split()[2:6] == ["5001", "181", "192.168.50.1", "-"]
    assert second.split()[2:6] == ["5002", "181", "192.168.50.1", "-"]
    colors = ask(
        *("--color", "-C", "nvgre", "-r", str(samples / "vlan.pcap")),
        *("-T", "fields", "-e", "nvgre.vsid", "-e", "frame.coloring_rule.name"),
    )
    assert "invalid" not in colors.complaint
    rules = dict(line.split("\t") for line in colors.output.decode().splitlines())
    assert rules["5001"] == "Tenant, VSID modulo 7 is 3"
    assert rules["5002"] == "RFC 7637 not kept"


def test_who_installs_is_told_whether_it_is_loaded(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wireshark", "install"]) == 0
    assert ("Lua scripts" in capsys.readouterr().err) == bool(tshark.plugins_refused())


def test_the_script_works_from_where_it_is(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if reason := tshark.scripts_refused():
        pytest.skip(reason)
    assert main(["wireshark", "path"]) == 0
    path = capsys.readouterr().out.strip()
    rows = ask("-X", f"lua_script:{path}", "-r", str(samples / "vlan.pcap"), "-Y", "nvgre.inner_vlan")
    assert rows.output
