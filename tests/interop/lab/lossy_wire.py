"""A wire between two interfaces that delays everything and loses some: for machines without `tc netem`.

    python lossy_wire.py NEAR FAR DELAY_MS LOSS SEED CAPTURE

Of frames from NEAR with at least a kilobyte each is lost with probability LOSS; all others arrive after DELAY_MS. What
NEAR sends, and what comes back to it, is written to CAPTURE (pcap, nanoseconds) as a host's own capture would have it.
Says "ready" when it forwards; ends with SIGTERM.
"""

from __future__ import annotations

import heapq
import random
import select
import signal
import socket
import struct
import sys
import time

ALL = 0x0003
LONG = 1000
OUTGOING = 4


def bound(interface: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    made.bind((interface, ALL))
    made.setblocking(False)
    return made


def main(near: str, far: str, delay_ms: str, loss: str, seed: str, capture: str) -> None:
    stream, probability, delay_ns = random.Random(int(seed)), float(loss), int(float(delay_ms) * 1_000_000)
    sides = [bound(near), bound(far)]
    under_way: list[tuple[int, int, int, bytes]] = []
    count = 0
    with open(capture, "wb") as file:  # noqa: PTH123 - run without the project's habits, as a script
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))

        def record(frame: bytes) -> None:
            seconds, ns = divmod(time.time_ns(), 1_000_000_000)
            file.write(struct.pack("<IIII", seconds, ns, len(frame), len(frame)) + frame)

        def stop(number: int, frame: object) -> None:
            file.flush()
            raise SystemExit

        signal.signal(signal.SIGTERM, stop)
        print("ready", flush=True)
        while True:
            wait_s = max(0, under_way[0][0] - time.monotonic_ns()) / 1e9 if under_way else None
            for side in select.select(sides, [], [], wait_s)[0]:
                frame, (_, _, kind, *_) = side.recvfrom(65535)
                if kind == OUTGOING:
                    continue
                count += 1
                from_near = side is sides[0]
                if from_near:
                    record(frame)
                    if len(frame) >= LONG and stream.random() < probability:
                        continue
                heapq.heappush(under_way, (time.monotonic_ns() + delay_ns, count, int(from_near), frame))
            while under_way and under_way[0][0] <= time.monotonic_ns():
                _, _, to, frame = heapq.heappop(under_way)
                if not to:
                    record(frame)
                sides[to].send(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
