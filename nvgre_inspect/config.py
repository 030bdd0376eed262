"""The configuration file: names for virtual networks and provider addresses, default options, the keys and looks of
the terminal UI, and what tshark is told.

A TOML file in the platform's configuration folder; `NVGRE_INSPECT_CONFIG` or `--config` name another one.
Everything in it is optional. What the command line says wins over the file. A key that is not known, or a value
that cannot be, is an error that names the key's path: an ignored misspelling would be a tenant without a name.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from dissectors import encaps
from nvgre_inspect.actions import ACTIONS
from nvgre_inspect.keys import DEFAULTS, Keys, KeysError, remapped
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.spelling import unknown_keys

ENVIRONMENT = "NVGRE_INSPECT_CONFIG"
COLOR_CHOICES = ("auto", "always", "never")
TIME_CHOICES = ("a", "ad", "d", "e", "u")
GRE_KEY_CHOICES = ("auto", "nvgre", "key32")
THEME_CHOICES = ("dark", "light", "ansi")


class ConfigError(Exception):
    """The configuration file cannot be used; the text is one sentence that names the file and the key."""


@dataclass(frozen=True, slots=True)
class Options:
    """Default options, as the `[options]` table of the file gives them."""

    color: str = "auto"
    time: str = "u"
    gre_key: str = "auto"
    decode_as: tuple[str, ...] = ()
    idle_timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Tui:
    """How the terminal UI looks and listens, as the `[tui]` table of the file says."""

    theme: str = "dark"
    mouse: bool = True


@dataclass(frozen=True, slots=True)
class Tshark:
    """Which tshark is asked and what it is told, as the `[tshark]` table of the file says."""

    path: str = ""
    #: `NAME:VALUE` each. They may be keys: no message shows them.
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """What the configuration file says; all defaults where there is none."""

    options: Options = field(default_factory=Options)
    names: Names = field(default_factory=Names)
    tui: Tui = field(default_factory=Tui)
    keys: Keys = field(default_factory=Keys)
    tshark: Tshark = field(default_factory=Tshark)


#: What the template says about each option, line by line; those of `[tui]` and `[tshark]` too.
MEANINGS: dict[str, tuple[str, ...]] = {
    "color": ("Colours: auto (on a terminal), always, never. NO_COLOR switches auto off.",),
    "time": (
        "Times for people: a local time, ad local date and time, d seconds since the row before,",
        "e seconds since 1970, u UTC date and time. Exports are always UTC.",
    ),
    "gre_key": (
        "Keyed GRE that carries Ethernet is NVGRE or GRETAP; the bytes are the same.",
        "auto decides by the key, nvgre and key32 decide by hand.",
    ),
    "decode_as": ('Ports that carry what is not expected there, for example ["udp.port==8473,vxlan"].',),
    "idle_timeout": ("Seconds of silence in the capture that end a flow which is not TCP; 0: never.",),
    "theme": ("dark, light, or ansi: the terminal's own sixteen colours.",),
    "path": ("tshark itself or its folder; empty: it is looked for.",),
    "options": (
        'What tshark is told, as its own -o takes it, for example ["tls.keylog_file:/home/me/keys"].',
        "No message and no list of processes shows it. Nothing else of your Wireshark preferences is read.",
    ),
    "mouse": ("Whether the mouse works in the terminal UI; where it does not, the terminal selects text with it.",),
}

_HEAD = """\
# nvgre-inspect: configuration. Every line is optional; the values shown are the defaults.
"""
_NAMES = """
# Names are shown beside the numbers. A key with an encapsulation names that tenant only, "nvgre:5001";
# without one it names the number in every encapsulation.
[names.vsid]
# 5001 = "blue"
# "vxlan:7001" = "storage"

# Provider addresses: the hosts and gateways of the underlay.
[names.pa]
# "192.0.2.1" = "host-a"

# The terminal UI.\
"""
_TSHARK = """
# Wireshark's tshark, which deep dissection, --tshark-filter, follow and verify ask.\
"""
_KEYS = """
# Keys of the terminal UI: a character ("y", "G"), a name ("enter", "f1", "pagedown"), either with ctrl+, alt+ or
# shift+, or a sequence with spaces between ("g g"); a list where several keys do the same. What an action is given here
# takes the place of its default keys.
[keys]\
"""


def template() -> str:
    """The commented template that `nvgre-inspect config` prints: valid TOML whose values are the defaults."""
    tables = [
        *_settings("options", Options()),
        _NAMES,
        *_settings("tui", Tui()),
        _TSHARK,
        *_settings("tshark", Tshark()),
    ]
    return "\n".join([_HEAD, *tables, *_key_lines(), ""])


def _settings(table: str, defaults: Options | Tui | Tshark) -> Iterator[str]:
    yield f"[{table}]"
    for setting in fields(defaults):
        yield from (f"# {line}" for line in MEANINGS[setting.name])
        yield f"# {setting.name} = {_toml(getattr(defaults, setting.name))}"


def _key_lines() -> Iterator[str]:
    yield _KEYS
    group = None
    for action in ACTIONS.values():
        if action.group is not group:
            group = action.group
            yield f"# -- {group}"
        keys = DEFAULTS[action.name]
        yield f"# {action.name} = {_toml(keys if len(keys) > 1 else keys[0])}"


def _toml(value: str | float | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else '"' + str(value).replace("\\", r"\\") + '"'


def default_path() -> Path:
    """Where the file is looked for: `NVGRE_INSPECT_CONFIG`, else the platform's configuration folder."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("nvgre-inspect", appauthor=False) / "config.toml"


def load(path: str | Path | None = None) -> Config:
    """Read the file at `path`, or the default one. A default file that does not exist is an empty one.

    Raises ConfigError if a file that was asked for is missing, or if what is in the file cannot be used.
    """
    import tomllib  # imported here: only commands that read the file pay for it

    asked = path is not None or bool(os.environ.get(ENVIRONMENT))
    where = Path(path) if path is not None else default_path()
    try:
        document = tomllib.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if asked:
            raise ConfigError(f"{where}: no such configuration file") from None
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{where}: cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from None
    try:
        return parse(document)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def parse(document: Mapping[str, Any]) -> Config:
    """The configuration in a parsed TOML document. Raises ConfigError with the path of the offending key."""
    _known(document, ("options", "names", "tui", "keys", "tshark"), "")
    options = _checked(document, "options", _CHECKS)
    tui = _checked(document, "tui", _TUI_CHECKS)
    tshark = _checked(document, "tshark", _TSHARK_CHECKS)
    names = _table(document, "names", "names")
    _known(names, ("vsid", "pa"), "names.")
    try:
        keys = remapped(_table(document, "keys", "keys"))
    except KeysError as error:
        raise ConfigError(str(error)) from None
    return Config(
        options=Options(**options),
        tui=Tui(**tui),
        keys=keys,
        tshark=Tshark(**tshark),
        names=Names(
            vsids=_names(_table(names, "vsid", "names.vsid"), "names.vsid", _vsid_key),
            pas=_names(_table(names, "pa", "names.pa"), "names.pa", _address_key),
        ),
    )


def _checked(document: Mapping[str, Any], name: str, checks: Mapping[str, Callable[[Any, str], Any]]) -> dict[str, Any]:
    """The settings of a table by name, each as its check gives it."""
    table = _table(document, name, name)
    _known(table, checks, f"{name}.")
    return {key: checks[key](value, f"{name}.{key}") for key, value in table.items()}


def _known(table: Mapping[str, Any], valid: Iterable[str], prefix: str) -> None:
    for sentence in unknown_keys(table, valid, prefix):
        raise ConfigError(sentence)


def _table(document: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: has to be a table")
    return value


def _choice(choices: tuple[str, ...]) -> Callable[[Any, str], str]:
    def check(value: Any, path: str) -> str:
        if value not in choices or not isinstance(value, str):
            raise ConfigError(f"{path}: has to be one of {', '.join(choices)}, not {value!r}")
        return value

    return check


def _texts(value: Any, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{path}: has to be a list of texts, not {value!r}")
    return tuple(value)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{path}: has to be a text, not {value!r}")
    return value


def _tshark_options(value: Any, path: str) -> tuple[str, ...]:
    from nvgre_inspect.wireshark.settings import invalid_option  # which few runs need

    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{path}: has to be a list of texts")
    for reason in filter(None, map(invalid_option, value)):
        raise ConfigError(f"{path}: {reason}")
    return tuple(value)


def _switch(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{path}: has to be true or false, not {value!r}")
    return value


def _seconds(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ConfigError(f"{path}: has to be seconds, 0 or more, not {value!r}")
    return float(value)


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "color": _choice(COLOR_CHOICES),
    "time": _choice(TIME_CHOICES),
    "gre_key": _choice(GRE_KEY_CHOICES),
    "decode_as": _texts,
    "idle_timeout": _seconds,
}
_TUI_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "theme": _choice(THEME_CHOICES),
    "mouse": _switch,
}
_TSHARK_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "path": _text,
    "options": _tshark_options,
}


def _names(table: Mapping[str, Any], path: str, key_of: Callable[[str, str], Any]) -> dict[Any, str]:
    named: dict[Any, str] = {}
    for key, value in table.items():
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{path}.{key}: has to be a name in quotation marks, not {value!r}")
        named[key_of(key, f"{path}.{key}")] = value
    return named


def _vsid_key(key: str, path: str) -> str | int:
    """`5001`, `0x1389` -> 5001; `nvgre:5001` -> "nvgre:5001"; `gre`, for packets without an id, as it is."""
    if key in encaps.CODES:
        return key
    encap, colon, number = key.rpartition(":")
    if colon and encap not in encaps.CODES:
        near = difflib.get_close_matches(encap, encaps.CODES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{path}: no encapsulation is called {encap}{hint}")
    try:
        vsid = int(number, 0)
    except ValueError:
        raise ConfigError(f"{path}: has to be a number, or an encapsulation and a number as nvgre:5001") from None
    if not 0 <= vsid < 1 << 32:
        raise ConfigError(f"{path}: no identifier is that large")
    return f"{encap}:{vsid}" if colon else vsid


def _address_key(key: str, path: str) -> str:
    try:
        return str(ipaddress.ip_address(key))
    except ValueError:
        raise ConfigError(f"{path}: not an IPv4 or IPv6 address") from None
