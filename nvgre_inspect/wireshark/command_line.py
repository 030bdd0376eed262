"""--print-tshark: the command line that shows the same with tshark.

Packets are asked of tshark directly where our filter has a counterpart there (`translation`). Where it has none, and
wherever conversations are counted, our own `decap` comes first, so that tshark sees the tenants' packets and no others.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from nvgre_inspect.wireshark.translation import UntranslatableError, translated


@dataclass(frozen=True, slots=True)
class View:
    """What is shown here."""

    #: A table's name, `dissect`, or `follow`.
    name: str
    files: Sequence[str]
    #: -R, -Y, --tshark-filter.
    read_filter: str | None = None
    row_filter: str | None = None
    tshark_filter: str | None = None
    interface: str | None = None
    count: int | None = None
    decode_as: Sequence[str] = ()
    gre_key: str | None = None
    #: -t
    time: str | None = None
    #: Of `dissect`: the packet's number.
    packet: int | None = None
    #: Of `follow`: the flow's number, and one of follow.PROTOCOLS.
    flow: int | None = None
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A line for a shell, and what to know of it."""

    text: str
    #: Sentences.
    notes: tuple[str, ...] = ()


#: What tshark is asked for the view of a table, of the tenants' own packets or of the capture as it is.
_OF_TENANTS = {
    "flows": ["-q", "-z", "conv,tcp", "-z", "conv,udp"],
    "endpoints": ["-q", "-z", "endpoints,ip", "-z", "endpoints,ipv6"],
    "findings": ["-q", "-z", "expert"],
}
_OF_CAPTURE = {
    "tunnels": ["-q", "-z", "conv,ip", "-z", "conv,ipv6"],
    "timeline": ["-q", "-z", "io,stat,1"],
}
#: Fields whose different values, counted, come nearest.
_COUNTED = {
    "tenants": ["gre.key", "vxlan.vni", "geneve.vni"],
    "placements": ["ip.src", "ip.dst", "gre.key", "udp.srcport"],
}
_ONE_CONVERSATION = (
    "tenants with the same addresses fall into one conversation there: choose one of them with -Y 'vsid == …'"
)


_RENUMBERED = "tshark counts packets of its own input, not of the capture"
_NO_ROWS = "-Y is left out: tshark does not choose among the rows that it counted"
_NO_FILTERS = "the filters are left out: {} has none"


def command_line(view: View) -> CommandLine:
    """The line for that view. FilterError for filters that are none."""
    if view.name == "captures":
        filters = (view.read_filter, view.row_filter, view.tshark_filter)
        return CommandLine(
            shlex.join(["capinfos", *view.files]), (_NO_FILTERS.format("capinfos"),) if any(filters) else ()
        )
    if view.name == "dissect":
        return CommandLine(_of_capture(view, f"frame.number == {view.packet}", ["-V", "-x"]))
    if view.name == "follow":
        return CommandLine(_of_tenants(view, f"flow == {view.flow}", ["-q", "-z", f"follow,{view.protocol},ascii,0"]))
    if view.name in _OF_TENANTS:
        notes = () if "vsid" in f"{view.row_filter} {view.read_filter}" else (_ONE_CONVERSATION,)
        return CommandLine(_of_tenants(view, view.row_filter, _OF_TENANTS[view.name]), notes)
    try:
        chosen = _display_filter(view)
    except UntranslatableError as reason:
        if view.name != "packets":
            return CommandLine(_of_capture(view, "", _shown(view)), (f"the filters are left out: {reason}",))
        return CommandLine(
            _of_tenants(view, view.row_filter, _shown(view)), (f"by way of decap, since {reason}: {_RENUMBERED}",)
        )
    notes = (_NO_ROWS,) if view.row_filter and view.name != "packets" else ()
    return CommandLine(_of_capture(view, chosen, _shown(view)), notes)


def _shown(view: View) -> list[str]:
    """What tshark is told to print."""
    if view.name in _COUNTED:
        return ["-T", "fields", *(word for field in _COUNTED[view.name] for word in ("-e", field))]
    if view.name in _OF_CAPTURE:
        return _OF_CAPTURE[view.name]
    return [] if view.time is None else ["-t", view.time]


def _display_filter(view: View) -> str:
    """All that is asked of packets, as one display filter. Raises UntranslatableError."""
    parts = [
        translated(text) for text in (view.read_filter, view.row_filter if view.name == "packets" else None) if text
    ]
    if view.interface is not None:
        by_row = view.interface.isdecimal()
        parts.append(
            f"frame.interface_id == {view.interface}"
            if by_row
            else f"frame.interface_name == {_quoted(view.interface)}"
        )
    if view.tshark_filter:
        parts.append(view.tshark_filter)
    return parts[0] if len(parts) == 1 else " && ".join(f"({part})" for part in parts if part)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _of_capture(view: View, display_filter: str, words: Sequence[str]) -> str:
    """tshark on the capture as it is; its filter is said where statistics take it."""
    count = [] if view.count is None else ["-c", str(view.count)]
    rules = [word for rule in view.decode_as for word in ("-d", rule)]
    statistics = list(words)
    select = ["-Y", display_filter] if display_filter else []
    if "-z" in statistics and display_filter:
        # Statistics do not heed -Y; each has a filter of its own.
        statistics = [f"{word},{display_filter}" if "," in word else word for word in statistics]
        select = []
    tail = " | sort | uniq -c" if view.name in _COUNTED else ""
    if len(view.files) == 1:
        return shlex.join(["tshark", "-n", "-r", view.files[0], *rules, *count, *select, *statistics]) + tail
    merge = shlex.join(["mergecap", "-w", "-", *view.files])
    return f"{merge} | {shlex.join(['tshark', '-n', '-r', '-', *rules, *count, *select, *statistics])}{tail}"


def _of_tenants(view: View, row_filter: str | None, words: Sequence[str]) -> str:
    """decap | tshark: the tenants' own packets of what is chosen here."""
    decap = ["nvgre-inspect", "decap", *view.files, "-o", "-"]
    for option, value in (
        ("-Y", row_filter),
        ("-R", view.read_filter),
        ("--tshark-filter", view.tshark_filter),
        ("--interface", view.interface),
        ("--gre-key", view.gre_key),
        ("-c", None if view.count is None else str(view.count)),
    ):
        decap += [option, value] if value else []
    decap += [word for rule in view.decode_as for word in ("-d", rule)]
    return f"{shlex.join(decap)} | {shlex.join(['tshark', '-n', '-r', '-', *words])}"
