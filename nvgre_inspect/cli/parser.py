"""The whole parser, from the modules of the commands; completion and the man page are generated from it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from nvgre_inspect.cli import (
    completion,
    configuration,
    decap,
    dissect,
    encap,
    export,
    follow,
    gateway,
    generate,
    interfaces,
    live,
    man,
    policy,
    replay,
    summary,
    tables,
    translate,
    verify,
    version,
    view,
    wireshark,
)
from nvgre_inspect.cli.arguments import Parser
from nvgre_inspect.version import __version__

#: The modules that hold commands, in the order in which `--help` lists them.
MODULES = (
    view,
    summary,
    tables,
    export,
    follow,
    dissect,
    live,
    interfaces,
    decap,
    encap,
    translate,
    generate,
    replay,
    gateway,
    policy,
    verify,
    wireshark,
    configuration,
    completion,
    man,
    version,
)
#: The command that is meant where none is named: `nvgre-inspect FILE...`.
DEFAULT = "view"

DESCRIPTION = """\
Other tools show packets; this one shows tenants. Open a capture from a virtualised network and
see, per tenant, which flows there are, which underlay path carries each of them, and what is
wrong. For NVGRE, VXLAN, Geneve, GRE and their kin."""

EXAMPLES = """\
examples:
  nvgre-inspect uplink.pcapng                              walk through the capture
  nvgre-inspect summary uplink.pcapng                      the capture at a glance
  nvgre-inspect flows uplink.pcapng -Y 'vsid == 5001' --sort -bytes
  nvgre-inspect tunnels *.pcap.zst --csv -o tunnels.csv
  tcpdump -w - | nvgre-inspect tenants -
  nvgre-inspect decap uplink.pcapng -o tenant.pcapng -Y 'vsid == 5001'
  nvgre-inspect encap tenant.pcapng -o uplink.pcapng --policy policy.toml
  nvgre-inspect translate uplink.pcapng -o vxlan.pcapng --to vxlan --map 5001=7001
  nvgre-inspect replay tenant.pcapng -i veth0 --policy policy.toml --pps 1000
  nvgre-inspect live -i eth0 --tunnels-only -w uplink.pcapng
  nvgre-inspect export uplink.pcapng -o reports/           one table of flows per tenant

exit codes: 0 done, 1 failed, 2 usage or filter error, 3 part of the input was unreadable,
4 verify found differences, 130 interrupted
"""


def build() -> tuple[Parser, dict[str, Parser]]:
    """The parser, and the parser of each command by name; those with actions also as `policy derive`."""
    parser = Parser(
        prog="nvgre-inspect",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        usage="nvgre-inspect [COMMAND] FILE... [options]",
    )
    parser.add_argument("-v", "--version", action="version", version=f"nvgre-inspect {__version__}")
    commands: argparse._SubParsersAction[Parser] = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", prog="nvgre-inspect", parser_class=Parser, required=True
    )
    for module in MODULES:
        module.add_parsers(commands)
    named = dict(_with_actions(commands.choices))
    for name, command in named.items():
        command.usage = command.synopsis()
        command.set_defaults(command=name)
    return parser, named


def _with_actions(commands: Mapping[str, Parser]) -> Iterator[tuple[str, Parser]]:
    for name, command in commands.items():
        yield name, command
        for action in command._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from ((f"{name} {word}", parser) for word, parser in action.choices.items())


def default_command_first(words: list[str], commands: dict[str, Parser]) -> list[str]:
    """`words` with the command in front: the one that was named, else the default one.

    Also joins `--sort -bytes` to `--sort=-bytes`: argparse takes a value that begins with a dash for an option.
    """
    words = _join_sort(words)
    if words[0] in ("-h", "--help", "-v", "--version"):
        return words
    takes_value = commands["flows"].value_options()
    position = 0
    while position < len(words) and words[position].startswith("-") and words[position] not in ("-", "--"):
        position += 2 if words[position] in takes_value else 1
    if position < len(words) and words[position] in commands:
        return [words[position], *words[:position], *words[position + 1 :]]
    return [DEFAULT, *words]


def _join_sort(words: list[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--sort" and word.startswith("-"):
            joined[-1] = f"--sort={word}"
        else:
            joined.append(word)
    return joined
