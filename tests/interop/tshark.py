"""tshark as a judge: what an installed tshark says about a capture, field by field, with a cache on disk.

`fields` is the base: one dict per frame, as `nvgre_inspect.wireshark.rows` makes it, which `verify` uses too. `streams`
and `tcp_analysis` add up what the follow-up questions need; `decapsulate` makes the capture of one tenant by tshark and
editcap alone. tshark's answers cost 0.3 s a file and never change, so they are kept under `$NVGRE_INSPECT_TEST_CACHE`,
or the user's cache folder.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import platformdirs
import pytest

from nvgre_inspect.wireshark import scripts
from nvgre_inspect.wireshark.profile import SCRIPT, script_path
from nvgre_inspect.wireshark.rows import STATELESS, Reader, Row, command
from nvgre_inspect.wireshark.tshark import Outcome, TsharkError, find, installed, neutral, neutral_in, run

__all__ = ["STATELESS", "Row", "TsharkError"]

#: What tshark finds of checksums, once `CHECKED` makes it look at them all; BAD is a wrong one.
CHECKSUMS = (
    "ip.checksum.status",
    "tcp.checksum.status",
    "udp.checksum.status",
    "icmp.checksum.status",
    "icmpv6.checksum.status",
    "igmp.checksum.status",
)
CHECKED = tuple(part for name in ("ip", "tcp", "udp") for part in ("-o", f"{name}.check_checksum:TRUE"))
BAD = "0"
#: The words of `tcp.analysis` that are counted.
ANALYSIS = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "lost_segment",
    "ack_lost_segment",
    "duplicate_ack",
    "zero_window",
    "keep_alive",
)


@dataclass(frozen=True)
class Answer:
    rows: list[Row]
    #: What tshark said about the file's end where it is damaged; the rows are those before.
    damage: str


@dataclass
class Direction:
    """What one side of a stream sent."""

    packets: int = 0
    #: Sum of frame.len: whole frames, at their length on the wire.
    bytes: int = 0
    analysis: Counter[str] = field(default_factory=Counter)


#: (source address, source port, destination address, destination port)
Endpoints = tuple[str, int, str, int]


def missing() -> str:
    """Why tests that need tshark cannot run here; empty when they can."""
    try:
        find("tshark")
        find("editcap")
    except TsharkError as error:
        return str(error)
    return ""


needs_tshark = pytest.mark.skipif(bool(missing()), reason=missing())


def is_at_least(*version: int) -> bool:
    """Whether the installed tshark is of that version, or later."""
    return installed().version >= version


@cache
def scripts_refused() -> str:
    """Why this tshark runs no Lua script that it is told to; empty: it does."""
    with neutral() as environment:
        return scripts.refused(installed(), ["-X", f"lua_script:{script_path()}"], environment)


@cache
def plugins_refused() -> str:
    """Why this tshark runs no Lua script of its user's folder; empty: it does."""
    with neutral() as environment:
        plugins = Path(environment["HOME"]) / ".local" / "lib" / "wireshark" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / SCRIPT).write_bytes(script_path().read_bytes())
        return scripts.refused(installed(), environment=environment)


@cache
def version() -> str:
    return _run([find(), "--version"]).output.decode().splitlines()[0]


def fields(path: Path, names: Sequence[str], *, options: Sequence[str] = STATELESS, select: str = "") -> list[Row]:
    """One dict per frame (that the display filter `select` lets through), with `frame.number` always among them.

    Raises TsharkError where tshark cannot open the file, or does not know a field. A file that is damaged later on
    yields the frames before the damage; `ask` says what the damage was.
    """
    return ask(path, names, options=options, select=select).rows


def ask(path: Path, names: Sequence[str], *, options: Sequence[str] = STATELESS, select: str = "") -> Answer:
    """As `fields`, with tshark's word about damage."""
    columns = ["frame.number", *(name for name in dict.fromkeys(names) if name != "frame.number")]
    output, complaint, status = _cached(path, columns, [*options, *(("-Y", select) if select else ())])
    if status and (status == 1 or not output):
        raise TsharkError(complaint)
    reader = Reader(find(), columns)
    rows = [reader.row(line) for line in output.split("\n")[:-1]]
    return Answer(rows, complaint if status else "")


def prefetch(paths: Iterable[Path], names: Sequence[str], *, options: Sequence[str] = STATELESS) -> None:
    """Fill the cache for many files, two at a time (tshark is a process of its own, so threads are enough)."""

    def one(path: Path) -> None:
        with suppress(TsharkError):  # it is cached as well, and told to whoever asks for this file
            ask(path, names, options=options)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(one, paths))


def streams(
    path: Path, protocol: str = "tcp", *, options: Sequence[str] = STATELESS
) -> dict[int, dict[Endpoints, Direction]]:
    """Packets, bytes and (for TCP) analysis of each `tcp.stream` or `udp.stream`, by direction.

    A stream is of the innermost packet. What ICMP errors quote belongs to no stream.
    """
    words = [f"tcp.analysis.{word}" for word in ANALYSIS] if protocol == "tcp" else []
    names = ["frame.protocols", "frame.len", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst"]
    names += [f"{protocol}.stream", f"{protocol}.srcport", f"{protocol}.dstport", *words]
    table: dict[int, dict[Endpoints, Direction]] = {}
    for row in fields(path, names, options=options):
        layers = row["frame.protocols"][0].split(":")
        if protocol not in layers or {"icmp", "icmpv6"} & set(layers):
            continue
        family = next(layer for layer in reversed(layers) if layer in ("ip", "ipv6"))
        source, target = row[f"{family}.src"][-1], row[f"{family}.dst"][-1]
        ends = (source, int(row[f"{protocol}.srcport"][-1]), target, int(row[f"{protocol}.dstport"][-1]))
        stream = table.setdefault(int(row[f"{protocol}.stream"][-1]), {})
        direction = stream.setdefault(ends, Direction())
        direction.packets += 1
        direction.bytes += int(row["frame.len"][0])
        direction.analysis.update(word for word in ANALYSIS if row.get(f"tcp.analysis.{word}"))
    return table


def tcp_analysis(path: Path, *, options: Sequence[str] = STATELESS) -> dict[int, dict[Endpoints, Counter[str]]]:
    """How often each word of `ANALYSIS` was said, by `tcp.stream` and direction."""
    return {
        number: {ends: direction.analysis for ends, direction in stream.items()}
        for number, stream in streams(path, options=options).items()
    }


def decapsulate(path: Path, out: Path, select: str, header_bytes: int) -> Path:
    """The inner frames of the packets that `select` picks, as a pcap, made without any code of this project.

    `header_bytes` is what stands before the inner frame: 42 for NVGRE over IPv4 without tags, 62 over IPv6, 50 for
    VXLAN. Returns `out`.
    """
    chosen = out.with_suffix(".selected")
    for words in (
        [find(), "-n", *STATELESS, "-r", str(path), "-Y", select, "-w", str(chosen)],
        [find("editcap"), "-F", "nsecpcap", "-L", "-C", f"0:{header_bytes}", str(chosen), str(out)],
    ):
        done = _run(words)
        if done.status:
            raise TsharkError(done.complaint)
    chosen.unlink()
    return out


def of_vsid(vsid: int) -> str:
    """The display filter that picks the NVGRE packets of one tenant."""
    return f"gre.key >= {vsid << 8} && gre.key <= {vsid << 8 | 0xFF}"


# --- running and remembering ---------------------------------------------------------------------------------
def cache_folder() -> Path:
    chosen = os.environ.get("NVGRE_INSPECT_TEST_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path("nvgre-inspect") / "tests") / "tshark"


def _cached(path: Path, columns: Sequence[str], arguments: Sequence[str]) -> tuple[str, str, int]:
    """tshark's output, complaint and exit status. An entry that cannot be read is made anew."""
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    fields = [part for name in columns for part in ("-e", name)]
    key = hashlib.sha256(json.dumps([content, version(), *arguments, *fields]).encode()).hexdigest()
    entry = cache_folder() / key[:2] / f"{key}.json.gz"
    try:
        output, complaint, status = json.loads(gzip.decompress(entry.read_bytes()))
        return str(output), str(complaint), int(status)
    except (OSError, EOFError, ValueError):
        pass
    done = _run(command(find(), path, columns, arguments))
    answer = (done.output.decode(errors="backslashreplace"), done.complaint, done.status)
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=entry.parent, delete=False) as part:
        part.write(gzip.compress(json.dumps(answer).encode(), 1))
    Path(part.name).replace(entry)  # at once, for other test workers read it too
    return answer


def _run(words: Sequence[str]) -> Outcome:
    """Run a Wireshark tool with nobody's preferences, in UTC."""
    profile = cache_folder() / "no-preferences"
    profile.mkdir(parents=True, exist_ok=True)
    return run(words, environment=neutral_in(profile))
