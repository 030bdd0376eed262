"""How far reading has come, in words."""

from __future__ import annotations

from typing import Protocol

from nvgre_inspect.display.text import amount, clock


class Progress(Protocol):
    """What the session reports while it reads."""

    @property
    def bytes_read(self) -> int:
        """Bytes of the input consumed so far."""

    @property
    def total_bytes(self) -> int | None:
        """Bytes of the whole input; None for a pipe."""

    @property
    def packets(self) -> int:
        """Packets accounted so far."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since reading began."""

    @property
    def activity(self) -> str:
        """`reading`; `compiling`: the kernels, once per installation; `asking tshark`."""


class Compiling:
    """Counts the time that went into compiling or asking tshark, which says nothing about the rate of reading."""

    def __init__(self) -> None:
        self._since: float | None = None
        #: Seconds so far.
        self.seconds = 0.0

    def __call__(self, progress: Progress) -> None:
        """Hear every report."""
        if progress.activity != "reading":
            self._since = progress.elapsed_s if self._since is None else self._since
        elif self._since is not None:
            self.seconds += progress.elapsed_s - self._since
            self._since = None


def describe(progress: Progress, apart_s: float = 0.0) -> str:
    """`reading  42 %  126 MB of 300 MB  1,203,000 packets/s  3 s left`, without what is not known; `apart_s` of the
    elapsed seconds went into something else.
    """
    if progress.activity == "compiling":
        return "compiling for this machine, once: some seconds"
    if progress.activity != "reading":
        return f"{progress.activity}  {clock(progress.elapsed_s)}"
    parts = ["reading"]
    total = progress.total_bytes
    if total:
        share = min(progress.bytes_read / total, 1.0)
        parts.append(f"{share:4.0%}".replace("%", " %"))
        parts.append(f"{amount(progress.bytes_read)} of {amount(total)}")
    else:
        parts.append(amount(progress.bytes_read))
    elapsed_s = progress.elapsed_s - apart_s
    if elapsed_s > 0:
        parts.append(f"{progress.packets / elapsed_s:,.0f} packets/s")
        if total and progress.bytes_read:
            left = (total - progress.bytes_read) * elapsed_s / progress.bytes_read
            parts.append(f"{clock(max(left, 0.0))} left")
    return "  ".join(parts)
