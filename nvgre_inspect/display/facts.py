"""What a capture is, in a few lines: packets, times, link types, and whatever is missing from it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from nvgre_inspect.display.text import amount, counted, duration, escape, rate

#: Interfaces that are named.
_NAMED = 3
_LOSSES = (
    ("dropped_kernel", "dropped by the capturing system"),
    ("dropped_interface", "dropped by the interface"),
)


def facts(captures: pd.DataFrame) -> list[str]:
    """One or two lines about the rows of the table `captures`: what there is, and from when to when."""
    packets = int(captures["packets"].sum())
    kinds = dict.fromkeys(escape(str(kind)) for kind in captures["linktype"].dropna())
    words = [counted(packets, "packet"), amount(int(captures["bytes"].sum())), *kinds]
    files = captures["file"].nunique()
    if files > 1:
        words.append(counted(files, "file"))
    words += _interfaces(captures)
    lines = [" · ".join(words)]
    if packets:
        lines.append(_times(captures))
    return lines


def _interfaces(captures: pd.DataFrame) -> Iterator[str]:
    names = [escape(str(name)) for name in captures["name"].dropna().unique()]
    if len(captures) > 1:
        named = f" ({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})" if names else ""
        yield f"{counted(len(captures), 'interface')}{named}"
    elif names:
        yield f"interface {names[0]}"
    lengths = captures["snaplen"].dropna()
    shortest = int(lengths.min()) if len(lengths) else 0
    if 0 < shortest < 1500:
        yield f"cut to {counted(shortest, 'byte')} a packet"


def _times(captures: pd.DataFrame) -> str:
    first, last = captures["first_seen"].min(), captures["last_seen"].max()
    # Whole nanoseconds: the difference of two times may be beyond what a Timedelta holds.
    nanoseconds = last.value - first.value
    end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    words = [f"{first:%Y-%m-%d %H:%M:%S} to {end} UTC", duration(nanoseconds / 1e9)]
    if nanoseconds > 0:
        words.append(f"{rate(int(captures['bytes'].sum()) * 8e9 / nanoseconds)} on average")
    return " · ".join(words)


def losses(captures: pd.DataFrame) -> list[str]:
    """A sentence for each way in which packets are missing from these captures, but for damage (`Session.damage`)."""
    missing = ((int(captures[column].sum()), words) for column, words in _LOSSES)
    return [f"{counted(number, 'packet')} {words}" for number, words in missing if number]


def shares(packets: pd.Series[int], most: int = 4) -> str:
    """`tcp 80 %, udp 15 %` from numbers of packets by name, the largest first."""
    total = max(int(packets.sum()), 1)
    return ", ".join(
        f"{escape(str(name))} {100 * int(number) / total:.0f} %" for name, number in packets[:most].items()
    )
