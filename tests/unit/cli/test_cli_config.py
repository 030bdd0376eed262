"""The configuration file: template, defaults, names, and errors that name the key."""

import re
import tomllib

import pytest

from nvgre_inspect import config
from nvgre_inspect.actions import ACTIONS
from nvgre_inspect.config import Config, ConfigError, Options, Tshark, Tui, load, parse, template
from nvgre_inspect.keys import Keys


def uncommented(text):
    """The template as a user who uncomments every setting has it."""
    return re.sub(r"(?m)^# (?=[\w\"].* = )", "", text)


def test_the_template_is_valid_as_it_stands():
    assert parse(tomllib.loads(template())) == Config()


def test_every_value_in_the_template_is_the_default():
    document = tomllib.loads(uncommented(template()))
    assert set(document["options"]) == set(Options.__dataclass_fields__)
    assert set(document["tui"]) == set(Tui.__dataclass_fields__)
    assert set(document["tshark"]) == set(Tshark.__dataclass_fields__)
    assert list(document["keys"]) == list(ACTIONS)
    made = parse(document)
    assert (made.options, made.tui, made.keys, made.tshark) == (Options(), Tui(), Keys(), Tshark())


def test_the_names_in_the_template_are_valid():
    names = parse(tomllib.loads(uncommented(template()))).names
    assert names.vsid("nvgre", 5001) == "blue"
    assert names.vsid("vxlan", 7001) == "storage"
    assert names.vsid("nvgre", 7001) is None
    assert names.pa("192.0.2.1") == "host-a"


def test_every_option_is_explained():
    assert set(config.MEANINGS) == {
        *Options.__dataclass_fields__,
        *Tui.__dataclass_fields__,
        *Tshark.__dataclass_fields__,
    }


def test_the_terminal_ui():
    made = parse(tomllib.loads("[tui]\ntheme = 'ansi'\nmouse = false\n[keys]\nmark = 'm'\ntop = ['g t', 'home']"))
    assert made.tui == Tui(theme="ansi", mouse=False)
    assert made.keys.changed == {"mark": ("m",), "top": ("g t", "home")}


def test_tshark():
    made = parse({"tshark": {"path": "/opt/tshark", "options": ["tls.keylog_file:/keys", 'uat:esp_sa:"IPv4","*"']}})
    assert made.tshark == Tshark("/opt/tshark", ("tls.keylog_file:/keys", 'uat:esp_sa:"IPv4","*"'))


@pytest.mark.parametrize("options", ["secret", ["no-colon-secret"], [["secret"]], ["a:secret\nb"], ["uat:secret"]])
def test_what_is_no_option_of_tsharks_is_said_without_showing_it(options):
    with pytest.raises(ConfigError, match=r"^tshark\.options: ") as error:
        parse({"tshark": {"options": options}})
    assert "secret" not in str(error.value)


def test_options_and_names():
    document = tomllib.loads("""
        [options]
        color = "never"
        decode_as = ["udp.port==8473,vxlan"]
        idle_timeout = 0
        [names.vsid]
        0x1389 = "blue"
        "vxlan:0x10" = "green"
        "gre" = "no id"
        [names.pa]
        "2001:DB8:0:0::1" = "host-b"
    """)
    made = parse(document)
    assert made.options == Options(color="never", decode_as=("udp.port==8473,vxlan",), idle_timeout=0.0)
    assert dict(made.names.vsids) == {5001: "blue", "vxlan:16": "green", "gre": "no id"}
    assert dict(made.names.pas) == {"2001:db8::1": "host-b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[option]", "option: unknown key; did you mean options?"),
        ("[options]\ncolour = 'auto'", "options.colour: unknown key; did you mean options.color?"),
        ("[options]\nxyzzy = 1", "options.xyzzy: unknown key; known here: color, time, "),
        ("[options]\ncolor = 'blue'", "options.color: has to be one of auto, always, never, not 'blue'"),
        ("[options]\ncolor = ['auto']", "options.color: has to be one of"),
        ("[options]\nidle_timeout = -1", "options.idle_timeout: has to be seconds, 0 or more, not -1"),
        ("[options]\nidle_timeout = true", "options.idle_timeout: has to be seconds"),
        ("[options]\nidle_timeout = inf", "options.idle_timeout: has to be seconds"),
        ("[options]\ndecode_as = 'x'", "options.decode_as: has to be a list of texts, not 'x'"),
        ("[tui]\nthem = 'dark'", "tui.them: unknown key; did you mean tui.theme?"),
        ("[tui]\ntheme = 'blue'", "tui.theme: has to be one of dark, light, ansi, not 'blue'"),
        ("[tui]\nmouse = 1", "tui.mouse: has to be true or false, not 1"),
        ("[key]\nmark = 'm'", "key: unknown key; did you mean keys?"),
        ("[keys]\nmarc = 'm'", "keys.marc: no action is called marc; did you mean keys.mark?"),
        ("[keys]\nmark = 'z'", "keys.mark: z already is sort_reverse: "),
        ("keys = 'vim'", "keys: has to be a table"),
        ("options = 3", "options: has to be a table"),
        ("[names.vsids]", "names.vsids: unknown key; did you mean names.vsid?"),
        ("[names.vsid]\nblue = 'x'", "names.vsid.blue: has to be a number"),
        ("[names.vsid]\n'nvgr:1' = 'x'", "names.vsid.nvgr:1: no encapsulation is called nvgr; did you mean nvgre?"),
        ("[names.vsid]\n4294967296 = 'x'", "names.vsid.4294967296: no identifier is that large"),
        ("[names.vsid]\n5001 = 7", "names.vsid.5001: has to be a name in quotation marks, not 7"),
        ("[names.pa]\n'10.0.0' = 'x'", "names.pa.10.0.0: not an IPv4 or IPv6 address"),
    ],
)
def test_errors_name_the_key(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(tomllib.loads(text))
    assert str(caught.value).startswith(message)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    monkeypatch.setenv(config.ENVIRONMENT, str(path))
    return path


def test_the_environment_names_the_file(elsewhere):
    elsewhere.write_text("[options]\ntime = 'e'\n")
    assert config.default_path() == elsewhere
    assert load().options.time == "e"


def test_a_file_that_was_asked_for_has_to_be_there(elsewhere, tmp_path):
    with pytest.raises(ConfigError, match="no such configuration file"):
        load()
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "other.toml"))):
        load(tmp_path / "other.toml")


def test_the_default_file_need_not_exist(tmp_path, monkeypatch):
    monkeypatch.delenv(config.ENVIRONMENT, raising=False)
    monkeypatch.setattr(config, "default_path", lambda: tmp_path / "none.toml")
    assert load() == Config()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[options\n", "not valid TOML: "),
        (b"\xff\xfe", "cannot be read: not UTF-8 text"),
        (b"[options]\nx = 1\n", "options.x: unknown key"),
    ],
)
def test_errors_name_the_file(elsewhere, content, message):
    elsewhere.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value).startswith(f"{elsewhere}: {message}")
