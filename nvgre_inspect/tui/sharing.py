"""What leaves the terminal UI: rows as CSV, JSON or Parquet, packets as pcapng, texts to the clipboard.

Screens say what they have (`Rows`, `Packets`, `Copyable`); dialogs ask where it goes; workers write it, and tell how it
went by a `Shared` message to the screen.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from textual.message import Message
from textual.worker import get_current_worker

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.text import counted, escape
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.reports.formats import WRITERS
from nvgre_inspect.reports.output import replacing
from nvgre_inspect.session import UsageError
from nvgre_inspect.tui.clipboard import copy
from nvgre_inspect.tui.screens.copy import CopyDialog
from nvgre_inspect.tui.screens.file import FileChoice, FileDialog

if TYPE_CHECKING:
    from nvgre_inspect.tui.screens.base import InspectScreen

#: Rows between two looks at whether somebody wants it to end.
_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table, as they are shown."""

    #: The table in `model.columns`.
    table: str
    #: `33 flows`.
    title: str
    #: Their DataFrames; called in a thread.
    frames: Callable[[], Iterator[pd.DataFrame]]


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets of the capture."""

    #: `12 packets`.
    title: str
    #: Their numbers; called in a thread with what to ask whether to stop.
    numbers: Callable[[Callable[[], bool]], npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Copyable:
    """A text that can be copied."""

    #: `value`, `filter for this row`.
    title: str
    #: The text, or what makes it; called in a thread then.
    text: str | Callable[[], str]


@dataclass
class Shared(Message):
    """How it went; a sentence that is safe to show."""

    sentence: str
    failed: bool = False


class _StoppedError(Exception):
    """Nobody waits for it any more."""


def export(screen: InspectScreen) -> None:
    """Ask for a file, and write the screen's rows into it."""
    rows = screen.rows_to_export()
    if rows is None:
        screen.explain("there are no rows to export here")
        return

    def chosen(choice: FileChoice | None) -> None:
        if choice is not None:
            screen.show_status(f"writing {escape(str(choice.path))} …")
            screen.run_worker(partial(_write_rows, screen, rows, choice), thread=True, group="sharing")

    name = f"{_stem(screen)}-{rows.table}.csv"
    screen.app.push_screen(FileDialog(f"Export {rows.title}", name, tuple(WRITERS)), chosen)


def save_packets(screen: InspectScreen) -> None:
    """Ask for a file, and write the screen's packets into it."""
    packets = screen.packets_to_save()
    if packets is None:
        screen.explain("there are no packets to save here")
        return

    def chosen(choice: FileChoice | None) -> None:
        if choice is not None:
            screen.show_status(f"writing {escape(str(choice.path))} …")
            screen.run_worker(partial(_write_packets, screen, packets, choice), thread=True, group="sharing")

    name = f"{_stem(screen)}-packets.pcapng"
    screen.app.push_screen(FileDialog(f"Save {packets.title}", name, ("pcapng",)), chosen)


def copy_something(screen: InspectScreen) -> None:
    """Ask which of the screen's texts, and copy it."""
    offers = screen.copyables()
    if not offers:
        screen.explain("there is nothing to copy here")
        return

    def chosen(place: int | None) -> None:
        if place is not None:
            screen.run_worker(_copy(screen, offers[place]), group="sharing")

    lines = [(offer.title, offer.text if isinstance(offer.text, str) else "") for offer in offers]
    screen.app.push_screen(CopyDialog(lines), chosen)


async def _copy(screen: InspectScreen, offer: Copyable) -> None:
    try:
        text = offer.text if isinstance(offer.text, str) else await asyncio.to_thread(offer.text)
    except (CaptureError, UsageError) as error:
        screen.post_message(Shared(escape(str(error)), failed=True))
    else:
        screen.post_message(Shared(escape(await copy(screen.app, text))))


# --- in threads -------------------------------------------------------------------------------------------------------


def _write_rows(screen: InspectScreen, rows: Rows, choice: FileChoice) -> None:
    worker = get_current_worker()

    def pieces() -> Iterator[pd.DataFrame]:
        for frame in rows.frames():
            for start in range(0, max(len(frame), 1), _CHUNK):
                if worker.is_cancelled:
                    raise _StoppedError
                yield frame.iloc[start : start + _CHUNK]

    def write() -> str:
        with replacing(choice.path, force=choice.force, inputs=screen.app.files) as stream:
            count = WRITERS[choice.format](pieces(), TABLES[rows.table], stream, None)
        return f"{counted(count, 'row')} written to {escape(str(choice.path))}"

    _tell(screen, write)


def _write_packets(screen: InspectScreen, packets: Packets, choice: FileChoice) -> None:
    worker = get_current_worker()
    snapshot = screen.app.snapshot

    def progress(count: int) -> None:
        if worker.is_cancelled:
            raise _StoppedError

    def write() -> str:
        numbers = packets.numbers(lambda: worker.is_cancelled)
        progress(0)
        count = screen.app.session.save_packets(
            numbers.tolist(), choice.path, force=choice.force, snapshot=snapshot, progress=progress
        )
        return f"{counted(count, 'packet')} written to {escape(str(choice.path))}"

    _tell(screen, write)


def _tell(screen: InspectScreen, work: Callable[[], str]) -> None:
    try:
        screen.post_message(Shared(work()))
    except (CaptureError, UsageError) as error:
        screen.post_message(Shared(escape(str(error)), failed=True))
    except _StoppedError:
        return


def _stem(screen: InspectScreen) -> str:
    """The capture's name without what may not stand in a file's name."""
    stem = PurePath(screen.app.files[0]).stem if screen.app.files[0] != "-" else "capture"
    return re.sub(r"[^\w.-]+", "_", stem) or "capture"
