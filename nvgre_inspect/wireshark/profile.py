"""The Lua dissector and a profile for the user's own Wireshark: install, uninstall.

What goes where: the script into Wireshark's folder of personal Lua plugins, a profile "nvgre" (columns, one colour per
tenant, buttons) into `profiles/nvgre` of the configuration folder, and beside it a list of what was installed, with
checksums. A file that is there already and that this tool did not write, or that was changed since, is the user's: it
is neither replaced nor removed, unless forced. Everything is looked at before anything is written. `recent`, where
Wireshark notes widths of columns and the like whenever it ends, is nobody's: one that is there stays, and it goes with
the rest of the profile.

Limits: Wireshark reads plugins when it starts; one that runs has to be restarted, or told "Reload Lua Plugins".
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from nvgre_inspect.wireshark.tshark import Tshark, TsharkError, run

NAME = "nvgre"
SCRIPT = "nvgre.lua"
#: In the profile's folder: what Wireshark writes itself.
RECENT = "recent"
#: In the profile's folder: path of each installed file -> SHA-256 of what was written there.
LIST = "nvgre-inspect-installed.json"

#: Columns of the packet list: heading, Wireshark's format.
COLUMNS = (
    ("No.", "%m"),
    ("Time", "%t"),
    ("VSID", "%Cus:nvgre.vsid:0:R"),
    ("FlowID", "%Cus:nvgre.flowid:0:R"),
    ("Tunnel", "%Cus:nvgre.tunnel:0:R"),
    ("Source", "%s"),
    ("Destination", "%d"),
    ("Protocol", "%p"),
    ("Length", "%L"),
    ("Info", "%i"),
)
#: Columns that Wireshark would make too narrow: format as in `recent` -> pixels, room for two IPv4 addresses.
WIDTHS = {"%Cus:nvgre.tunnel": 250}
#: What breaks a rule of RFC 7637, in Wireshark's filter language.
BROKEN = (
    "nvgre.vsid.reserved || nvgre.flags.invalid || nvgre.flags.reserved || nvgre.version.invalid || "
    "nvgre.inner_vlan || nvgre.fragmented"
)
_BLACK, _RED = (0, 0, 0), (164, 0, 0)
#: Colour rules, the first that matches counts: name, filter, foreground, background. nvgre.color is VSID modulo 7; the
#: hues are those that tenants have in the terminal.
COLORS = (
    ("RFC 7637 not kept", BROKEN, _RED, (252, 224, 204)),
    ("ICMP error", "icmp.type == 3 || icmp.type == 11 || icmpv6.type == 1 || icmpv6.type == 2", _RED, (240, 240, 240)),
    *(
        (f"Tenant, VSID modulo 7 is {number}", f"nvgre.color == {number}", _BLACK, color)
        for number, color in enumerate(
            (
                (208, 240, 240),  # cyan
                (240, 216, 240),  # magenta
                (212, 220, 248),  # blue
                (184, 248, 248),  # bright cyan
                (255, 204, 252),  # bright magenta
                (188, 204, 255),  # bright blue
                (208, 248, 200),  # bright green
            )
        )
    ),
)
#: Buttons beside the filter bar: label, filter, comment.
BUTTONS = (
    ("NVGRE", "nvgre", "Tenants' packets"),
    ("RFC 7637", BROKEN, "What breaks a rule of RFC 7637"),
)


class InstallError(Exception):
    """Nothing was installed or removed, for the reason that the text gives."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Wireshark's folders of one user."""

    configuration: Path
    plugins: Path

    @property
    def profile(self) -> Path:
        """Where the profile goes."""
        return self.configuration / "profiles" / NAME


@dataclass(frozen=True, slots=True)
class Action:
    """What is done, or would be done, to one file."""

    #: write, replace, keep (as it is already there), remove, leave (the user has changed it).
    verb: str
    path: Path


def script_path() -> Path:
    """Where this installation has the Lua dissector, for `tshark -X lua_script:PATH`."""
    return Path(str(resources.files("dissectors") / "wireshark" / SCRIPT))


def folders(chosen: str | Path | None = None, tshark: Tshark | None = None) -> Folders:
    """`chosen` for everything (scripts in its `plugins`), else what this tshark says, else what the platform has."""
    if chosen is not None:
        return Folders(Path(chosen), Path(chosen) / "plugins")
    said = _said_by(tshark) if tshark is not None else {}
    known = _platform_folders()
    return Folders(
        said.get("Personal configuration", known.configuration), said.get("Personal Lua Plugins", known.plugins)
    )


def _said_by(tshark: Tshark) -> Mapping[str, Path]:
    try:
        outcome = run([tshark.path, "-G", "folders"], timeout_s=30.0)
    except TsharkError:
        return {}
    pairs = (line.partition(":") for line in outcome.output.decode(errors="surrogateescape").splitlines())
    return {name.strip(): Path(value.strip()) for name, _, value in pairs if value.strip()}


def _platform_folders() -> Folders:
    """As Wireshark's own rules are (its User's Guide, "Files and Folders")."""
    named = os.environ.get("WIRESHARK_CONFIG_DIR")
    if sys.platform == "win32":
        at = Path(named or Path(os.environ.get("APPDATA", Path.home())) / "Wireshark")
        return Folders(at, at / "plugins")
    modern = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "wireshark"
    legacy = Path.home() / ".wireshark"
    at = Path(named) if named else legacy if legacy.is_dir() and not modern.is_dir() else modern
    return Folders(at, Path.home() / ".local" / "lib" / "wireshark" / "plugins")


def is_installed(at: Folders) -> bool:
    """Whether there is a profile of that name."""
    return at.profile.is_dir()


def install(
    to: Folders, *, force: bool = False, dry_run: bool = False, report: Callable[[Action], None] = lambda action: None
) -> None:
    """Write the script and the profile. Raises InstallError, before anything is written, if a user's file is in the way
    (without `force`), and if a file cannot be written.
    """
    installed = _installed(to)
    wanted = _contents(to)
    actions = [Action(_verb(path, content, installed), path) for path, content in wanted.items()]
    in_the_way = [action.path for action in actions if action.verb == "leave"]
    if in_the_way and not force:
        listed = ", ".join(map(str, in_the_way))
        raise InstallError(f"there already, and not from this tool (--force replaces): {listed}")
    done: list[Action] = []
    try:
        for action in actions:
            verb = "replace" if action.verb == "leave" else action.verb
            if verb != "keep" and not dry_run:
                _write(action.path, wanted[action.path])
            installed[action.path] = _sum(wanted[action.path])
            done.append(Action(verb, action.path))
    finally:
        # Also where one could not be written: `uninstall` has to know the others.
        if not dry_run:
            sums = {str(path): checksum for path, checksum in installed.items()}
            _write(to.profile / LIST, (json.dumps(sums, indent=1) + "\n").encode())
    for action in done:
        report(action)


def uninstall(
    of: Folders, *, force: bool = False, dry_run: bool = False, report: Callable[[Action], None] = lambda action: None
) -> None:
    """Remove what `install` wrote and the user has not changed since (with `force`, also if changed), and folders that
    are empty then. Raises InstallError if nothing was installed there, or if a file cannot be removed.
    """
    installed = _installed(of)
    if not installed:
        raise InstallError(f"nothing of this tool is installed in {of.configuration}")
    done: list[Action] = []
    is_left = False  # something of the profile
    for path, checksum in sorted(installed.items(), key=lambda item: item[0].name == RECENT):
        there = _read(path)
        if there is None:
            continue
        is_changed = is_left if path.name == RECENT else _sum(there) != checksum
        if is_changed and not force:
            is_left = is_left or path.parent == of.profile
            done.append(Action("leave", path))
            continue
        if not dry_run:
            _remove(path)
        done.append(Action("remove", path))
    if not dry_run:
        _remove(of.profile / LIST)
        for folder in {path.parent for path in installed} | {of.profile}:
            with suppress(OSError):  # not empty, or not ours to remove
                folder.rmdir()
    for action in done:
        report(action)


def _verb(path: Path, content: bytes, installed: Mapping[Path, str]) -> str:
    there = _read(path)
    if there is None:
        return "write"
    if there == content or path.name == RECENT:
        return "keep"
    return "replace" if installed.get(path) == _sum(there) else "leave"


def _contents(to: Folders) -> dict[Path, bytes]:
    return {
        to.plugins / SCRIPT: script_path().read_bytes(),
        to.profile / "preferences": _lines(_preferences()),
        to.profile / "colorfilters": _lines(_color_rules()),
        to.profile / "dfilter_buttons": _lines(_buttons()),
        to.profile / RECENT: _lines(_widths()),
    }


def _lines(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _preferences() -> Iterator[str]:
    yield "# Packet list column format"
    pairs = [f'"{heading}", "{form}"' for heading, form in COLUMNS]
    yield "gui.column.format: " + ", ".join(pairs)


def _widths() -> Iterator[str]:
    yield "column.width: " + ", ".join(f'"{form}", {pixels}' for form, pixels in WIDTHS.items())


def _color_rules() -> Iterator[str]:
    for name, test, foreground, background in COLORS:
        yield f"@{name}@{test}@{_color(background)}{_color(foreground)}"


def _color(rgb: Sequence[int]) -> str:
    """As in Wireshark's files: 16 bits a component."""
    return "[" + ",".join(str(component * 257) for component in rgb) + "]"


def _buttons() -> Iterator[str]:
    for label, test, comment in BUTTONS:
        yield f'"TRUE","{label}","{test}","{comment}"'


def _installed(at: Folders) -> dict[Path, str]:
    """What was installed there; nothing if there is no list that can be read, or where it names other places."""
    content = _read(at.profile / LIST)
    try:
        found = json.loads(content) if content is not None else {}
    except ValueError:
        return {}
    ours = set(_contents(at))
    pairs = found.items() if isinstance(found, dict) else ()
    return {Path(path): checksum for path, checksum in pairs if Path(path) in ours and isinstance(checksum, str)}


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InstallError(f"{path}: cannot be read: {error.strerror}") from None


def _write(path: Path, content: bytes) -> None:
    """At once: Wireshark never sees half a file."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise InstallError(f"{path}: cannot be written: {error.strerror}") from None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InstallError(f"{path}: cannot be removed: {error.strerror}") from None
