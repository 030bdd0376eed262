"""Opening Wireshark on packets of a session, exactly these, as they are in the capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nvgre_inspect.session import Session
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.window import window

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot


def open_packets(
    session: Session,
    numbers: Iterable[int],
    settings: Settings | None = None,
    *,
    snapshot: Snapshot | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Open a Wireshark window on these packets (numbers from 1, counted by `snapshot`); how many they are.

    Returns once the window was started; the temporary file goes when it is closed. `progress` and what is raised as in
    `Session.save_packets`, and TsharkError where there is no Wireshark, or no display for it. Of no packets none is
    opened.
    """
    with window(settings or Settings()) as made:
        written = session.save_packets(numbers, made.file, snapshot=snapshot, progress=progress)
        if written:
            made.open()
    return written
