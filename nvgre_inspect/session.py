"""Session: captures in, Snapshots out. The one facade that the command line, the TUI and notebooks use.

    with nvgre_inspect.open("capture.pcapng") as session:
        session.flows.sort_values("retransmissions_fwd")

`read` reads everything at once, `steps` a batch at a time, for those who want to look in between (`snapshot`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dissectors import dispatch
from nvgre_inspect.capture import CaptureError, Captures, linktype_name
from nvgre_inspect.capture.input import Input
from nvgre_inspect.engine.run import WHICH, Decoder, Engine, Which
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.options import GRE_KEYS, DecodeOptions, Inner
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.model.snapshot import Snapshot, Tables

if TYPE_CHECKING:
    import pandas as pd

    from dissectors.registry import Registry
    from dissectors.stack import Stack
    from nvgre_inspect.flows.filter import Filter
    from nvgre_inspect.flows.packet_pages import PacketPages
    from nvgre_inspect.flows.rates import History
    from nvgre_inspect.model.rows import Rows
    from nvgre_inspect.model.source import Frame, InterfaceInfo
    from nvgre_inspect.model.state import State
    from nvgre_inspect.wireshark.select import Pick
    from nvgre_inspect.wireshark.settings import Settings

#: Of live input: room for so many placements for each flow that is kept.
_PLACEMENTS_PER_FLOW = 8
#: Copies of packets are worth a word to the user from this many on, and from this part of all packets on.
_COPIES_MIN = 20
_COPIES_PART = 0.05


class UsageError(ValueError):
    """The user asked for something that does not exist; one sentence."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a user can choose; the command line's options by the same names."""

    #: Only frames of this interface: its name in the capture, or its row in the captures table.
    interface: str | None = None
    #: `-R`: only frames that pass this filter, before anything is counted.
    read_filter: str | None = None
    #: `--tshark-filter`: of these only frames that pass this Wireshark display filter, tenant by tenant; likewise
    #: before anything is counted.
    tshark_filter: str | None = None
    #: How tshark is called for it; None: with its defaults.
    tshark: Settings | None = None
    #: Read at most this many frames.
    count: int | None = None
    #: `-d`: "udp.port==8473,vxlan".
    decode_as: Sequence[str] = ()
    #: "auto", "nvgre" or "key32".
    gre_key: str = "auto"
    #: Seconds after which a flow that is not TCP ends; 0: never.
    idle_timeout: float = 120.0
    #: Files with dissectors of the user's own.
    dissectors: Sequence[str | Path] = ()
    names: Names = field(default_factory=Names)
    #: "auto", "reference" or "kernels".
    engine: str = "auto"
    #: Keep what comes from a pipe in a temporary file, so that `packets` and `frame` can go back to it.
    spool: bool = True
    #: Of live input: flows and packets that are kept, those of late; None: all.
    max_flows: int | None = None
    max_packets: int | None = None

    @property
    def chooses(self) -> bool:
        """Whether some frames may not be counted."""
        return not (self.interface is None and not self.read_filter and self.tshark_filter is None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far reading has come."""

    bytes_read: int
    #: None: a pipe, whose end is not known.
    total_bytes: int | None
    packets: int
    elapsed_s: float
    #: "reading", "compiling" (the kernels, once per installation), or "asking tshark".
    activity: str = "reading"


Report = Callable[[Progress], None]


def open_session(
    paths: str | Path | Sequence[str | Path],
    *,
    options: SessionOptions | None = None,
    progress: Report | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Session:
    """Open captures ("-": standard input); several are merged by time. Nothing is decoded yet.

    `meanwhile` is called in a thread of its own while a large input is read, to import what its caller will need then;
    None: what DataFrames need.

    Raises CaptureError for what is not a capture or cannot be opened, FilterError and UsageError for options that
    cannot be used. With `tshark_filter` opening and reading raise CaptureError where tshark is missing or fails. Damage
    further on is no error: see `Session.damage`.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    if not paths:
        raise UsageError("no capture was given")
    options = options or SessionOptions()

    def captures() -> Captures:
        # The state has the positions of the frames that were counted, which are all unless some are chosen.
        keep = options.spool or options.tshark_filter is not None
        return Captures(paths, count=options.count, keep=keep, note=options.chooses)

    return Session(captures, options, progress, meanwhile=meanwhile)


class Session(Tables):
    """Open captures and what is known of them. A context manager; see `open_session`."""

    def __init__(
        self,
        source: Callable[[], Input],
        options: SessionOptions,
        progress: Report | None = None,
        on_evict: Callable[[Snapshot], None] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """`source` opens the input, once everything else that was asked for was found to make sense. `on_evict` is
        given the flows that leave, in the thread that reads (`SessionOptions.max_flows`); `meanwhile` as in
        `open_session`.
        """
        self.options = options
        self._progress = progress
        self._decode_options = _decode_options(options, self._dispatch_tables())
        self._read_filter = _compiled(options.read_filter, None)
        self._tshark_pick = _tshark_pick(options)
        self._start_ns: int | None = None
        self._began = time.monotonic()
        self._captures = source()
        self._read_once = False
        self._check_interface_early()
        self._engine = Engine(
            self._decode_options,
            _account_options(options, self._decode_options),
            which=_which(options.engine),
            choose=self._choose if options.chooses else None,
            keep=self._captures.keep,
            overhear=self._captures.overhear,
            on_evict=None if on_evict is None else lambda state: on_evict(self._seen(state)),
            on_compile=lambda: self._report("compiling"),
            # Compressed files hold more than that, and files of which only the first frames are wanted less.
            expected_bytes=None if options.count is not None else self._captures.total_bytes,
            meanwhile=meanwhile or prepare_frames,
        )
        self._snapshot: Snapshot | None = None

    @cached_property
    def _history(self) -> History:
        """Of live input: what was counted some seconds ago."""
        from nvgre_inspect.flows.rates import History

        return History(self._began)

    @cached_property
    def _registry(self) -> Registry:
        """The dissectors: those that come with the project, installed ones, and the user's files."""
        from dissectors.registry import build

        try:
            return build(self.options.dissectors, self.options.decode_as)
        except ValueError as error:
            raise UsageError(str(error)) from None

    def _dispatch_tables(self) -> dispatch.DispatchTables:
        """What ports and protocols announce. The classes of dissectors are loaded only where they have a say."""
        if self.options.dissectors or dispatch.has_plugins():
            return self._registry.tables
        tables = dispatch.DispatchTables.DEFAULT
        try:
            for rule in self.options.decode_as:
                tables = tables.decode_as(rule)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return tables

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self) -> Session:
        """Read to the end; once is enough. KeyboardInterrupt passes through; what was read until then can be used."""
        if self._engine.uses_kernels is None:
            for _ in self.steps():
                pass
        return self

    def steps(self) -> Iterator[None]:
        """Read on, batch by batch; `snapshot` may be asked for in between. RuntimeError if that was begun before."""
        if self._engine.uses_kernels is not None:
            raise RuntimeError("the input is read once; open it again")
        self._began = time.monotonic()
        self._pick()
        for _ in self._engine.process(self._batches()):
            self._snapshot = None
            self._report("reading")
            yield
        self._snapshot = None
        self._check_interface(self._captures.interfaces)

    def _report(self, activity: str) -> None:
        if self._progress is None:
            return
        self._progress(
            Progress(
                self._captures.bytes_read,
                self._captures.total_bytes,
                self._engine.frames,
                time.monotonic() - self._began,
                activity,
            )
        )

    def _pick(self) -> None:
        """Ask tshark which frames are to be counted, if that is its choice and it was not asked yet."""
        pick = self._tshark_pick
        if pick is not None and not pick.is_known:
            with _tshark_needed():
                pick.ask(self._unpicked, self._decode_options, self.decoder, lambda: self.interfaces, self._report)

    def _unpicked(self) -> Iterator[Selected]:
        """All frames that the other options choose."""
        with closing(self._engine.decoded(self._batches())) as items:
            for batch, records, _, numbers in items:
                assert numbers is not None  # some are chosen
                yield Selected(batch, records, numbers, np.ones(len(batch), dtype=bool))
        self._read_once = True

    def _batches(self) -> Iterator[PacketBatch]:
        """The input from its start; a pipe that was read before, from what was kept of it."""
        if self._read_once and not self._captures.can_reopen:
            return self._captures.again(self._engine.frames, np.zeros(0, dtype=np.int64))
        return self._captures.batches()

    def _choose(self, batch: PacketBatch, records: npt.NDArray[np.void], first: int) -> npt.NDArray[np.bool_]:
        """Frames of the interface and the -R filter that were asked for."""
        chosen = np.ones(len(batch), dtype=bool)
        if self._start_ns is None and len(batch):
            self._start_ns = int(batch.ts_ns[0])
        if self.options.interface is not None:
            rows = [row for row, info in enumerate(self._captures.interfaces) if self._is_asked_for(row, info)]
            chosen &= np.isin(batch.interface, rows)
        if self._read_filter is not None and chosen.any():
            chosen &= self._passes(self._read_filter, batch, records, first)
        if self._tshark_pick is not None:
            chosen &= self._tshark_pick.mask(first, len(batch))
        return chosen

    def _passes(
        self,
        asked: Filter | None,
        batch: PacketBatch,
        records: npt.NDArray[np.void],
        number: int | npt.NDArray[np.int64],
    ) -> npt.NDArray[np.bool_]:
        """One bool per frame, by a filter that needs no flows."""
        if asked is None:
            return np.ones(len(batch), dtype=bool)
        return asked.packet_mask(
            batch, records, number, self._start_ns or 0, options=self._decode_options, registry=self._registry
        )

    def _is_asked_for(self, row: int, info: InterfaceInfo) -> bool:
        return self.options.interface in (info.name, str(row))

    def _check_interface_early(self) -> None:
        """Where the files' heads name all interfaces, as in pcap, nothing needs to be read to find one missing."""
        known = self._captures.known_interfaces
        if known is not None:
            self._check_interface(known)

    def _check_interface(self, interfaces: Sequence[InterfaceInfo]) -> None:
        if self.options.interface is None or not interfaces:
            return
        if not any(self._is_asked_for(row, info) for row, info in enumerate(interfaces)):
            raise UsageError(
                f"no interface {self.options.interface!r} in the capture; there are: {_listed(interfaces)}"
            )

    # --- tables ------------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The tables as of now. The same object until more was read."""
        if self._snapshot is None:
            self._snapshot = self._seen(self._engine.state())
            if self.is_live:
                self._snapshot = self._history.look(self._snapshot, time.monotonic())
        return self._snapshot

    def _seen(self, state: State) -> Snapshot:
        from nvgre_inspect.flows.tables import snapshot

        return snapshot(state, self._captures.interfaces, self.options.names, self._decode_options)

    def table(self, name: str) -> pd.DataFrame:
        """A table by name; reads to the end first if nothing was read yet."""
        self.read()
        return self.snapshot().table(name)

    # --- packets -----------------------------------------------------------------------------------------------------

    def packets(self, filter: str | None = None) -> Iterator[pd.DataFrame]:  # noqa: A002 (the option's name)
        """The `packets` table in chunks: the frames that were counted and that pass `filter` (`-Y`).

        Reads the input a second time, since a packet's flow is known only when all was counted.
        """
        return (rows.frame() for rows in self.packet_rows(filter))

    def packet_rows(self, filter: str | None = None) -> Iterator[Rows]:  # noqa: A002
        """As `packets`, as arrays."""
        chosen = _compiled(filter, "packets")
        self.read()
        return self.pages().read_through(chosen)

    def frames(
        self,
        filter: str | None = None,  # noqa: A002 (the option's name)
        *,
        inner: Inner | None = "tenant",
    ) -> Iterator[Selected]:
        """All frames in order, decoded, and which of them pass `filter` (`-Y`).

        `inner` as in DecodeOptions; None: the caller needs no records, and gets none where they can be spared. It is
        one pass without counting anything; where the filter asks for columns of flows, or the input was counted before,
        that pass comes first (a pipe must then have been kept: `SessionOptions.spool`).
        """
        chosen = _compiled(filter, "packets")
        if chosen is not None and chosen.needs_flows:
            self.read()
        counted = self._engine.uses_kernels is not None
        # A filter asks for the records that everybody else sees.
        unfiltered = chosen is None and not self.options.chooses and not counted
        source = self.pages().selected(chosen) if counted else self._once(chosen, inner if unfiltered else "tenant")
        return source if unfiltered or inner is None or inner == "tenant" else self._decoded_again(source, inner)

    def _once(self, chosen: Filter | None, inner: Inner | None) -> Iterator[Selected]:
        self._began = time.monotonic()
        self._pick()
        with closing(self._engine.decoded(self._batches(), inner)) as items:
            for batch, records, frames, numbers in items:
                if self._start_ns is None and len(batch):
                    self._start_ns = int(batch.ts_ns[0])
                if numbers is None:
                    numbers = np.arange(frames - len(batch) + 1, frames + 1)
                yield Selected(batch, records, numbers, self._passes(chosen, batch, records, numbers))
                self._report("reading")
        self._check_interface(self._captures.interfaces)

    def _decoded_again(self, source: Iterator[Selected], inner: Inner) -> Iterator[Selected]:
        decoder = None
        for one in source:
            decoder = decoder or self._engine.decoder(inner)
            yield one._replace(records=decoder.decode(one.batch))

    def decoder(self, inner: Inner = "tenant") -> Decoder:
        """A decoder as the one that `frames` uses, once that has given its first."""
        return self._engine.decoder(inner)

    def decode_options(self, inner: Inner = "tenant") -> DecodeOptions:
        """What the records of `frames` were made with."""
        return replace(self._decode_options, inner=inner)

    @property
    def is_live(self) -> bool:
        """Whether the input comes only now, and goes on until it is ended."""
        return self._captures.keep is not None

    @property
    def is_counted(self) -> bool:
        """Whether `read` or `steps` were begun, so that there are tables."""
        return self._engine.uses_kernels is not None

    @property
    def uses_kernels(self) -> bool:
        """Whether the input is large enough for compiled code: known once frames came."""
        return self._engine.decodes_with_kernels

    @property
    def interfaces(self) -> Sequence[InterfaceInfo]:
        """The interfaces of the input, as far as they are known: what `interface` of frames refers to. Grows."""
        return self._captures.described

    def pages(self, snapshot: Snapshot | None = None) -> PacketPages:
        """Rows of the `packets` table for chosen frames only, of those that `snapshot` (None: that of now) counted.

        Raises RuntimeError if nothing was read yet.
        """
        from nvgre_inspect.flows.packet_pages import PacketPages

        return PacketPages(snapshot or self.snapshot(), self._captures, self._engine.decoder, self._registry)

    def frame(self, number: int) -> Frame:
        """The frame of that number (from 1), read again. UsageError if there is none.

        Before anything was counted, only the walk up to that frame is done.
        """
        if self._engine.uses_kernels is None:
            if self._captures.can_reopen or not self.options.spool:
                return _walk_to(self._captures.batches(), number)
            self.read()
        try:
            return self.pages().frame(number)
        except KeyError:
            raise UsageError(f"there is no packet {number}: the last one is {self._engine.frames}") from None
        except CaptureError:
            # There may be no room to keep what a compressed file holds; it can be read through again.
            return _walk_to(self._captures.again(self._engine.frames, self.snapshot().state.frame_position), number)

    def save_packets(
        self,
        numbers: Iterable[int],
        target: str | Path,
        *,
        force: bool = False,
        snapshot: Snapshot | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Write these frames (numbers from 1, of those that `snapshot` counted) to a pcapng file, in this order.

        Interfaces, times to the nanosecond, lengths on the wire and comments are kept. `progress` is told now and then
        how many were written; an exception of its ends the writing. Returns how many were written. UsageError for a
        number that is not there; CaptureError if the target exists (without `force`), is an input, or cannot be
        written, or frames cannot be read again. Whatever was raised, nothing is left behind.
        """
        from nvgre_inspect.capture.saving import save_frames

        pages = self.pages(snapshot)
        try:
            return save_frames(
                map(pages.frame, numbers),
                pages.interfaces,
                target,
                force=force,
                inputs=self._captures.paths,
                progress=progress,
            )
        except KeyError as error:
            raise UsageError(f"there is no packet {error}: the last one is {pages.last}") from None

    def dissect(self, number: int) -> Stack:
        """The frame of that number (from 1), found as by `frame`, and taken apart for people."""
        return self.stack(self.frame(number))

    def stack(self, frame: Frame) -> Stack:
        """A frame of this input, taken apart for people."""
        from dissectors.stack import dissect

        gre_key: Any = self.options.gre_key
        return dissect(frame.data, frame.wirelen, frame.linktype, gre_key, self._registry)

    # --- words -------------------------------------------------------------------------------------------------------

    @property
    def damage(self) -> list[str]:
        """Why parts of the input could not be read, a sentence each. Empty: all was read."""
        return self._captures.damage

    @property
    def notes(self) -> list[str]:
        """What a user should know about the input besides, a sentence each."""
        notes = self._captures.notes
        for info in self._captures.interfaces:
            if info.unsupported:
                name = linktype_name(info.linktype)
                packets = "1 packet has" if info.unsupported == 1 else f"{info.unsupported:,} packets have"
                notes.append(f"{info.file}: {packets} link type {name}, which is not decoded, only counted")
        if self._engine.uses_kernels is not None:
            notes += self._notes_on_state()
        return notes

    def _notes_on_state(self) -> list[str]:
        state = self.snapshot().state
        notes = []
        copies = int(state.flows["duplicates"].sum())
        if copies >= _COPIES_MIN and copies >= _COPIES_PART * state.frames:
            note = f"{copies:,} of {state.frames:,} packets are second copies of the same packet and counted twice"
            interfaces = self._captures.interfaces
            if len(interfaces) > 1 and self.options.interface is None:
                option = "-i" if self.is_live else "--interface"
                note += f": several observation points in one capture? {option} takes one: {_listed(interfaces)}"
            else:
                note += ": a mirror of both directions, or capture on 'any'?"
            notes.append(note)
        left = int(state.evicted["flows"].sum())
        if left:
            notes.append(f"{left:,} flows left to make room for new ones, those that were idle longest (--max-flows)")
        for table, rows in state.overflow.items():
            notes.append(f"the {table} table is full: {rows:,} packets are not in it")
        return notes

    def close(self) -> None:
        """Close the inputs and remove what was kept of them."""
        self._captures.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


#: Interfaces that a sentence names.
_LISTED = 20


def _listed(interfaces: Sequence[InterfaceInfo]) -> str:
    """`0 (eth0), 1 (no name)`: what --interface takes."""
    named = [f"{row} ({info.name or 'no name'})" for row, info in enumerate(interfaces[:_LISTED])]
    return ", ".join(named) + (", …" if len(interfaces) > _LISTED else "")


def prepare_frames() -> None:
    """Import what DataFrames of the tables need, which takes 0.3 s, most of it pandas."""
    import pandas as pd  # noqa: F401

    prepare_rows()


def prepare_rows() -> None:
    """Import what the tables need as arrays, which is pyarrow."""
    import nvgre_inspect.flows.tables  # noqa: F401


def _walk_to(batches: Iterator[PacketBatch], number: int) -> Frame:
    from nvgre_inspect.model.source import Frame

    first = 1
    for batch in batches:
        i = number - first
        if 0 <= i < len(batch):
            return Frame(
                batch.frame(i),
                int(batch.ts_ns[i]),
                int(batch.wirelen[i]),
                int(batch.linktype[i]),
                int(batch.interface[i]),
                "",
            )
        first += len(batch)
    raise UsageError(f"there is no packet {number}: the last one is {first - 1}")


def _compiled(text: str | None, table: str | None) -> Filter | None:
    if not text:
        return None
    from nvgre_inspect.flows.filter import compile_filter  # with its grammar 0.1 s, which most runs do not need

    return compile_filter(text, table=table)


def _tshark_pick(options: SessionOptions) -> Pick | None:
    if options.tshark_filter is None:
        return None
    from nvgre_inspect.wireshark.select import Pick

    with _tshark_needed():
        return Pick(options.tshark_filter, options.tshark)


@contextmanager
def _tshark_needed() -> Iterator[None]:
    """Without tshark the input cannot be read as it was asked for."""
    from nvgre_inspect.wireshark.tshark import TsharkError

    try:
        yield
    except TsharkError as error:
        raise CaptureError(str(error)) from None


def decode_options(options: SessionOptions) -> DecodeOptions:
    """What a session with these options decodes with. UsageError for options that cannot be used."""
    from dissectors.registry import build

    try:
        return _decode_options(options, build(options.dissectors, options.decode_as).tables)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _decode_options(options: SessionOptions, tables: dispatch.DispatchTables) -> DecodeOptions:
    if options.gre_key not in GRE_KEYS:
        raise UsageError(f"--gre-key {options.gre_key!r} is none of {', '.join(GRE_KEYS)}")
    if not options.idle_timeout >= 0:
        raise UsageError(f"--idle-timeout {options.idle_timeout} is negative")
    idle_ns = round(min(options.idle_timeout, 1e9) * 1_000_000_000)
    return DecodeOptions(gre_key=options.gre_key, tables=tables, idle_timeout_ns=idle_ns)


def _account_options(options: SessionOptions, decode: DecodeOptions) -> AccountOptions:
    account = AccountOptions(idle_timeout_ns=decode.idle_timeout_ns, max_packets=options.max_packets)
    if options.max_flows is None:
        return account
    # There are hardly more endpoints than flows, whoever floods, and few flows that went many ways.
    return replace(
        account,
        evict=True,
        max_flows=options.max_flows,
        max_endpoints=options.max_flows,
        max_placements=min(_PLACEMENTS_PER_FLOW * options.max_flows, account.max_placements),
    )


def _which(engine: str) -> Which:
    if engine not in WHICH:
        raise UsageError(f"--engine {engine!r} is none of {', '.join(WHICH)}")
    which: Any = engine
    return which  # type: ignore[no-any-return]  # narrowed by the line above
