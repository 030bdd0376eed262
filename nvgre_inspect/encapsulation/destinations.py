"""Destinations: where rewritten frames go: a pcapng file, a pcap file, or a folder with one file a tenant.

All are context managers: files are written beside their place and renamed into it at the end of the block, or not at
all if it raises.

Limits: a pcap file holds one link type and says nothing of tunnels. In a folder the first 65,536 tenants get files of
their own; the frames of further ones share one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from dissectors import encaps, offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.output import Output, ShelvedOutput
from nvgre_inspect.capture.reader import select
from nvgre_inspect.capture.writer import Comments, PcapngWriter, PcapWriter
from nvgre_inspect.encapsulation.origin import Origin, entropy_comment
from nvgre_inspect.encapsulation.rewritten import OutputInterface
from nvgre_inspect.model.batch import PacketBatch

Ints = npt.NDArray[np.int64]
Format = Literal["pcap", "pcapng"]
MAX_FILES = 65_536
#: File of frames that are no tenant's, or of a tenant beyond MAX_FILES.
OTHERS = "others"


class Destination(Protocol):
    """Takes batches, and is a context manager."""

    def accepts(self, linktype: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
        """Whether frames of these link types can be written."""
        ...

    def write(self, batch: PacketBatch, outputs: Sequence[OutputInterface], entropy: Ints) -> None:
        """Write all frames; `interface` of each is a row of `outputs`, which only grows from call to call.

        `entropy` (int64 per frame, -1: none) was taken off. CaptureError where it cannot be written.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PcapFile:
    """One pcap file, with nanoseconds."""

    def __init__(self, output: Output, linktype: int | None = None) -> None:
        """`linktype` None: that of the first frame."""
        self._output = output
        self._linktype = linktype
        self._writer: PcapWriter | None = None

    def accepts(self, linktype: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
        """See `Destination`."""
        if self._linktype is None and len(linktype):
            self._linktype = int(linktype[0])
        return np.equal(linktype, -1 if self._linktype is None else self._linktype)

    def write(self, batch: PacketBatch, outputs: Sequence[OutputInterface], entropy: Ints) -> None:
        """See `Destination`; there is no place for interfaces and entropy."""
        self._opened().write_batch(batch)

    def _opened(self) -> PcapWriter:
        if self._writer is None:
            linktype = offsets.DLT_ETHERNET if self._linktype is None else self._linktype
            self._writer = PcapWriter(self._output, linktype=linktype)
        return self._writer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._opened().close()
        else:
            self._output.discard()


class PcapngFile:
    """One pcapng file: outputs are its interfaces, entropy is a comment on the packet."""

    def __init__(self, output: Output) -> None:
        self._writer = PcapngWriter(output)
        #: Number in this file of each output that is in it; equal ones are the same.
        self._numbers: dict[OutputInterface, int] = {}

    def accepts(self, linktype: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
        """See `Destination`."""
        return np.ones(len(linktype), dtype=bool)

    def write(self, batch: PacketBatch, outputs: Sequence[OutputInterface], entropy: Ints) -> None:
        """See `Destination`."""
        rows = np.unique(batch.interface).tolist()
        numbers = np.zeros(max(rows, default=0) + 1, dtype=np.int64)
        numbers[rows] = [self._number(outputs[row]) for row in rows]
        self._writer.write_batch(batch, numbers, _comments(entropy))

    def _number(self, output: OutputInterface) -> int:
        if output not in self._numbers:
            self._numbers[output] = self._writer.add_interface(
                output.name, linktype=output.linktype, snaplen=0, description=output.description
            )
        return self._numbers[output]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)


def _comments(entropy: Ints) -> Comments | None:
    if entropy.max(initial=-1) < 0:
        return None
    values, rows = np.unique(entropy, return_inverse=True)
    return Comments([entropy_comment(value) for value in values.tolist()], rows)


class TenantFolder:
    """A folder with a file for each tenant: `nvgre-5001.pcapng`; all of them appear at the end, or none."""

    def __init__(
        self, folder: str | Path, form: Format, *, force: bool = False, inputs: Iterable[str | Path] = ()
    ) -> None:
        """The folder is made if needed. CaptureError where that cannot be."""
        self._folder = Path(folder)
        self._form: Format = form
        self._force = force
        self._inputs = list(inputs)
        #: All files, and which of them is that of a name, and of an output.
        self._files: list[PcapFile | PcapngFile] = []
        self._rows: dict[str, int] = {}
        self._of_output: dict[int, int] = {}
        self._is_new = not self._folder.exists()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise CaptureError(f"{folder} is a file: name a folder") from None
        except OSError as error:
            raise CaptureError(f"{folder} cannot be made: {error.strerror}") from None

    @property
    def names(self) -> list[str]:
        """The files in order of appearance, without the folder."""
        return [f"{name}.{self._form}" for name in self._rows]

    def accepts(self, linktype: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
        """See `Destination`; pcap files are of Ethernet."""
        if self._form == "pcap":
            return np.equal(linktype, offsets.DLT_ETHERNET)
        return np.ones(len(linktype), dtype=bool)

    def write(self, batch: PacketBatch, outputs: Sequence[OutputInterface], entropy: Ints) -> None:
        """See `Destination`."""
        rows = np.unique(batch.interface).tolist()
        for row in rows:
            if row not in self._of_output:
                self._of_output[row] = self._file_of(outputs[row])
        file_of = np.zeros(max(rows, default=0) + 1, dtype=np.int64)
        file_of[rows] = [self._of_output[row] for row in rows]
        files = file_of[batch.interface]
        order = np.argsort(files, kind="stable")
        present, starts = np.unique(files[order], return_index=True)
        for row, frames in zip(present.tolist(), np.split(order, starts[1:]), strict=False):
            self._files[row].write(select(batch, frames), outputs, entropy[frames])

    def _file_of(self, output: OutputInterface) -> int:
        origin = Origin.parse(output.description)
        name = OTHERS if origin is None else _tenant(origin)
        if name not in self._rows and len(self._rows) >= MAX_FILES:
            name = OTHERS
        if name not in self._rows:
            path = self._folder / f"{name}.{self._form}"
            place = ShelvedOutput(path, force=self._force, inputs=self._inputs)
            self._files.append(PcapFile(place, offsets.DLT_ETHERNET) if self._form == "pcap" else PcapngFile(place))
            self._rows[name] = len(self._files) - 1
        return self._rows[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failure: CaptureError | None = None
        for file in self._files:
            try:
                file.__exit__(kind, failure or error, trace)
            except CaptureError as new:
                failure = new
        if error is not None and self._is_new:
            with contextlib.suppress(OSError):  # others may have put something into it
                self._folder.rmdir()
        if failure is not None and error is None:
            raise failure


def _tenant(origin: Origin) -> str:
    """As tables name it: identifiers of what is no virtual network (labels, SPIs) are no tenant's."""
    kind = encaps.CODES.get(origin.encap, encaps.USER)
    has_tenants = kind in encaps.VIRTUAL or kind >= encaps.USER
    return f"{origin.encap}-{origin.vsid}" if has_tenants and origin.vsid is not None else origin.encap


def open_destination(
    target: str | Path,
    form: Format,
    *,
    linktype: int | None = None,
    force: bool = False,
    inputs: Iterable[str | Path] = (),
) -> PcapFile | PcapngFile:
    """A file in that format, `-` for standard output; `linktype` is that of a pcap file (None: of its first frame).

    CaptureError if it exists (without `force`), is one of `inputs`, or cannot be written.
    """
    output = Output(target, force=force, inputs=inputs)
    return PcapFile(output, linktype) if form == "pcap" else PcapngFile(output)
