"""Frames through a veth pair and the ring at its end: what is received is what was sent."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dissectors import offsets
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live.options import LiveOptions
from nvgre_inspect.capture.live.ring_source import RingSource
from tests.builders.namespaces import CHECKOUT, Namespace, VethPair, make_pair

fcntl = pytest.importorskip("fcntl", reason="packet sockets are Linux's")
PATIENCE_SECONDS = 20


def frame(number: int, length: int = 60) -> bytes:
    """An Ethernet frame of an experimental EtherType that says which it is."""
    head = bytes.fromhex("020000000002 020000000001 88b5") + struct.pack(">I", number)
    return head + bytes(number % 251 for _ in range(length - len(head)))


@contextmanager
def opened(namespace: Namespace, *interfaces: str, **options: object) -> Iterator[RingSource]:
    """Capturing inside the namespace."""
    with namespace.entered():
        source = RingSource(LiveOptions(interfaces, **{"buffer_bytes": 4 << 20, **options}))
    try:
        yield source
    finally:
        source.close()


@dataclass
class Received:
    """What came, frame by frame."""

    frames: list[bytes] = field(default_factory=list)
    ts_ns: list[int] = field(default_factory=list)
    wirelen: list[int] = field(default_factory=list)
    interface: list[int] = field(default_factory=list)
    linktype: list[int] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    empty: int = 0


def receive(source: RingSource, done: Callable[[Received], bool]) -> Received:
    """All frames until it is enough, and what else was received until then."""
    found = Received()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for batch in source.batches():
        found.frames += [batch.frame(i) for i in range(len(batch))]
        found.ts_ns += batch.ts_ns.tolist()
        found.wirelen += batch.wirelen.tolist()
        found.interface += batch.interface.tolist()
        found.linktype += batch.linktype.tolist()
        found.position += batch.position.tolist()
        found.empty += len(batch) == 0
        if done(found):
            source.stop()
        assert time.monotonic() < deadline, found
    return found


def after(count: int) -> Callable[[Received], bool]:
    return lambda found: len(found.frames) >= count


def test_every_byte_in_order(veth_pair: VethPair) -> None:
    """More than the ring of 4 MiB holds, while it is read."""
    frames = [frame(i, 60 + i % 3000) for i in range(6000)]
    with opened(veth_pair.namespace, "in0") as source:
        before = time.time_ns()
        sender = threading.Thread(target=veth_pair.send, args=(frames[:1500],))
        sender.start()
        found = Received()
        for batch in source.batches():
            found.frames += [batch.frame(i) for i in range(len(batch))]
            found.ts_ns += batch.ts_ns.tolist()
            found.position += batch.position.tolist()
            if not sender.is_alive() and len(found.frames) < len(frames):
                if len(found.frames) % 1500 == 0:
                    start = len(found.frames)
                    sender = threading.Thread(target=veth_pair.send, args=(frames[start : start + 1500],))
                    sender.start()
            elif len(found.frames) == len(frames):
                source.stop()
        behind = time.time_ns()
        source.refresh()
    assert found.frames == frames
    assert found.position == list(range(len(frames)))
    assert found.ts_ns == sorted(found.ts_ns)
    assert before <= found.ts_ns[0]
    assert found.ts_ns[-1] <= behind
    (info,) = source.interfaces
    assert (info.received, info.dropped_kernel, info.dropped_interface) == (len(frames), 0, 0)
    assert (info.file, info.name, info.linktype) == ("live", "in0", offsets.DLT_ETHERNET)


def test_silence_ticks(veth_pair: VethPair) -> None:
    with opened(veth_pair.namespace, "in0") as source:
        began = time.monotonic()
        found = receive(source, lambda found: found.empty == 5)
        assert time.monotonic() - began < 5 * 0.1 + 1
    assert found.frames == []


def test_stop_gives_what_was_received_until_then(veth_pair: VethPair) -> None:
    """Also what is in a block that the kernel has not handed over; and nothing that comes later."""
    with opened(veth_pair.namespace, "in0") as source:
        batches = source.batches()
        assert len(next(batches)) == 0
        veth_pair.send([frame(1), frame(2)])
        began = time.monotonic()
        source.stop()
        frames = [batch.frame(i) for batch in batches for i in range(len(batch))]
        assert time.monotonic() - began < 1
        assert frames == [frame(1), frame(2)]
        assert list(source.batches()) == [] or all(len(batch) == 0 for batch in source.batches())


def test_immediate_mode(veth_pair: VethPair) -> None:
    with opened(veth_pair.namespace, "in0", immediate=True) as source:
        veth_pair.send([frame(1)])
        assert receive(source, after(1)).frames == [frame(1)]


def test_frames_that_were_not_read_in_time_are_counted(veth_pair: VethPair) -> None:
    frames = [frame(i, 1500) for i in range(4000)]
    with opened(veth_pair.namespace, "in0") as source:
        veth_pair.send(frames)
        found = receive(source, lambda found: found.empty > 0)
        source.refresh()
        info = source.interfaces[0]
        assert info.dropped_kernel
        assert found.frames == frames[: len(found.frames)]
        assert len(found.frames) + info.dropped_kernel == info.received == len(frames)
        # The kernel's counters begin anew at each reading.
        source.refresh()
        assert info.received == len(frames)


@pytest.mark.parametrize("tpid", [0x8100, 0x88A8])
def test_vlan_tags_are_where_they_were(veth_pair: VethPair, tpid: int) -> None:
    """The kernel takes the outer tag of what it receives out of the frame; what is sent it leaves."""
    tag = struct.pack(">HH", tpid, 0x6005)
    once = frame(1)[:12] + tag + frame(1)[12:]
    twice = frame(2, 100)[:12] + tag + struct.pack(">HH", 0x8100, 6) + frame(2, 100)[12:]
    for name in ("in0", "out0"):
        with opened(veth_pair.namespace, name) as source:
            veth_pair.send([once, twice])
            found = receive(source, after(2))
        assert found.frames == [once, twice]
        assert found.wirelen == [64, 108]


def test_snapshot_length(veth_pair: VethPair) -> None:
    with opened(veth_pair.namespace, "in0", snaplen=70) as source:
        veth_pair.send([frame(1, 60), frame(2, 70), frame(3, 1000)])
        found = receive(source, after(3))
    assert found.frames == [frame(1, 60), frame(2, 70), frame(3, 1000)[:70]]
    assert found.wirelen == [60, 70, 1000]


def test_a_filter_narrows(veth_pair: VethPair) -> None:
    """In the kernel: what it leaves out is not counted as received. It keeps the snapshot length."""
    with opened(veth_pair.namespace, "in0", bpf="ether[17] = 3 or greater 900", snaplen=64) as source:
        veth_pair.send([frame(i, 60) for i in range(10)] + [frame(11, 1000)])
        found = receive(source, after(2))
        source.refresh()
    assert found.frames == [frame(3), frame(11, 1000)[:64]]
    assert source.interfaces[0].received == 2


def test_a_filter_that_asks_for_vlan_tags(veth_pair: VethPair) -> None:
    """The kernel took the tag out before the filter sees the frame."""
    tags = [frame(i)[:12] + struct.pack(">HH", 0x8100, i) + frame(i)[12:] for i in (5, 6)]
    with opened(veth_pair.namespace, "in0", bpf="vlan 6 and ether proto 0x88b5") as source:
        veth_pair.send([frame(1), *tags])
        assert receive(source, after(1)).frames == [tags[1]]


@pytest.mark.parametrize(("bpf", "count"), [("inbound", 0), ("outbound", 1)])
def test_a_filter_that_asks_for_the_direction(veth_pair: VethPair, bpf: str, count: int) -> None:
    """Which only the kernel knows."""
    with opened(veth_pair.namespace, "out0", bpf=bpf) as source:
        veth_pair.send([frame(1)])
        assert len(receive(source, lambda found: found.empty > 1).frames) == count


def test_a_filter_beside_ready_made_ones(veth_pair: VethPair) -> None:
    """For tunnels only: GRE over IPv4, tagged or not, of which the user's own takes one direction."""
    packets = [
        bytes.fromhex(f"450000180000000040{protocol:02x}0000 c000020{i} c0000209")
        for i, protocol in ((1, 47), (2, 47), (1, 6))
    ]
    frames = [frame(1)[:12] + b"\x08\x00" + packet + bytes(40) for packet in packets]
    frames.append(frames[0][:12] + struct.pack(">HH", 0x8100, 5) + frames[0][12:])
    with opened(veth_pair.namespace, "in0", bpf="src host 192.0.2.1", tunnels_only=True) as source:
        veth_pair.send(frames)
        assert receive(source, after(2)).frames == [frames[0], frames[3]]


def test_a_filter_that_is_wrong(veth_pair: VethPair) -> None:
    with pytest.raises(CaptureError) as error, opened(veth_pair.namespace, "in0", bpf="tcp port 80 or upd port 53"):
        pass
    assert str(error.value).splitlines()[1:] == ["  tcp port 80 or upd port 53", "                 ^"]


def test_several_interfaces_in_order_of_time(namespace: Namespace) -> None:
    """One is silent in between, and still nothing is out of order, nor kept back for ever."""
    pairs = [make_pair(namespace, f"out{i}", f"in{i}") for i in range(3)]
    with namespace.entered():
        raws = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for _ in pairs]
    for raw, pair in zip(raws, pairs, strict=True):
        raw.bind((pair.near, 0))
    with opened(namespace, "in0", "in1", "in2") as source:
        for number in range(900):
            which = number % 2 if number < 600 else 0
            raws[2 if number == 450 else which].send(frame(number, 60 + number))
        found = receive(source, after(900))
    for raw in raws:
        raw.close()
    assert [info.name for info in source.interfaces] == ["in0", "in1", "in2"]
    assert found.frames == [frame(number, 60 + number) for number in range(900)]
    assert found.interface == [2 if n == 450 else n % 2 if n < 600 else 0 for n in range(900)]
    assert found.ts_ns == sorted(found.ts_ns)
    assert found.position == list(range(900))


def test_what_is_sent_is_seen_too(veth_pair: VethPair) -> None:
    with opened(veth_pair.namespace, "out0") as source:
        veth_pair.send([frame(1)])
        assert receive(source, after(1)).frames == [frame(1)]


def down_and_up(pair: VethPair) -> None:
    pair.namespace.ip("link", "set", "in0", "down")
    pair.namespace.ip("link", "set", "in0", "up")


def until_note(source: RingSource, text: str) -> Callable[[Received], bool]:
    return lambda found: any(text in note for note in source.notes)


@contextmanager
def reading(source: RingSource) -> Iterator[tuple[Received, Callable[[Callable[[Received], bool]], None]]]:
    """Reads in a thread of its own; the function given waits until what came is such."""
    found = Received()
    news = threading.Condition()

    def read() -> None:
        for batch in source.batches():
            with news:
                found.frames += [batch.frame(i) for i in range(len(batch))]
                news.notify_all()

    def wait(condition: Callable[[Received], bool]) -> None:
        with news:
            assert news.wait_for(lambda: condition(found), PATIENCE_SECONDS), (found, source.notes)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield found, wait
    finally:
        source.stop()
        thread.join(PATIENCE_SECONDS)


def carrier(pair: VethPair) -> None:
    """Wait until both ends are running."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "NO-CARRIER" in pair.namespace.run("ip", "-o", "link", "show", pair.near).stdout:
        assert time.monotonic() < deadline


def test_an_interface_that_goes_down_and_comes_back(veth_pair: VethPair) -> None:
    with opened(veth_pair.namespace, "in0") as source, reading(source) as (found, wait):
        veth_pair.send([frame(1)])
        wait(after(1))
        veth_pair.namespace.ip("link", "set", "in0", "down")
        wait(until_note(source, "in0 went down at "))
        veth_pair.namespace.ip("link", "set", "in0", "up")
        wait(until_note(source, " and came back at "))
        carrier(veth_pair)
        veth_pair.send([frame(2)])
        wait(after(2))
    assert found.frames == [frame(1), frame(2)]
    assert len(source.notes) == 1
    assert source.damage == []


def test_an_interface_that_is_removed_and_made_again(veth_pair: VethPair) -> None:
    """It has another index then."""
    namespace = veth_pair.namespace
    with opened(namespace, "in0") as source, reading(source) as (found, wait):
        veth_pair.send([frame(1)])
        wait(after(1))
        namespace.ip("link", "del", "in0")
        wait(until_note(source, "in0 "))
        namespace.ip("tuntap", "add", "other0", "mode", "tap")
        again = make_pair(namespace, "out0", "in0")
        wait(until_note(source, " and came back at "))
        carrier(again)
        again.send([frame(2)])
        wait(after(2))
        source.refresh()
    assert found.frames == [frame(1), frame(2)]
    assert source.interfaces[0].received == 2


def test_an_interface_that_comes_back_as_something_else(veth_pair: VethPair) -> None:
    namespace = veth_pair.namespace
    with opened(namespace, "in0") as source, reading(source) as (_, wait):
        namespace.ip("link", "del", "in0")
        wait(until_note(source, "in0 "))
        namespace.ip("tuntap", "add", "in0", "mode", "tun")
        wait(until_note(source, "in0 is another kind of interface now: start again to capture from it"))


def test_loopback_frames_come_once(namespace: Namespace) -> None:
    namespace.ip("link", "set", "lo", "up")
    with namespace.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for name in ("lo", "any"):
        with opened(namespace, name, bpf="udp") as source, sock.dup() as sending:
            for i in range(5):
                sending.sendto(bytes([i] * 10), ("127.0.0.1", 9))
            found = receive(source, after(5))
        assert [data[-10:] for data in found.frames] == [bytes([i] * 10) for i in range(5)]
    sock.close()


def test_all_interfaces_at_once(namespace: Namespace) -> None:
    """Cooked: behind a header that names the interface, and with the VLAN tag behind it."""
    pairs = [make_pair(namespace, f"out{i}", f"in{i}") for i in range(2)]
    tagged = frame(3)[:12] + struct.pack(">HH", 0x8100, 5) + frame(3)[12:]
    with opened(namespace, "any") as source:
        pairs[0].send([frame(1)])
        pairs[1].send([frame(2), tagged])
        found = receive(source, after(6))
    with namespace.entered():
        indexes = {name: socket.if_nametoindex(name) for name in ("in0", "in1", "out0", "out1")}
    assert set(found.linktype) == {offsets.DLT_SLL2}
    came = [data for data in found.frames if data[10] != 4]  # the others are outgoing
    address = bytes.fromhex("0200000000010000")

    def cooked(protocol: int, name: str, payload: bytes) -> bytes:
        head = struct.pack(">HHIHBB", protocol, 0, indexes[name], 1, 3, 6)
        return head + address + payload

    assert came == [
        cooked(0x88B5, "in0", frame(1)[14:]),
        cooked(0x88B5, "in1", frame(2)[14:]),
        cooked(0x8100, "in1", struct.pack(">HH", 5, 0x88B5) + frame(3)[14:]),
    ]


def test_without_link_layer(namespace: Namespace) -> None:
    """What a TUN device receives is what its program wrote: IP packets."""
    namespace.ip("tuntap", "add", "tun0", "mode", "tun")
    namespace.run("sysctl", "-q", "-w", "net.ipv6.conf.tun0.disable_ipv6=1")
    namespace.ip("link", "set", "tun0", "up")
    packet = bytes.fromhex("4500001c000100004011f6b0 c0000201 c0000202 0009000900080000")
    with namespace.entered():
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    with opened(namespace, "tun0", bpf="udp port 9") as source:
        os.write(device, packet)
        found = receive(source, after(1))
    os.close(device)
    assert found.frames == [packet]
    assert found.linktype == [offsets.DLT_RAW]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((["in1"], {}), "no interface 'in1'; did you mean in0?"),
        ((["zzzzzzz"], {}), "no interface 'zzzzzzz'; there are: lo, "),
        ((["lo"], {}), "lo is down: ip link set lo up"),
        ((["in0", "in0"], {}), "an interface is named twice"),
        ((["in0", "any"], {}), "any stands for all interfaces"),
        ((["in0"], {"snaplen": 0}), "a snapshot length of 0 bytes cannot be"),
        ((["in0"], {"snaplen": 1 << 31}), "a snapshot length of 2147483648 bytes cannot be"),
        ((["in0"], {"buffer_bytes": 1 << 50}), "a buffer has from 1 MiB to 65,536 MiB"),
        ((["in0"], {"timestamp": "atomic"}), "no time stamps of type 'atomic'; there are: host, adapter_unsynced"),
        ((["in0"], {"timestamp": "adapter_unsynced"}), "in0 makes no time stamps of its own"),
        ((["any"], {"bpf": "ether[6] = 2"}), "looks at link-layer addresses"),
    ],
)
def test_what_cannot_be_opened(veth_pair: VethPair, words: tuple[list[str], dict[str, Any]], sentence: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    interfaces, options = words
    with pytest.raises(CaptureError) as error, opened(veth_pair.namespace, *interfaces, **options):
        pass
    assert sentence in str(error.value)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_batches_held_too_long_are_zeros(veth_pair: VethPair) -> None:
    """They would be somebody else's memory otherwise."""
    with opened(veth_pair.namespace, "in0") as source:
        veth_pair.send([frame(1)])
        held = next(batch for batch in source.batches() if len(batch))
    assert held.frame(0) == bytes(60)


WITHOUT_RIGHTS = """
import os, sys
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live import ring_source  # before rights go: nobody may not be able to read modules
from nvgre_inspect.capture.live.options import LiveOptions
from nvgre_inspect.capture.live.source import open_live
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    open_live(LiveOptions(("in0",)))
except CaptureError as error:
    print(error)
"""


def test_without_rights(veth_pair: VethPair) -> None:
    done = subprocess.run(
        veth_pair.namespace.command(sys.executable, "-c", WITHOUT_RIGHTS),
        cwd=CHECKOUT,
        env={**os.environ, "NVGRE_INSPECT_NO_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    sentence = "in0: capturing needs the capability CAP_NET_RAW: run it with sudo, or grant it with sudo setcap "
    assert re.fullmatch(sentence + r"cap_net_raw\+ep \S+/python\S*\n", done.stdout), done.stdout + done.stderr
