"""The dissector and the profile go into a user's folders and come out again; what is the user's own stays."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from nvgre_inspect.wireshark import profile
from nvgre_inspect.wireshark.profile import Action, Folders, InstallError, folders, install, uninstall
from nvgre_inspect.wireshark.tshark import Tshark

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other folders")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any settings of Wireshark's."""
    for name in ("WIRESHARK_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def at(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "config", tmp_path / "lua")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


INSTALLED = {
    "lua/nvgre.lua",
    *(
        f"config/profiles/nvgre/{name}"
        for name in ("preferences", "colorfilters", "dfilter_buttons", "recent", profile.LIST)
    ),
}


def verbs(change, *arguments, **settings) -> set[str]:
    actions: list[Action] = []
    change(*arguments, **settings, report=actions.append)
    return {action.verb for action in actions}


def test_what_was_installed_is_what_is_removed(at: Folders, tmp_path: Path) -> None:
    assert verbs(install, at) == {"write"}
    assert files(tmp_path) == INSTALLED
    assert (at.plugins / "nvgre.lua").read_bytes() == profile.script_path().read_bytes()
    assert verbs(install, at) == {"keep"}
    assert verbs(uninstall, at) == {"remove"}
    assert files(tmp_path) == set()
    assert not at.profile.exists()


def test_other_files_stay(at: Folders, tmp_path: Path) -> None:
    install(at)
    (at.plugins / "other.lua").write_text("-- mine")
    (at.profile / "decode_as_entries").write_text("written by Wireshark")
    uninstall(at)
    assert files(tmp_path) == {"lua/other.lua", "config/profiles/nvgre/decode_as_entries"}


def test_a_dry_run_changes_nothing(at: Folders, tmp_path: Path) -> None:
    assert verbs(install, at, dry_run=True) == {"write"}
    assert files(tmp_path) == set()
    install(at)
    assert verbs(uninstall, at, dry_run=True) == {"remove"}
    assert files(tmp_path) == INSTALLED


def test_a_users_own_file_is_in_the_way(at: Folders, tmp_path: Path) -> None:
    mine = at.plugins / "nvgre.lua"
    mine.parent.mkdir()
    mine.write_text("-- mine")
    with pytest.raises(InstallError, match=r"--force replaces.*nvgre\.lua"):
        install(at)
    assert files(tmp_path) == {"lua/nvgre.lua"}
    assert verbs(install, at, force=True) == {"replace", "write"}
    assert mine.read_bytes() == profile.script_path().read_bytes()


def test_what_the_user_changed_stays(at: Folders, tmp_path: Path) -> None:
    install(at)
    changed = at.profile / "preferences"
    changed.write_text("gui.column.format: mine\n")
    with pytest.raises(InstallError, match="preferences"):
        install(at)
    assert verbs(uninstall, at) == {"remove", "leave"}
    # With what Wireshark notes of the profile that is left.
    assert files(at.profile) == {"preferences", "recent"}
    assert files(tmp_path) == {f"config/profiles/nvgre/{name}" for name in files(at.profile)}
    assert changed.read_text() == "gui.column.format: mine\n"


def test_what_wireshark_notes_for_itself_stays_and_goes_with_the_profile(at: Folders, tmp_path: Path) -> None:
    """It writes `recent` anew whenever it ends."""
    install(at)
    assert "nvgre.tunnel" in (at.profile / "recent").read_text()
    (at.profile / "recent").write_text("gui.zoom_level: 3\n")
    assert verbs(install, at) == {"keep"}
    assert (at.profile / "recent").read_text() == "gui.zoom_level: 3\n"
    assert verbs(uninstall, at) == {"remove"}
    assert files(tmp_path) == set()


def test_force_removes_what_the_user_changed(at: Folders, tmp_path: Path) -> None:
    install(at)
    (at.profile / "preferences").write_text("mine")
    assert verbs(uninstall, at, force=True) == {"remove"}
    assert files(tmp_path) == set()


def test_an_older_version_of_ours_is_replaced(at: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(profile, "COLUMNS", (("No.", "%m"),))
        install(at)
    assert verbs(install, at) == {"keep", "replace"}
    assert "nvgre.vsid" in (at.profile / "preferences").read_text()


def test_all_is_done_whether_somebody_listens_or_not(at: Folders, tmp_path: Path) -> None:
    def gone(action: Action) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        install(at, report=gone)
    assert files(tmp_path) == INSTALLED
    with pytest.raises(BrokenPipeError):
        uninstall(at, report=gone)
    assert files(tmp_path) == set()


def test_what_was_installed_in_part_is_removed(at: Folders, tmp_path: Path) -> None:
    (at.profile / "colorfilters").mkdir(parents=True)
    with pytest.raises(InstallError, match=r"colorfilters: cannot be read"):
        install(at)
    assert files(tmp_path) == set()
    (at.profile / "colorfilters").rmdir()
    (at.profile / ".colorfilters.part").mkdir()
    with pytest.raises(InstallError, match=r"colorfilters: cannot be written"):
        install(at)
    assert files(tmp_path) == {
        "lua/nvgre.lua",
        "config/profiles/nvgre/preferences",
        f"config/profiles/nvgre/{profile.LIST}",
    }
    assert verbs(uninstall, at) == {"remove"}
    assert files(tmp_path) == set()


def test_nothing_to_remove(at: Folders) -> None:
    with pytest.raises(InstallError, match="nothing of this tool is installed"):
        uninstall(at)


@pytest.mark.parametrize("content", ["not JSON", "[]", '{"%s": "0"}', '{"%s": 7}'])
def test_a_list_that_is_not_ours_removes_nothing(at: Folders, tmp_path: Path, content: str) -> None:
    """The list is a file among others: whatever it says, only what install writes can be removed."""
    mine = tmp_path / "mine"
    mine.write_text("mine")
    at.profile.mkdir(parents=True)
    (at.profile / profile.LIST).write_text(content.replace("%s", str(mine)))
    with pytest.raises(InstallError, match="nothing of this tool"):
        uninstall(at, force=True)
    assert mine.exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "lua").write_text("a file")
    with pytest.raises(InstallError, match=r"nvgre\.lua: cannot be (read|written): Not a directory"):
        install(Folders(tmp_path / "config", tmp_path / "lua"))


@unix
def test_folders_of_the_platform(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = home / ".local/lib/wireshark/plugins"
    assert folders() == Folders(home / ".config/wireshark", plugins)
    (home / ".wireshark").mkdir()
    assert folders() == Folders(home / ".wireshark", plugins)
    (home / ".config/wireshark").mkdir(parents=True)
    assert folders() == Folders(home / ".config/wireshark", plugins)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "settings"))
    (home / "settings/wireshark").mkdir(parents=True)
    assert folders() == Folders(home / "settings/wireshark", plugins)
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(home / "chosen"))
    assert folders() == Folders(home / "chosen", plugins)
    assert folders(home / "named") == Folders(home / "named", home / "named/plugins")


def test_folders_of_windows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("APPDATA", str(home / "AppData"))
    assert folders() == Folders(home / "AppData/Wireshark", home / "AppData/Wireshark/plugins")


@unix
def test_folders_that_tshark_names(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "tshark"
    lines = "Temp: /tmp\\nPersonal configuration:\\t/somewhere/config\\nPersonal Lua Plugins:\\t/somewhere/lua\\n"
    path.write_text(f"#!/bin/sh\nprintf '{lines}'\n")
    path.chmod(0o755)
    assert folders(tshark=Tshark(str(path), (4, 0, 0))) == Folders(Path("/somewhere/config"), Path("/somewhere/lua"))
    path.write_text("#!/bin/sh\nexit 1\n")
    assert folders(tshark=Tshark(str(path), (4, 0, 0))) == folders()


def test_the_script_comes_with_the_package() -> None:
    root = Path(__file__).parents[3]
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["dissectors"]
    assert profile.script_path() in {path for pattern in patterns for path in (root / "dissectors").glob(pattern)}


def test_every_tenant_has_one_colour_of_the_profile() -> None:
    from nvgre_inspect.display.colors import TENANT_COLORS

    rules = [test for _, test, _, _ in profile.COLORS if test.startswith("nvgre.color")]
    assert rules == [f"nvgre.color == {number}" for number in range(len(TENANT_COLORS))]
    assert f"TENANT_COLORS = {len(TENANT_COLORS)}" in profile.script_path().read_text()
