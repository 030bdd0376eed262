"""Tap: a TAP device of Linux: whoever opens it is at the other end of the cable (kernel: networking/tuntap.rst).

Frames are Ethernet frames without FCS, one a read and one a write. A device that did not exist is made, and is gone
when this process closes it or ends, however it ends; one that exists (`ip tuntap add NAME mode tap`) is used and stays.

Limits: Linux only. One queue.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live.privileges import missing_rights
from nvgre_inspect.gateway import device

_TUN: Final = "/dev/net/tun"
_TUNSETIFF: Final = 0x400454CA
_TUNGETIFF: Final = 0x800454D2
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_IFF_PERSIST: Final = 0x0800
#: Room for one frame: a longer one is cut by the kernel, and there is none.
_ROOM: Final = 65_536 + 64
#: Frames of one `read`: what is in the device's queue is wanted at once, but others wait meanwhile.
AT_ONCE: Final = 64
#: Bytes after which a `read` ends.
_ENOUGH: Final = 256 << 10


class Tap:
    """An open TAP device; `open_tap` makes one."""

    def __init__(self, descriptor: int, name: str, mtu: int, notes: list[str]) -> None:
        self._descriptor = descriptor
        self.name = name
        #: Of the device when it was opened.
        self.mtu = mtu
        #: Sentences for people.
        self.notes = notes
        #: uint8: the frames of the last `read`, one after the other.
        self.buffer: npt.NDArray[np.uint8] = np.zeros(_ENOUGH + _ROOM, np.uint8)
        self._view = self.buffer.data

    def fileno(self) -> int:
        """The descriptor, for `selectors`."""
        return self._descriptor

    def read(self) -> list[int]:
        """The lengths of the frames that have come, at most AT_ONCE; their bytes are in `buffer` until the next call.

        Never waits. CaptureError if the device was taken away.
        """
        lengths: list[int] = []
        at = 0
        while len(lengths) < AT_ONCE and at < _ENOUGH:
            try:
                length = os.readv(self._descriptor, [self._view[at : at + _ROOM]])
            except BlockingIOError:
                break
            except OSError as error:
                raise self._gone(error) from None
            lengths.append(length)
            at += length
        return lengths

    def write(self, frame: bytes | memoryview) -> bool:
        """Hand a frame to the host; False: it would not have it (the device is down, or its queue is full).

        CaptureError if the device was taken away.
        """
        try:
            os.write(self._descriptor, frame)
        except OSError as error:
            if error.errno == errno.EBADFD:
                raise self._gone(error) from None
            return False
        return True

    def close(self) -> None:
        """Let the device go. What was made is removed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _gone(self, error: OSError) -> CaptureError:
        if error.errno == errno.EBADFD:
            return CaptureError(f"{self.name} was removed")
        return CaptureError(f"{self.name} cannot be read: {error.strerror}")


def open_tap(name: str, *, mtu: int = 0, for_host: bool = True) -> Tap:
    """The TAP device of that name, up, made if it is not there. CaptureError in words that say what to do.

    `mtu` in bytes, 0: Linux's own choice (1,500). Not `for_host`: the device is there to be looked at, and the host's
    own network stack ignores what arrives. A device that was there before stays as its owner has set it.
    """
    device.check_system("a TAP device")
    device.check_name(name)
    descriptor = _attach(name)
    try:
        tap = _made_ready(descriptor, name, mtu, for_host=for_host)
    except BaseException:
        os.close(descriptor)
        raise
    return tap


def _attach(name: str) -> int:
    """A descriptor of the device."""
    import fcntl

    try:
        descriptor = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise CaptureError(f"{name}: this system has no {_TUN}: modprobe tun") from None
    except PermissionError:
        raise _no_rights(name) from None
    except OSError as error:
        raise CaptureError(f"{name}: {_TUN} cannot be opened: {error.strerror}") from None
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    except OSError as error:
        os.close(descriptor)
        if error.errno == errno.EPERM:
            raise _no_rights(name) from None
        raise CaptureError(f"{name} {_WHY.get(error.errno or 0, f'cannot be opened: {error.strerror}')}") from None
    return descriptor


def _no_rights(name: str) -> CaptureError:
    return CaptureError(missing_rights(f"{name}: making a TAP device", "cap_net_admin"))


_WHY: Final = {
    errno.EBUSY: "is in use: another program has this TAP device open",
    errno.EINVAL: "exists and is not a TAP device: choose another name",
}


def _made_ready(descriptor: int, name: str, mtu: int, *, for_host: bool) -> Tap:
    import fcntl

    flags = struct.unpack_from("H", fcntl.ioctl(descriptor, _TUNGETIFF, bytes(40)), 16)[0]
    made = not flags & _IFF_PERSIST
    notes = []
    if made and not for_host and not device.keep_host_out(name):
        notes.append(f"{name}: the host takes part in what arrives there: its settings in /proc/sys cannot be changed")
    try:
        if made and mtu:
            device.set_mtu(name, mtu)
        if not device.link_of(name).is_up:
            device.set_up(name, arp=for_host or not made)
    except PermissionError:
        # Its owner may open a device that exists, but not change it.
        raise CaptureError(f"{name} is down: ip link set {name} up") from None
    except OSError as error:
        raise CaptureError(f"{name} cannot be brought up with an MTU of {mtu}: {error.strerror}") from None
    return Tap(descriptor, name, device.link_of(name).mtu, notes)
