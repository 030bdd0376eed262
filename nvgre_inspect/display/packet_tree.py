"""A dissected frame as sections of lines that can be folded: what the terminal UI's layer tree shows.

Each line knows its bytes, so that tree and bytes can point at each other, and whether it is of the tenant's own packet
or of what carries it. Anomalies stand right below the header that shows them, with a sentence that says what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from dissectors import anomalies
from dissectors.base import Field
from dissectors.stack import Layer, Stack
from nvgre_inspect.display.text import counted, escape
from nvgre_inspect.display.times import TimeFormat
from nvgre_inspect.model.source import Frame, InterfaceInfo


class Kind(Enum):
    """What a line is."""

    #: The first line of a section.
    HEAD = auto()
    FIELD = auto()
    #: Shown even where its section is folded.
    ANOMALY = auto()
    #: Likewise: not all of the packet was captured, a comment.
    NOTE = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One line; safe to show on a terminal."""

    kind: Kind
    text: str
    #: Bytes of the frame that it is about; length 0: none.
    start: int
    length: int
    #: Whether it is of the tenant's own packet; everything is, outside any tunnel.
    inner: bool
    #: What it is called in every packet: the field's name, or the text of what has none.
    name: str = ""

    def __contains__(self, offset: int) -> bool:
        return self.start <= offset < self.start + self.length


@dataclass(frozen=True, slots=True)
class Section:
    """A header: its line, and the lines that are folded away below it."""

    #: The same for the same header in other packets: protocol, and which of them it is from outside.
    key: tuple[str, int]
    head: Line
    lines: tuple[Line, ...] = ()


def sections(stack: Stack, about: Section | None = None) -> tuple[Section, ...]:
    """The frame from outside to inside: `about` (see `about_frame`), its headers, payload, padding, what was cut off.

    Fields come in the order of the wire. Anomalies that belong to no header are under `about`.
    """
    made = [] if about is None else [_with_anomalies(about, _elsewhere(stack))]
    seen: dict[str, int] = {}
    for layer in stack.layers:
        seen[layer.name] = seen.get(layer.name, 0) + 1
        made.append(_layer(layer, (layer.name, seen[layer.name]), layer.start >= stack.inner_start))
    made.extend(_rest(stack))
    return tuple(made)


def about_frame(number: int, frame: Frame, interface: InterfaceInfo, path: str, time_style: str) -> Section:
    """What is known of a frame besides its bytes: `path` is its stack, `time_style` that of `-t`."""
    captured = len(frame.data)
    sizes = f"{counted(frame.wirelen, 'byte')} on the wire"
    if captured < frame.wirelen:
        sizes += f", {captured:,} captured"
    time = TimeFormat("u" if time_style == "d" else time_style)
    name = f" ({escape(interface.name)})" if interface.name else ""
    facts = [f"Time: {time([frame.ts_ns])[0]}{time.suffix}", f"Interface: {frame.interface}{name}"]
    if path:
        facts.append(f"Stack: {escape(path)}")
    notes = [f"Comment: {escape(line)}" for line in frame.comment.splitlines()]
    return Section(
        ("frame", 1),
        Line(Kind.HEAD, f"Frame {number}: {sizes}", 0, 0, True, "frame"),
        (
            *(Line(Kind.NOTE, note, 0, 0, True, "comment") for note in notes),
            *(Line(Kind.FIELD, fact, 0, 0, True, fact.partition(":")[0]) for fact in facts),
        ),
    )


def _layer(layer: Layer, key: tuple[str, int], inner: bool) -> Section:
    parts = layer.fields()
    said = ", ".join(filter(None, (layer.title, _addresses(layer.name, parts), layer.info)))
    head = Line(Kind.HEAD, escape(said), layer.start, layer.length, inner, layer.name)
    fields = tuple(
        Line(Kind.FIELD, escape(field.text), field.start, field.length, inner, field.name) for field in parts
    )
    return _with_anomalies(Section(key, head, fields), layer.anomalies)


def _addresses(layer: str, fields: Sequence[Field]) -> str:
    """`10.0.0.1 → 10.0.0.2`, or the MAC addresses; empty for a header that has none, or not both."""
    texts = {field.name: field.text.partition(": ")[2] for field in fields}
    source, destination = texts.get(f"{layer}.src"), texts.get(f"{layer}.dst")
    return f"{source} → {destination}" if source and destination else ""


def _with_anomalies(section: Section, mask: int) -> Section:
    if not mask:
        return section
    head = section.head
    found = tuple(
        Line(Kind.ANOMALY, f"{name}: {sentence}", head.start, head.length, head.inner, name)
        for code, (name, sentence) in anomalies.NAMES.items()
        if mask >> code & 1
    )
    return Section(section.key, head, (*found, *section.lines))


def _elsewhere(stack: Stack) -> int:
    """Anomalies of the frame that no header has."""
    mask = stack.anomalies
    for layer in stack.layers:
        mask &= ~layer.anomalies
    return mask


def _rest(stack: Stack) -> Iterator[Section]:
    start, length = stack.payload
    if length:
        yield _bytes("payload", f"Payload: {counted(length, 'byte')}", start, length, inner=True)
    padding = len(stack.frame) - start - length
    if padding > 0:
        inner = stack.inner_start == 0
        yield _bytes("padding", f"Padding or trailer: {counted(padding, 'byte')}", start + length, padding, inner=inner)
    if len(stack.frame) < stack.wire_len:
        cut = counted(stack.wire_len - len(stack.frame), "byte")
        head = Line(Kind.NOTE, f"Not captured: the last {cut} of the packet", len(stack.frame), 0, True, "cut")
        yield Section(("cut", 1), head)


def _bytes(name: str, text: str, start: int, length: int, *, inner: bool) -> Section:
    return Section((name, 1), Line(Kind.HEAD, text, start, length, inner, name))


def visible(tree: Sequence[Section], unfolded: set[tuple[str, int]]) -> list[tuple[Section, Line]]:
    """The lines that are shown, in order: all of unfolded sections, of the others what is to be seen in any case."""
    shown = []
    for section in tree:
        shown.append((section, section.head))
        unfold = section.key in unfolded
        shown.extend((section, line) for line in section.lines if unfold or line.kind is not Kind.FIELD)
    return shown


def at_byte(tree: Sequence[Section], offset: int) -> tuple[Section, Line] | None:
    """The section and its line that is most about the byte at `offset`; None if no header has it."""
    best: tuple[Section, Line] | None = None
    for section in tree:
        for line in (section.head, *section.lines):
            if line.kind is Kind.ANOMALY or offset not in line:
                continue
            # Of equals the first: the field before its single bits.
            if best is None or line.length < best[1].length:
                best = section, line
    return best
