"""Where reports go: files written beside their place and renamed into it, or any stream of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from nvgre_inspect.capture.output import Output


class Writable(Protocol):
    """All that a report needs of the place it is written to."""

    def write(self, data: Any, /) -> Any:
        """Takes all of the bytes."""


class Sink:
    """A Writable as the file object that Arrow expects; it closes nothing."""

    closed = False

    def __init__(self, stream: Writable) -> None:
        self._stream = stream
        self._position = 0

    def write(self, data: Any) -> int:
        """Passes the bytes on."""
        self._stream.write(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def flush(self) -> None:
        """Whoever owns the stream flushes it."""

    def close(self) -> None:
        """Whoever owns the stream closes it."""


@contextmanager
def replacing(
    target: str | Path | BinaryIO, *, force: bool = False, inputs: Iterable[str | Path] = ()
) -> Iterator[Writable]:
    """A place to write to that becomes `target` as a whole at the end, or not at all if the body raises.

    `-` is standard output; devices and pipes are written straight into. Raises capture.CaptureError where the target
    exists (without `force`), is one of `inputs`, or cannot be written.
    """
    output = Output(target, force=force, inputs=inputs)
    try:
        yield output
    except BaseException:
        output.discard()
        raise
    output.commit()
