"""Sending: what an interface takes, and what is said where nothing can be sent. No frame leaves the machine here."""

from __future__ import annotations

import ctypes
import errno
import sys

import numpy as np
import pytest

from nvgre_inspect.traffic import sending
from nvgre_inspect.traffic.sending import AT_ONCE, Interface, PacketSocket, SendError, find_interface, open_sender
from tests.unit.reference.frames import batch

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sending is built for Linux")


class FakeSocket:
    """A packet socket without a network."""

    def __init__(self, *_: object) -> None:
        self.closed = False

    def setsockopt(self, *_: object) -> None: ...

    def bind(self, _: object) -> None: ...

    def fileno(self) -> int:
        return 77

    def close(self) -> None:
        self.closed = True


class Kernel:
    """sendmmsg(2): reads what it is given through the pointers, as the kernel does; answers as it was told."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.frames: list[bytes] = []

    def __call__(self, descriptor: int, messages: ctypes.c_void_p, count: int, flags: int) -> int:
        assert (descriptor, flags) == (77, 0)
        answer = self.answers.pop(0) if self.answers else count
        if answer < 0:
            ctypes.set_errno(-answer)
            return -1
        assert messages.value is not None
        for i in range(min(answer, count)):
            vector, vectors = (ctypes.c_uint64.from_address(messages.value + 64 * i + at).value for at in (16, 24))
            assert vectors == 1
            base, length = (ctypes.c_uint64.from_address(vector + at).value for at in (0, 8))
            self.frames.append(ctypes.string_at(base, length))
        return min(answer, count)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    found = Kernel()
    monkeypatch.setattr(sending.socket, "socket", FakeSocket)
    monkeypatch.setattr(sending.time, "sleep", lambda _: None)
    return found


def sender(kernel: Kernel) -> PacketSocket:
    made = PacketSocket(Interface("veth0", 1500, True))
    made._sendmmsg = kernel
    return made


@linux
def test_frames_are_handed_over_where_they_lie(kernel: Kernel) -> None:
    frames = [bytes([i]) * (14 + i) for i in range(40)]
    given = batch(frames)
    with sender(kernel) as found:
        assert found.send(given, 3, 10) == 7
    assert kernel.frames == frames[3:10]


@linux
def test_at_most_so_many_at_once(kernel: Kernel) -> None:
    frames = [i.to_bytes(2) * 7 for i in range(AT_ONCE + 5)]
    found = sender(kernel)
    given = batch(frames)
    assert found.send(given, 0, len(frames)) == AT_ONCE
    assert found.send(given, AT_ONCE, len(frames)) == 5
    assert kernel.frames == frames


@linux
def test_a_full_queue_is_waited_for(kernel: Kernel) -> None:
    kernel.answers = [-errno.ENOBUFS, -errno.EAGAIN, -errno.EINTR, 2]
    assert sender(kernel).send(batch([b"x" * 20] * 3), 0, 3) == 2
    assert len(kernel.frames) == 2


@linux
@pytest.mark.parametrize(("code", "reason"), [(errno.EMSGSIZE, "over-mtu"), (errno.EINVAL, "refused")])
def test_a_refused_frame_is_counted_and_left(kernel: Kernel, code: int, reason: str) -> None:
    kernel.answers = [-code]
    found = sender(kernel)
    assert found.send(batch([b"x" * 20] * 3), 0, 3) == 0
    assert found.refused == {reason: 1}


@linux
def test_an_interface_that_went_away_ends_it(kernel: Kernel) -> None:
    kernel.answers = [-errno.ENXIO]
    with pytest.raises(SendError, match="veth0 takes no more frames: No such device"):
        sender(kernel).send(batch([b"x" * 20]), 0, 1)


@linux
def test_the_loopback_interface_is_known_and_others_are_listed() -> None:
    found = find_interface("lo")
    assert found.name == "lo"
    assert found.mtu > 1000
    for name in ("nosuch0", "lo" + "\0" * 14, "lo" * 200):
        with pytest.raises(SendError, match=r"no interface .*; there are: .*lo"):
            find_interface(name)


@linux
def test_without_rights_the_command_that_grants_them_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "find_interface", lambda name: Interface(name, 1500, True))

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(sending.socket, "socket", refuse)
    with pytest.raises(SendError, match=r"^veth0: .*CAP_NET_RAW.* sudo setcap cap_net_raw\+ep /.*python[^ ]*$"):
        open_sender("veth0")


@linux
def test_an_interface_that_is_down_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "find_interface", lambda name: Interface(name, 1500, False))
    with pytest.raises(SendError, match="veth0 is down: ip link set veth0 up"):
        open_sender("veth0")


def test_elsewhere_it_goes_through_libpcap_which_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "cypcap", None)
    with pytest.raises(SendError, match=r"libpcap .* pip install cypcap, or .* -o .* tcpreplay"):
        open_sender("en0")


def test_a_tag_may_make_a_frame_longer_than_the_mtu_says() -> None:
    def frame(length: int, ethertype: int = 0x0800) -> bytes:
        return (bytes(12) + ethertype.to_bytes(2)).ljust(length, b"\0")

    frames = [frame(1514), frame(1515), frame(1518, 0x8100), frame(1519, 0x8100), frame(1518, 0x88A8)]
    assert sending.longer_than(1500, batch(frames)).tolist() == [False, True, False, True, True]


def test_the_layout_of_messages_is_that_of_the_system() -> None:
    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    class Message(ctypes.Structure):
        _fields_ = (
            ("name", ctypes.c_void_p),
            ("namelen", ctypes.c_uint32),
            ("iov", ctypes.POINTER(Vector)),
            ("iovlen", ctypes.c_size_t),
            ("control", ctypes.c_void_p),
            ("controllen", ctypes.c_size_t),
            ("flags", ctypes.c_int),
        )

    class Messages(ctypes.Structure):
        _fields_ = (("header", Message), ("sent", ctypes.c_uint))

    if ctypes.sizeof(ctypes.c_void_p) != 8:
        pytest.skip("sending is built for 64-bit systems")
    assert ctypes.sizeof(Messages) == sending._MESSAGE.itemsize
    assert ctypes.sizeof(Vector) == sending._VECTOR.itemsize
    places = {name: offset for name, (_, offset) in sending._MESSAGE.fields.items()}
    assert places == {"iov": Message.iov.offset, "iovlen": Message.iovlen.offset, "sent": Messages.sent.offset}
    assert np.dtype(np.uint64).itemsize == ctypes.sizeof(ctypes.c_size_t)
