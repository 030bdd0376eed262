"""What is said of a capture while it goes on: how fast packets come, and which of them were lost before they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from nvgre_inspect.display.progress import Progress
from nvgre_inspect.display.text import amount
from nvgre_inspect.model.source import InterfaceInfo

#: A rate is that of the last seconds, so many.
_SECONDS = 2.0


class PacketRate:
    """Packets a second of late, from what the session reports."""

    def __init__(self) -> None:
        self._reports: deque[tuple[float, int]] = deque()

    def __call__(self, progress: Progress) -> None:
        """Hear every report."""
        if progress.activity == "reading":
            self._reports.append((progress.elapsed_s, progress.packets))
            while len(self._reports) > 2 and progress.elapsed_s - self._reports[1][0] >= _SECONDS:
                self._reports.popleft()

    @property
    def per_second(self) -> float:
        """0 before anything can be said."""
        if len(self._reports) < 2:
            return 0.0
        (began, before), (ended, after) = self._reports[0], self._reports[-1]
        return (after - before) / (ended - began) if ended > began else 0.0


def received(interfaces: Iterable[InterfaceInfo]) -> int:
    """Packets that the capturing system has received, those included that it lost; at least those that came, as its
    counters are read only now and then.
    """
    return sum(max(info.packets, info.received or 0) for info in interfaces)


def dropped(interfaces: Iterable[InterfaceInfo]) -> tuple[int | None, int | None]:
    """Packets lost in the kernel for lack of room, and by the interface before; None where nobody counted."""
    listed = list(interfaces)
    return _total(info.dropped_kernel for info in listed), _total(info.dropped_interface for info in listed)


def counters(interfaces: Sequence[InterfaceInfo], per_second: float, *, short: bool = False) -> str:
    """`12,300 packets/s  received 1,203,000  dropped by kernel 0, by interface 0`; `short`: for narrow terminals."""
    came = received(interfaces)
    kernel, interface = dropped(interfaces)
    if short:
        return f"{_short(per_second)}/s  received {_short(came)}  dropped {_count(kernel)}+{_count(interface)}"
    return "  ".join([f"{per_second:,.0f} packets/s", *_parts(came, kernel, interface)])


def totals(interfaces: Sequence[InterfaceInfo]) -> str:
    """`received 1,203,000  dropped by kernel 0, by interface 0`."""
    return "  ".join(_parts(received(interfaces), *dropped(interfaces)))


def _parts(came: int, kernel: int | None, interface: int | None) -> list[str]:
    parts = [f"received {came:,}"]
    if kernel is not None or interface is not None:
        parts.append(f"dropped by kernel {_count(kernel)}, by interface {_count(interface)}")
    return parts


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _count(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number < 10_000 else amount(number).removesuffix("B").upper()
