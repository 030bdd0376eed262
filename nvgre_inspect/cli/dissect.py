"""`nvgre-inspect dissect FILE NUMBER`: one packet as a tree of its headers and fields, and its bytes; `--deep`: by
tshark.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nvgre_inspect.cli import analysis, asking
from nvgre_inspect.cli.arguments import Parser, add_decoding, add_tshark_option, add_words, nonempty, packet_number
from nvgre_inspect.cli.terminal import Paint
from nvgre_inspect.display.text import counted, escape
from nvgre_inspect.display.times import TimeFormat

if TYPE_CHECKING:
    from dissectors.stack import Layer, Stack
    from nvgre_inspect.cli.progress import ProgressLine
    from nvgre_inspect.config import Config
    from nvgre_inspect.model.source import Frame
    from nvgre_inspect.session import Session
    from nvgre_inspect.with_tshark.deep import DeepPacket

DESCRIPTION = """\
One packet as a tree: every header from the wire to the innermost packet with its fields, then its
bytes. Numbers are those of `nvgre-inspect packets`.

--deep asks tshark, which knows the protocols inside (HTTP, SMB, DNS, TLS, ...): it is given the
tenant's own packets of this conversation, up to this one, and nothing of other tenants.
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("dissect", help="one packet as a tree, and its bytes", description=DESCRIPTION)
    parser.add_argument("file", metavar="FILE", type=nonempty, help="a capture, - for stdin")
    parser.add_argument("number", metavar="NUMBER", type=packet_number, help="the packet's number, from 1")
    reading = parser.add_argument_group("reading")
    add_decoding(reading)
    add_tshark_option(reading)
    parser.add_argument("--deep", action="store_true", help="the tenant's packet by tshark, down to the application")
    asking.add_print_tshark(parser)
    parser.add_argument("--json", action="store_true", help="layers and fields as one JSON object")
    add_words(parser)
    parser.set_defaults(run=run, interface=None, read_filter=None, tshark_filter=None, idle_timeout=None)
    parser.set_defaults(engine="reference", count=None)


def run(arguments: argparse.Namespace) -> int:
    """Walk to the packet, and print it; nothing is counted on the way."""
    settings = analysis.configuration(arguments)
    arguments.files = [arguments.file]
    if arguments.print_tshark:
        return asking.print_tshark(arguments, settings, packet=arguments.number)
    paint = Paint.choose(arguments.color or settings.options.color, sys.stdout)
    about = _About(arguments.number, settings.options.time, paint)
    if not arguments.deep:
        with analysis.opened(arguments, settings) as (session, _):
            return _shown(session, arguments, lambda: _plain(session, arguments, about))
    # What comes after the packet is not read; large inputs are worth the kernels.
    arguments.count, arguments.engine = arguments.number, "auto"
    with asking.tshark_explained(), analysis.opened(arguments, settings, again=True) as (session, progress):
        return _shown(session, arguments, lambda: _deep(session, arguments, settings, about, progress))


def _shown(session: Session, arguments: argparse.Namespace, show: Callable[[], None]) -> int:
    from nvgre_inspect.session import UsageError

    try:
        show()
    except UsageError:
        # The packet may be missing because the file ends early.
        analysis.conclude(session, arguments)
        raise
    return analysis.conclude(session, arguments)


def _plain(session: Session, arguments: argparse.Namespace, about: _About) -> None:
    frame = session.frame(arguments.number)
    stack = session.stack(frame)
    if arguments.json:
        _print_json(_identity(session, arguments.number, frame) | stack.to_dict())
    else:
        print("\n".join([*about(session, frame, stack), *lines(stack, about.paint)]))


def _deep(
    session: Session, arguments: argparse.Namespace, settings: Config, about: _About, progress: ProgressLine | None
) -> None:
    from nvgre_inspect.with_tshark.deep import deep

    try:
        found = deep(session, arguments.number, asking.settings_of(arguments, settings))
    finally:
        if progress is not None:
            progress.clear()
    frame = session.frame(arguments.number)
    stack = session.stack(frame)
    if arguments.json:
        _print_json(_identity(session, arguments.number, frame) | deep_dict(found, stack))
    else:
        print("\n".join([*about(session, frame, stack), *deep_lines(found, stack, about.paint)]))
        if not arguments.quiet:
            analysis.say(said_of(found))


@dataclass(frozen=True, slots=True)
class _About:
    """Says what is known of the packet besides its bytes."""

    number: int
    #: As `-t`.
    time: str
    paint: Paint

    def __call__(self, session: Session, frame: Frame, stack: Stack) -> Iterator[str]:
        from nvgre_inspect.display.packet_tree import about_frame

        section = about_frame(self.number, frame, session.interfaces[frame.interface], stack.path, self.time)
        yield self.paint(section.head.text, "heading")
        yield from (f"    {line.text}" for line in section.lines)


def _identity(session: Session, number: int, frame: Frame) -> dict[str, Any]:
    """For JSON: which packet it is."""
    interface = session.interfaces[frame.interface]
    return {
        "number": number,
        "time": TimeFormat("u", 9)([frame.ts_ns])[0].replace(" ", "T") + "Z",
        "interface": frame.interface,
        "interface_name": interface.name or None,
        "comment": frame.comment or None,
    }


def _print_json(found: Mapping[str, Any]) -> None:
    print(json.dumps(found, indent=2, ensure_ascii=False))


def deep_lines(found: DeepPacket, stack: Stack, paint: Paint) -> Iterator[str]:
    """The headers of the underlay as we see them, and what is inside as tshark does; an empty line, and the bytes."""
    from dissectors.stack import hex_dump

    for layer in underlay(found, stack):
        yield paint(escape(f"{layer.title}, {layer.info}" if layer.info else layer.title), "heading")
        yield from (f"    {escape(field.text)}" for field in layer.fields())
    for protocol in found.tree:
        for depth, node in protocol.lines():
            text = f"{'    ' * depth}{escape(node.label)}"
            yield paint(text, None if depth else "heading")
    yield ""
    yield hex_dump(stack.frame)


def deep_dict(found: DeepPacket, stack: Stack) -> dict[str, Any]:
    """For JSON: the underlay's headers as `to_dict` of the stack has them, and tshark's tree."""
    layers = stack.to_dict()["layers"]
    return {
        "stack": stack.path,
        "underlay": layers[: len(underlay(found, stack))],
        "tree": [node.to_dict() for node in found.tree],
        "packets_given": found.given,
        "packets_left_out": found.left_out,
        "data": stack.frame.hex(),
    }


def underlay(found: DeepPacket, stack: Stack) -> list[Layer]:
    """The headers that were taken off before tshark saw the packet."""
    return [layer for layer in stack.layers if found.stripped and layer.start < stack.inner_start]


def said_of(found: DeepPacket) -> str:
    """What tshark was given."""
    before = found.given - 1
    said = f"tshark was given this packet and {counted(before, 'packet')} of its conversation before it"
    return f"{said}; {found.left_out:,} more were left out" if found.left_out else said


def lines(stack: Stack, paint: Paint) -> Iterator[str]:
    """The headers and anomalies of the tree, an empty line, and the bytes."""
    from dissectors.stack import hex_dump

    # Byte ranges stand on the left; behind them two spaces and a header's title, or a field further in.
    title = 2 * len(str(max(len(stack.frame), 1))) + 3
    # What the tree says of the frame itself was said before.
    for line in stack.tree().split("\n")[2 if stack.path else 1 :]:
        if line.startswith("Anomaly:"):
            yield paint(line, "note")
        else:
            yield paint(line, "heading" if line[title : title + 1] != " " else None)
    yield ""
    yield hex_dump(stack.frame)
