"""Engine: batches in, States out. Chooses the reference or the kernels, and uses two cores for the latter.

Small inputs go through `reference/`, which needs no numba: importing that and loading compiled kernels costs
about half a second, compiling them for the first time about fifteen. What small means is decided on the first frames,
before anything is accounted, so that one engine does all of an input.

With the kernels a thread reads and decodes while the caller's thread accounts. Decoding is stateless and takes
about as long as accounting, the order stays as it is, and no state is shared: the simplest way to use two cores.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.input import Keep
from nvgre_inspect.capture.reader import select
from nvgre_inspect.kernels import compiled
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions, Inner
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.model.state import State

Which = Literal["auto", "reference", "kernels"]
WHICH: tuple[str, ...] = get_args(Which)
Records = npt.NDArray[np.void]
#: Chooses frames before anything is counted: (batch, its records, number of its first frame from 1) -> bool per frame.
Choose = Callable[[PacketBatch, Records, int], npt.NDArray[np.bool_]]


class Item(NamedTuple):
    """A decoded batch."""

    batch: PacketBatch
    records: Records
    #: Frames read up to its end, chosen or not.
    frames: int
    #: int64, the number (from 1) of each of its frames where only some were chosen.
    numbers: npt.NDArray[np.int64] | None


Decoded = Generator[Item, None, None]

#: Frames up to which the reference (some 50 µs each) is done before the kernels have been loaded, or compiled.
_SMALL_WARM = 10_000
_SMALL_COLD = 150_000
#: Frames are held until that is known; no more than this many bytes of them.
_HELD_BYTES = 64 << 20
#: Decoded batches that may wait for accounting.
_AHEAD = 4
#: How long the thread that reads is waited for when it is no longer wanted: it may hang in a silent pipe for ever.
_PATIENCE_SECONDS = 2.0


class Decoder(Protocol):
    """What makes records; one per thread."""

    def decode(self, batch: PacketBatch) -> Records:
        """RECORD[len(batch)]."""
        ...


class _Accountant(Protocol):
    def account(self, batch: PacketBatch, records: Records) -> None: ...

    def finish(self) -> None: ...

    def state(self) -> State: ...


class _ReferenceDecoder:
    def __init__(self, options: DecodeOptions) -> None:
        from nvgre_inspect.reference.decode import decode

        self._decode = decode
        self._options = options

    def decode(self, batch: PacketBatch) -> Records:
        records: Records = np.empty(len(batch), dtype=RECORD)
        self._decode(batch, self._options, records)
        return records


class _NoDecoder:
    def decode(self, batch: PacketBatch) -> Records:
        return np.empty(0, dtype=RECORD)


class Engine:
    """One run over one input."""

    def __init__(
        self,
        decode: DecodeOptions | None = None,
        account: AccountOptions | None = None,
        *,
        which: Which = "auto",
        choose: Choose | None = None,
        on_compile: Callable[[], None] | None = None,
        expected_bytes: int | None = None,
        meanwhile: Callable[[], None] | None = None,
        keep: Keep | None = None,
        overhear: Callable[[PacketBatch, Records], None] | None = None,
        on_evict: Callable[[State], None] | None = None,
    ) -> None:
        """`choose` narrows what is counted; `on_compile` is called before a first compilation (15 s).

        `expected_bytes`: how much input there is at least, where that is known beforehand. `meanwhile` is called in a
        thread of its own as soon as `process` leaves a core free. `keep`: the input is live, see `capture.input.Input`:
        its frames are numbered as they were chosen, decoded and accounted in one thread, and by the kernels. `on_evict`
        is told of flows that leave (`AccountOptions.evict`). `overhear` gets all frames before some are chosen.
        """
        self._decode_options = decode or DecodeOptions()
        self._account_options = account or AccountOptions()
        self._which = which if keep is None or which != "auto" else "kernels"
        self._choose = choose
        self._keep = keep
        self._on_evict = on_evict
        self._overhear = overhear
        self._on_compile = on_compile
        self._expected_bytes = expected_bytes or 0
        self._meanwhile = meanwhile
        self._accountant: _Accountant | None = None
        self._numbers: list[npt.NDArray[np.int64]] = []
        #: Frames read so far, chosen or not.
        self.frames = 0

    @property
    def uses_kernels(self) -> bool | None:
        """Which engine does the work; None before that is decided."""
        return None if self._accountant is None else self._which == "kernels"

    @property
    def decodes_with_kernels(self) -> bool:
        """Whether `decoder` gives the compiled one: decided once the first frames came."""
        return self._which == "kernels"

    def decoder(self, inner: Inner = "tenant") -> Decoder:
        """A decoder of the kind that this engine uses, for decoding frames again; `inner` as in DecodeOptions."""
        options = replace(self._decode_options, inner=inner)
        if self._which == "kernels":
            from nvgre_inspect.engine.decoder import KernelDecoder

            return KernelDecoder(options)
        return _ReferenceDecoder(options)

    def decoded(self, batches: Iterable[PacketBatch], inner: Inner | None = "tenant") -> Decoded:
        """All batches with their records, of chosen frames only; nothing is counted but `frames`.

        `inner` None: nobody needs records, and there are none.
        """
        batches = self._settle(iter(batches), "decode")
        items = self._decoded(batches, _NoDecoder() if inner is None else self.decoder(inner))
        if self._which == "kernels":
            # numba comes in here, with or without records: two threads that import it at once fail.
            import nvgre_inspect.engine.decoder  # noqa: F401

            items = _ahead(items)
        try:
            for item in items:
                self.frames = item.frames
                yield item
        finally:
            items.close()

    def _settle(self, batches: Iterator[PacketBatch], *kernels: str) -> Iterator[PacketBatch]:
        """Decide by the first frames which engine it is, and compile these kernels if need be; all of the frames."""
        if self._which == "auto" and self._expected_bytes > _HELD_BYTES:
            self._which = "kernels"
        if self._which == "auto":
            self._which, batches = _decide(batches, _SMALL_WARM if compiled.is_warm(*kernels) else _SMALL_COLD)
        if self._which == "kernels" and not compiled.is_warm(*kernels) and self._on_compile is not None:
            self._on_compile()
        return batches

    def process(self, batches: Iterable[PacketBatch]) -> Iterator[None]:
        """Decode and account all batches; yields after each, when `state` may be asked for."""
        batches = self._settle(iter(batches), "decode", "account")
        if self._which == "kernels":
            if not compiled.is_warm("decode", "account"):
                from nvgre_inspect.engine.warm import compile_all

                compile_all()
            from nvgre_inspect.engine.ledger import LedgerAccountant

            self._accountant = LedgerAccountant(self._account_options, self._on_evict)
            decoded = self._decoded(batches, self.decoder())
            if self._keep is None:
                decoded = _ahead(decoded)
            # numba has been imported, which two threads must not do at once; compiled code is loaded without the GIL.
            self._start_meanwhile()
        else:
            from nvgre_inspect.reference.account import Accountant

            self._accountant = Accountant(self._account_options)
            decoded = self._decoded(batches, self.decoder())
        try:
            for item in decoded:
                if item.numbers is not None:
                    self._numbers.append(item.numbers)
                self._accountant.account(item.batch, item.records)
                self.frames = item.frames
                self._start_meanwhile()
                yield
        finally:
            decoded.close()
        self._accountant.finish()

    def _start_meanwhile(self) -> None:
        if self._meanwhile is not None:
            threading.Thread(target=self._meanwhile, name="nvgre-inspect-import", daemon=True).start()
            self._meanwhile = None

    def state(self) -> State:
        """What is known now. Frame numbers in it are those of the input, also where frames were left out."""
        if self._accountant is None:
            raise RuntimeError("nothing was processed yet")
        state = self._accountant.state()
        numbers = self.numbers()
        if numbers is None:
            return state
        # Copies: the accountant's own state goes on with the numbers of the frames that it was given.
        anomalies = state.anomalies.copy()
        for name in ("first_frame", "last_frame"):
            anomalies[name] = numbers[anomalies[name] - 1]
        return replace(state, anomalies=anomalies, frame_number=numbers)

    def numbers(self) -> npt.NDArray[np.int64] | None:
        """int64[frames]: the number (from 1) of each frame that was counted; None where all were."""
        if self._choose is None or self._keep is not None:
            return None
        self._numbers = [np.concatenate([np.zeros(0, np.int64), *self._numbers])]
        return self._numbers[0]

    def _decoded(self, batches: Iterator[PacketBatch], decoder: Decoder) -> Decoded:
        frames = 0
        for whole in batches:
            batch, records, numbers = whole, decoder.decode(whole), None
            if self._overhear is not None:
                self._overhear(batch, records)
            if self._choose is not None:
                chosen = np.flatnonzero(self._choose(batch, records, frames + 1))
                batch, records, numbers = select(batch, chosen), records[chosen], chosen + (frames + 1)
            if self._keep is not None:
                batch, numbers = self._keep(batch, records), None
            frames += len(whole)
            yield Item(batch, records, frames, numbers)


def _decide(batches: Iterator[PacketBatch], small: int) -> tuple[Which, Iterator[PacketBatch]]:
    """Look at the first frames: the engine for this input, by whether there are more than `small`, and all batches."""
    held: list[PacketBatch] = []
    frames = size = 0
    for batch in batches:
        held.append(batch)
        frames += len(batch)
        size += len(batch.buffer)
        if frames > small or size > _HELD_BYTES:
            return "kernels", chain(_released(held), batches)
    return "reference", _released(held)


def _released(held: list[PacketBatch]) -> Iterator[PacketBatch]:
    """The batches in order, each let go when the next one is asked for."""
    held.reverse()
    while held:
        yield held.pop()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _ahead(items: Decoded) -> Decoded:
    """The same items, made by a thread up to `_AHEAD` in advance. Closing the generator ends the thread."""
    ready: queue.SimpleQueue[Item | _Failure | None] = queue.SimpleQueue()
    #: One for each item that may still be put: simple queues hand over far more quickly than one with a limit.
    room: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(_AHEAD):
        room.put(None)
    stop = threading.Event()

    def work() -> None:
        try:
            for item in items:
                room.get()
                if stop.is_set():
                    return
                ready.put(item)
            ready.put(None)
        except BaseException as error:  # handed to the caller's thread, which raises it
            ready.put(_Failure(error))

    thread = threading.Thread(target=work, name="nvgre-inspect-decode", daemon=True)
    try:
        thread.start()
        while (item := ready.get()) is not None:
            room.put(None)
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stop.set()
        room.put(None)
        if thread.ident is not None:
            thread.join(_PATIENCE_SECONDS)
