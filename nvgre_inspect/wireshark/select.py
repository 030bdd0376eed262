"""--tshark-filter: which packets pass a Wireshark display filter, tenant by tenant.

Each tenant's own packets, decapsulated, go to a tshark of their own, or to one with tenants that share no address with
them (`grouping`); so streams, reassembly and decryption there are right for each. Its counts are brought back to the
numbers of the input. Of a packet in fragments, the tenant's or the underlay's, all fragments pass with it.

Limits: the packets of all tenants are written to temporary files on the way. A filter cannot ask for headers of the
underlay (these are taken off), nor for packets of other tenants. A capture in which more than MAX_GROUPS tenants share
an address is refused.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.reader import select
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.wireshark.display_filter import check
from nvgre_inspect.wireshark.grouping import Tenants
from nvgre_inspect.wireshark.outer_fragments import OuterFragments
from nvgre_inspect.wireshark.packet_file import PacketFile
from nvgre_inspect.wireshark.settings import Settings, decode_as_arguments, environment
from nvgre_inspect.wireshark.tenant_packets import TenantPackets, tenant_packets
from nvgre_inspect.wireshark.tshark import SILENCE_S, Running, TsharkError, find

Ints = npt.NDArray[np.int64]

#: Runs of tshark for one capture: some minutes, most of them its start.
MAX_GROUPS = 1024
#: Files that are written at the same time; for more groups the input is read more than once.
FILES = 64
#: Bytes a second that the slowest tshark is taken to read: how long it may find nothing.
_SLOWEST = 1 << 20
#: Fields whose values are the packets that one was put together from.
_FRAGMENTS = ("ip.fragment", "ipv6.fragment")


class Decoder(Protocol):
    """Makes RECORDs as those of the frames were made."""

    def decode(self, batch: PacketBatch) -> npt.NDArray[np.void]:
        """RECORD[len(batch)]."""
        ...


class Pick:
    """The choice of a display filter among the frames of one input; nothing is left out before tshark was asked."""

    def __init__(self, text: str, settings: Settings | None = None) -> None:
        """Raises FilterError for a filter that tshark does not take, TsharkError where it is missing or fails."""
        self._text = text
        self._settings = settings or Settings()
        self._numbers: Ints | None = None
        check(text, self._settings)

    @property
    def numbers(self) -> Ints:
        """int64: the numbers of the packets that pass, rising. RuntimeError before tshark was asked."""
        if self._numbers is None:
            raise RuntimeError("tshark was not asked yet")
        return self._numbers

    @property
    def is_known(self) -> bool:
        """Whether tshark was asked."""
        return self._numbers is not None

    def ask(
        self,
        frames: Callable[[], Iterable[Selected]],
        options: DecodeOptions,
        decoder: Callable[[], Decoder],
        interfaces: Callable[[], Sequence[InterfaceInfo]],
        tell: Callable[[str], None] = lambda activity: None,
    ) -> None:
        """Ask about all `frames`, which are read more than once.

        `options` are those of their records, `decoder` makes a decoder like theirs; `interfaces` are those of the
        frames once they were read. `tell` is told now and then what is being done. Raises TsharkError where tshark
        fails, CaptureError where there is no room for the temporary files.
        """
        tenants = Tenants()
        fragments = OuterFragments()
        for part in frames():
            tell("reading")
            tenants.see(part.records)
            fragments.see(part.batch, part.records, part.numbers)
        groups = tenants.groups()
        count = int(groups.max(initial=0)) + 1
        if count > MAX_GROUPS:
            raise TsharkError(
                f"{count:,} tenants use the same addresses, and each needs a tshark of its own: choose some of them "
                "first, for example with -R 'vsid == 5001'"
            )
        found = [np.zeros(0, dtype=np.int64)]
        for first in range(0, count, FILES):
            with tempfile.TemporaryDirectory(prefix="nvgre-inspect-", ignore_cleanup_errors=True) as folder:
                with ExitStack() as open_files:
                    files = _Files(Path(folder), range(first, first + FILES), interfaces, open_files)
                    for packets in tenant_packets(frames(), options, lambda batch: decoder().decode(batch)):
                        tell("reading")
                        if first == 0:
                            fragments.completed(packets.records, packets.numbers)
                        files.write(packets, groups[np.minimum(tenants.numbers(packets.records), len(groups) - 1)])
                found += self._passing(files.written, tell)
        self._numbers = fragments.with_parts(np.unique(np.concatenate(found)))

    def mask(self, first: int, count: int) -> npt.NDArray[np.bool_]:
        """bool[count]: which of the frames numbered from `first` on pass."""
        if self._numbers is None:
            return np.ones(count, dtype=bool)
        start, end = np.searchsorted(self._numbers, (first, first + count))
        mask = np.zeros(count, dtype=bool)
        mask[self._numbers[start:end] - first] = True
        return mask

    def _passing(self, files: list[PacketFile], tell: Callable[[str], None]) -> list[Ints]:
        """The numbers of the packets in each file that pass."""
        tell("asking tshark")
        tshark = find(path=self._settings.path)
        with environment(self._settings) as surroundings, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            ask = partial(
                _passing_in, tshark=tshark, text=self._text, settings=self._settings, surroundings=surroundings
            )
            found = []
            try:
                for numbers in pool.map(ask, files):
                    tell("asking tshark")
                    found.append(numbers)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # those that wait for their turn need not begin
                raise
            return found


class _Files:
    """A file for each group of tenants."""

    def __init__(
        self,
        folder: Path,
        wanted: range,
        interfaces: Callable[[], Sequence[InterfaceInfo]],
        open_files: ExitStack,
    ) -> None:
        self._folder = folder
        self._wanted = wanted
        self._interfaces = interfaces
        self._open_files = open_files
        self._of_group: dict[int, PacketFile] = {}

    @property
    def written(self) -> list[PacketFile]:
        """Those that have packets."""
        return list(self._of_group.values())

    def write(self, packets: TenantPackets, groups: Ints) -> None:
        """The packets of the groups that are wanted; `groups` has one entry per packet."""
        for group in np.unique(groups).tolist():
            if group in self._wanted:
                rows = np.flatnonzero(groups == group)
                mine = packets.batch if len(rows) == len(groups) else select(packets.batch, rows)
                self._file(group).write(mine, packets.numbers[rows])

    def _file(self, group: int) -> PacketFile:
        if group not in self._of_group:
            file = PacketFile(self._folder / f"{group}.pcapng", self._interfaces())
            self._of_group[group] = self._open_files.enter_context(file)
        return self._of_group[group]


def _passing_in(file: PacketFile, *, tshark: str, text: str, settings: Settings, surroundings: dict[str, str]) -> Ints:
    command = [tshark, "-n", "-r", str(file.path), *decode_as_arguments(settings), "-Y", text, "-T", "fields"]
    command += ["-E", "occurrence=a", "-E", "aggregator=,", "-e", "frame.number"]
    command += [word for name in _FRAGMENTS for word in ("-e", name)]
    patience = SILENCE_S + file.path.stat().st_size / _SLOWEST
    places: list[int] = []
    with Running(command, environment=surroundings, silence_s=patience, secrets=settings.options) as running:
        for line in running.lines():
            places += [int(place) for part in line.split(b"\t") for place in part.split(b",") if place.isdigit()]
        if running.status:
            running.fail()
    file.path.unlink()
    index = np.array(places, dtype=np.int64) - 1
    numbers = file.numbers()
    return numbers[index[(index >= 0) & (index < len(numbers))]]
