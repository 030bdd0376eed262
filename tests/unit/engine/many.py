"""Many frames at once: records made column by column, since one by one costs 50 µs each."""

from __future__ import annotations

from typing import Any

import numpy as np

from dissectors import encaps
from nvgre_inspect.model.batch import PacketBatch
from tests.builders.records import EPOCH_NS, Frames
from tests.unit.engine.agreement import Records


def many(frames: Frames, count: int, **columns: Any) -> tuple[PacketBatch, Records]:
    """The only frame of `frames`, `count` times; `columns` are fields of the records (arrays or numbers) to change."""
    one, record = frames.peek()
    records = np.repeat(record, count)
    for name, values in columns.items():
        records[name] = values
    return with_records(one, records, np.tile(one.buffer, count))


def with_records(one: PacketBatch, records: Records, buffer: Any) -> tuple[PacketBatch, Records]:
    """A batch for these records, each of a frame as long as that of `one`."""
    count, length = len(records), int(one.caplen[0])
    batch = PacketBatch(
        buffer=buffer,
        offset=np.arange(count, dtype=np.int64) * length,
        caplen=np.full(count, length, dtype=np.int64),
        wirelen=records["wire_len"].copy(),
        ts_ns=records["ts_ns"].copy(),
        linktype=np.ones(count, dtype=np.uint16),
        interface=records["interface"].copy(),
        position=np.arange(count, dtype=np.int64),
    )
    return batch, records


def words(numbers: Any) -> Any:
    """uint32 [n, 4]: numbers as addresses whose last word they are."""
    result = np.zeros((len(numbers), 4), dtype=np.uint32)
    result[:, 3] = numbers
    return result


def everything_new(frames: Frames, start: int, count: int) -> tuple[PacketBatch, Records]:
    """Frames `start` to `start + count` of a capture in which each brings a row to every table.

    `frames` holds one TCP segment in a tunnel, with its 8 captured bytes; of two of its frames the second opens a gap.
    """
    number = np.arange(start, start + count, dtype=np.int64)
    batch, records = many(
        frames,
        count,
        ts_ns=EPOCH_NS + number * 1000,
        vsid=number,
        pa_src=words(2 * number),
        pa_dst=words(2 * number + 1),
        src=words(2 * number),
        dst=words(2 * number + 1),
        side=0,
        ca_mac=number,
        flow_id=number,
        path_kind=1,
        path_n=1,
        path_off=4,
        flow_hash=number * 2654435761 % (1 << 32),
        anomalies=1 << (number % 20),
    )
    records["layer_id"][:, 0] = number
    records["layer_kind"][:, 0] = encaps.NVGRE | encaps.HAS_ID
    buffer = np.zeros((count, int(batch.caplen[0])), dtype=np.uint8)
    buffer[:, 4:8] = ((number << 12 | 0x140) & 0xFFFFFFFF).astype(">u4").view(np.uint8).reshape(count, 4)
    return with_records(batch, records, buffer.ravel())
