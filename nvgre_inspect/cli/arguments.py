"""The parser class, and the options that commands share. `--help` imports this: the standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NoReturn

from nvgre_inspect.cli.errors import USAGE, CommandError
from nvgre_inspect.config import COLOR_CHOICES, GRE_KEY_CHOICES, TIME_CHOICES
from nvgre_inspect.model.spelling import nearest

#: The machine-readable formats: name (an option, and the suffix of a file) -> what `--help` says.
FORMATS = {
    "csv": "comma-separated values with a header line",
    "json": "one array of objects",
    "jsonl": "one object a line",
    "parquet": "Apache Parquet",
}

#: Options that those who know tshark and tcpdump will try, and what is here instead.
_TSHARK_OPTIONS = {
    "-r": "captures are named without an option",
    "-n": "names are never looked up",
    "-V": "nvgre-inspect dissect FILE NUMBER shows a packet as a tree",
    "-x": "nvgre-inspect dissect FILE NUMBER shows a packet and its bytes",
    "-T": "--csv, --json, --jsonl and --parquet are the formats",
    "-e": "--fields a,b,c chooses columns",
}


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they were written, and room for long options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, names the nearest valid option, and never abbreviates.

    Abbreviations would break scripts on the day a new option begins with the same letters.
    """

    def __init__(self, **settings: object) -> None:
        settings.setdefault("formatter_class", _Formatter)
        super().__init__(allow_abbrev=False, **settings)  # type: ignore[arg-type]  # passed through as they came

    def error(self, message: str) -> NoReturn:
        """End with a usage error."""
        raise CommandError(f"{self.prog}: {message} (see {self.prog} --help)", USAGE)

    def unknown(self, words: list[str], commands: Mapping[str, Parser]) -> NoReturn:
        """End with a usage error about words that no option and no argument took; `commands` may know them."""
        word = words[0].partition("=")[0]
        if not word.startswith("-"):
            self.error(f"{word}: one argument too many")
        takers = [name for name, command in commands.items() if word in command._option_string_actions]
        if not takers:
            self.error(f"unknown option {word}{self._instead(word)}")
        if word == "-Y":
            self.error(
                "-Y FILTER selects rows of one table: nvgre-inspect flows FILE -Y FILTER; here -R FILTER counts "
                "only packets that match"
            )
        of = takers[0] if len(takers) == 1 else f"{', '.join(takers[:-1])} and {takers[-1]}"
        self.error(f"{word} is an option of {of}")

    def _instead(self, word: str) -> str:
        """What was meant by an option that no command has, so far as that can be guessed; begins with a semicolon."""
        if word in _TSHARK_OPTIONS:
            return f"; {_TSHARK_OPTIONS[word]}"
        name = word.lstrip("-")
        if len(name) < 2:  # all other letters are as near
            return ""
        meant = nearest(name, [text[2:] for text in self._option_string_actions if text.startswith("--")])
        return f"; did you mean --{meant}?" if meant else ""

    def synopsis(self) -> str:
        """`nvgre-inspect dissect FILE NUMBER [options]`."""
        values = [value_name(action) for action in self._actions if not action.option_strings]
        return " ".join([self.prog, *values, "[options]"])

    def value_options(self) -> set[str]:
        """The options that take the next word as their value."""
        return {text for text, action in self._option_string_actions.items() if action.nargs != 0}


def value_name(action: argparse.Action) -> str:
    """What stands for the value of an argument: `FILE...`, `auto|always|never`."""
    name = str(action.metavar or "|".join(action.choices or ()) or action.dest.upper())
    if action.nargs == "?":
        return f"[{name}]"
    return f"{name}..." if action.nargs == "+" else name


def add_files(parser: Parser) -> None:
    """FILE..., and what decides how they are read."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        type=nonempty,
        help="a capture (pcap, pcapng; gzip, zstd, xz, lz4), - for stdin",
    )
    group = parser.add_argument_group("reading")
    group.add_argument(
        "-R", dest="read_filter", metavar="FILTER", help="count only packets that match (Wireshark's syntax)"
    )
    group.add_argument(
        "--tshark-filter",
        metavar="FILTER",
        help="of these only packets that pass any Wireshark display filter, by the installed tshark: http.response",
    )
    add_tshark_option(group)
    group.add_argument("-c", dest="count", metavar="COUNT", type=positive, help="stop after COUNT packets of the input")
    group.add_argument(
        "--interface", metavar="NAME", type=nonempty, help="only packets of this interface, by name or number"
    )
    add_idle_timeout(group)
    group.add_argument(
        "--engine",
        choices=("auto", "reference", "kernels"),
        default="auto",
        help="which of the two equal decoders works: auto (default) takes reference for small inputs",
    )
    add_decoding(group)


def add_idle_timeout(group: argparse._ActionsContainer) -> None:
    """When a flow without an end of its own is over."""
    group.add_argument(
        "--idle-timeout",
        metavar="SECONDS",
        type=_seconds,
        help="capture time that ends a silent flow which is not TCP (default: 120; 0: never)",
    )


def add_tshark_option(group: argparse._ActionsContainer) -> None:
    """What tshark is told."""
    group.add_argument(
        "--tshark-option",
        dest="tshark_options",
        action="append",
        metavar="NAME:VALUE",
        type=_tshark_option,
        help="what tshark is told, such as tls.keylog_file:PATH; may be repeated; in the configuration file no other "
        "user of the machine sees it",
    )


def add_decoding(group: argparse._ActionsContainer) -> None:
    """What decides how a packet is understood."""
    group.add_argument(
        "-d",
        dest="decode_as",
        action="append",
        metavar="RULE",
        help="decode as, for example udp.port==8473,vxlan; may be repeated",
    )
    group.add_argument(
        "--gre-key",
        choices=GRE_KEY_CHOICES,
        help="keyed GRE with Ethernet inside: nvgre, key32 (GRETAP), or auto by the key (default)",
    )
    group.add_argument(
        "--dissector",
        dest="dissectors",
        action="append",
        metavar="PYFILE",
        help="load a dissector of your own; may be repeated",
    )


def add_words(parser: Parser) -> None:
    """Configuration, colours, silence: what every command has."""
    group = parser.add_argument_group("general")
    group.add_argument("--config", metavar="FILE", help="another configuration file")
    group.add_argument("--color", choices=COLOR_CHOICES, help="colours (default: auto, on a terminal)")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress and no notes on stderr")


def add_time(group: argparse._ActionsContainer) -> None:
    """How times are shown to people."""
    group.add_argument(
        "-t",
        dest="time",
        choices=TIME_CHOICES,
        metavar="a|ad|d|e|u",
        help="times in tables: a local time, ad with date, d since the row before, e epoch, u UTC (default)",
    )


def add_output(parser: Parser) -> None:
    """Which columns, in which order, in which format, to where."""
    group = parser.add_argument_group("output")
    group.add_argument("--fields", metavar="NAMES", type=_names, help="these columns only, in this order: a,b,c")
    group.add_argument("--sort", metavar="NAMES", type=_names, help="order rows; -name is largest first: -bytes,vsid")
    formats = group.add_mutually_exclusive_group()
    for name, meaning in FORMATS.items():
        formats.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=meaning)
    add_time(group)
    group.add_argument(
        "-o",
        dest="output",
        metavar="PATH",
        type=nonempty,
        help="write there (- is stdout); .csv .json .jsonl .parquet set the format",
    )
    group.add_argument("--force", action="store_true", help="overwrite an existing file")


def positive(text: str) -> int:
    """The type of an argument that counts packets from 1."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of packets")
    return int(text)


def packet_number(text: str) -> int:
    """The type of an argument that names a packet."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a packet's number, which are counted from 1")
    return int(text)


def nonempty(text: str) -> str:
    """The type of an argument that is a name: an unset variable of a script's is none."""
    if not text:
        raise argparse.ArgumentTypeError("a name is needed, not an empty text")
    return text


def identifier(text: str) -> int:
    """The type of an argument that is a VSID, VNI, key or label."""
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a VSID, nor another identifier of at most 32 bits")
    return value


def address(text: str) -> IPv4Address | IPv6Address:
    """The type of an argument that is an IP address."""
    try:
        return ip_address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None


def _tshark_option(text: str) -> str:
    from nvgre_inspect.wireshark.settings import invalid_option

    reason = invalid_option(text)
    if reason:
        # In words of our own: what argparse says of a ValueError quotes the text, which may be a key.
        raise argparse.ArgumentTypeError(reason)
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of columns as a,b,c")
    return names
