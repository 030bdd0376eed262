"""Sending through libpcap: what is handed over, what is said. No frame leaves the machine here."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest

from nvgre_inspect.traffic import libpcap_sending
from nvgre_inspect.traffic.libpcap_sending import LibpcapSender, find
from nvgre_inspect.traffic.sending import Interface, SendError
from tests.unit.reference.frames import batch

FRAMES = [bytes([i]) * (14 + i) for i in range(10)]


class PcapError(Exception):
    """As cypcap.Error."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code, self.msg = code, msg


class Handle:
    """A handle of libpcap that takes frames, and answers errors as it was told: one for each entry that is not 0."""

    def __init__(self, *answers: int, datalink: int = 1, denied: bool = False) -> None:
        self.answers = list(answers)
        self.frames: list[bytes] = []
        self.closed = False
        self._datalink, self._denied = datalink, denied

    def set_snaplen(self, _: int) -> None: ...

    def set_buffer_size(self, _: int) -> None: ...

    def setfilter(self, _: object) -> None: ...

    def activate(self) -> None:
        if self._denied:
            raise PcapError(-8, "socket: Operation not permitted")

    def datalink(self) -> int:
        return self._datalink

    def inject(self, frame: memoryview) -> None:
        code = self.answers.pop(0) if self.answers else 0
        if code:
            raise PcapError(-1, f"send: {os.strerror(code)}")
        self.frames.append(bytes(frame))

    def close(self) -> None:
        self.closed = True


def sender(monkeypatch: pytest.MonkeyPatch, handle: Handle) -> LibpcapSender:
    fake = SimpleNamespace(
        Error=PcapError,
        ErrorCode=SimpleNamespace(PERM_DENIED=-8, PROMISC_PERM_DENIED=-11),
        BpfProgram=lambda instructions: instructions,
        create=lambda name: handle,
    )
    monkeypatch.setattr(libpcap_sending, "library", lambda: fake)
    monkeypatch.setattr(libpcap_sending.time, "sleep", lambda _: None)
    return LibpcapSender(Interface("en0", 0, True))


def test_frames_are_handed_over_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle()
    with sender(monkeypatch, handle) as found:
        assert found.send(batch(FRAMES), 3, 9) == 6
    assert handle.frames == FRAMES[3:9]
    assert handle.closed


def test_a_full_queue_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle(0, errno.ENOBUFS, errno.ENOBUFS)
    assert sender(monkeypatch, handle).send(batch(FRAMES), 0, 3) == 3
    assert handle.frames == FRAMES[:3]


@pytest.mark.parametrize(("code", "reason"), [(errno.EMSGSIZE, "over-mtu"), (errno.EINVAL, "refused")])
def test_a_frame_that_is_refused_is_counted_once_and_left_out(
    monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    handle = Handle(0, code, code)
    found, given = sender(monkeypatch, handle), batch(FRAMES)
    assert [found.send(given, 0, 10), found.send(given, 1, 10), found.send(given, 2, 10)] == [1, 0, 8]
    assert found.refused == {reason: 1}
    assert handle.frames == [FRAMES[0], *FRAMES[2:]]


def test_an_interface_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SendError, match=r"en0 takes no more frames: send: "):
        sender(monkeypatch, Handle(errno.ENXIO)).send(batch(FRAMES), 0, 1)


def test_missing_rights_and_other_links_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for handle, words in (
        (Handle(denied=True), r"en0: sending raw frames needs"),
        (Handle(datalink=0), "no.* Ethernet"),
    ):
        with pytest.raises(SendError, match=words):
            sender(monkeypatch, handle)
        assert handle.closed


def test_an_interface_that_is_not_there_is_said_with_those_that_are() -> None:
    pytest.importorskip("cypcap")
    with pytest.raises(SendError, match=r"no interface 'nowhere0'; there are: .*"):
        find("nowhere0")
