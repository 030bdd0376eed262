"""From the interfaces of an input to those of the output, for rewriters whose frames come out of where they came in."""

from __future__ import annotations

from collections.abc import Sequence

from dissectors import offsets
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.rewritten import OutputInterface
from nvgre_inspect.model.source import InterfaceInfo


class RecordedInterfaces:
    """What `encap` reads from interfaces: the tunnel in which the frames of each were recorded, if decap wrote it."""

    def __init__(self, interfaces: Sequence[InterfaceInfo], origin: Origin | None) -> None:
        """`interfaces` are those of the input, a list that grows; `origin`: the tunnel of all frames."""
        self._interfaces = interfaces
        self._origin = origin
        #: One entry per interface of the input.
        self.origins: list[Origin | None] = []
        self.outputs: list[OutputInterface] = []

    def follow(self) -> None:
        """Take in the interfaces that have come since."""
        for row in range(len(self.outputs), len(self._interfaces)):
            info = self._interfaces[row]
            recorded = Origin.parse(info.description)
            self.origins.append(self._origin or recorded)
            # What decap split by tunnel is one interface again.
            described = (info.description, row) if recorded is None else ("", -1)
            self.outputs.append(OutputInterface(offsets.DLT_ETHERNET, info.name, *described))


def follow(outputs: list[OutputInterface], interfaces: Sequence[InterfaceInfo]) -> None:
    """Add to `outputs` the interfaces of the input that have come since, as they are."""
    for row in range(len(outputs), len(interfaces)):
        info = interfaces[row]
        outputs.append(OutputInterface(info.linktype, info.name, info.description, row))
