"""What the terminal UI asks of Wireshark's programs: streams, windows on packets, display filters.

Workers ask, screens are told. What is missing or goes wrong there is a sentence (`TsharkError`), as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from textual.message import Message
from textual.worker import get_current_worker

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.text import counted, escape
from nvgre_inspect.flows.filter import FilterError
from nvgre_inspect.session import UsageError
from nvgre_inspect.tui.sharing import Packets, Shared
from nvgre_inspect.tui.widgets.filter_bar import WIRESHARK, wireshark_filter
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.tui.screens.base import InspectScreen

Numbers = npt.NDArray[np.int64]


#: Group of the workers that wait for a display filter's answer.
PICKING = "tshark-filter"


@dataclass
class Picked(Message):
    """Which packets a Wireshark display filter picks, or why that is not known."""

    #: What the filter bar says.
    text: str
    answer: Numbers | Exception
    #: Of how many packets.
    frames: int


class _StoppedError(Exception):
    """Nobody waits for it any more."""


def settings_of(screen: InspectScreen) -> Settings:
    """How tshark is called."""
    return screen.app.session.options.tshark or Settings()


def follow_stream(screen: InspectScreen) -> None:
    """Show what the two ends of the selected flow said."""
    selected, snapshot = screen.selection(), screen.app.snapshot
    if selected is None or snapshot is None or selected.table not in ("flows", "packets"):
        screen.explain("no flow or packet is selected here")
        return
    from nvgre_inspect.tui.screens.stream import StreamScreen  # which few need

    key = int(selected.keys[0])
    which = {"flow": key} if selected.table == "flows" else {"packet": key}
    screen.app.push_screen(StreamScreen(screen.app.session, snapshot, settings_of(screen), **which))


def open_wireshark(screen: InspectScreen) -> None:
    """Open a Wireshark window on the screen's packets."""
    packets = screen.packets_to_save()
    if packets is None:
        screen.explain("there are no packets to open in Wireshark here")
        return
    screen.show_status(f"opening {packets.title} in Wireshark …")
    screen.run_worker(partial(_open, screen, packets), thread=True, group="wireshark", exclusive=True)


def pick_packets(screen: InspectScreen, text: str, snapshot: Snapshot) -> None:
    """Ask tshark which packets pass the display filter in `text`; the screen hears of it as `Picked`."""
    screen.run_worker(partial(_pick, screen, text, snapshot), thread=True, group=PICKING, exclusive=True)


def _pick(screen: InspectScreen, text: str, snapshot: Snapshot) -> None:
    """In a thread."""
    from nvgre_inspect.wireshark.select import Pick

    worker, session = get_current_worker(), screen.app.session
    pages = session.pages(snapshot)
    asked = wireshark_filter(text) or ""

    def tell(_: str) -> None:
        if worker.is_cancelled:
            raise _StoppedError

    answer: Numbers | Exception
    try:
        pick = Pick(asked, settings_of(screen))
        pick.ask(pages.selected, session.decode_options(), session.decoder, lambda: pages.interfaces, tell)
        answer = pick.numbers
    except FilterError as error:
        # The line has the prefix before what tshark was asked.
        shift = text.index(asked, len(WIRESHARK)) if asked else len(text)
        answer = FilterError(error.message, text, error.position + shift, error.length)
    except (CaptureError, TsharkError) as error:
        answer = error
    except _StoppedError:
        return
    screen.post_message(Picked(text, answer, len(pages)))


def _open(screen: InspectScreen, packets: Packets) -> None:
    """In a thread."""
    from nvgre_inspect.with_tshark.opening import open_packets

    worker = get_current_worker()

    def progress(_: int) -> None:
        if worker.is_cancelled:
            raise _StoppedError

    try:
        numbers = packets.numbers(lambda: worker.is_cancelled)
        progress(0)
        opened = open_packets(
            screen.app.session,
            numbers.tolist(),
            settings_of(screen),
            snapshot=screen.app.snapshot,
            progress=progress,
        )
        screen.post_message(Shared(f"{counted(opened, 'packet')} opened in Wireshark"))
    except (CaptureError, UsageError, TsharkError) as error:
        screen.post_message(Shared(escape(str(error)), failed=True))
    except _StoppedError:
        return
