"""Network devices of Linux by name: MTU, flags, what the host makes of their frames (netdevice(7)).

Limits: Linux only; elsewhere every function raises CaptureError. It is the devices of the calling thread's network
namespace that are seen.
"""

from __future__ import annotations

import array
import socket
import struct
import sys
from pathlib import Path
from typing import Final

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live import rtnetlink
from nvgre_inspect.capture.live.interfaces import find
from nvgre_inspect.capture.live.rtnetlink import Link

#: IFNAMSIZ less its NUL.
LONGEST_NAME: Final = 15
_IFREQ_VALUE: Final = 16
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_SIOCSIFMTU: Final = 0x8922
_SIOCETHTOOL: Final = 0x8946
_ETHTOOL_GGRO: Final = 0x2B
_IFF_UP: Final = 0x01
_IFF_NOARP: Final = 0x80


def check_system(what: str) -> None:
    """CaptureError where this is not Linux; `what` begins the sentence."""
    if not sys.platform.startswith("linux"):
        raise CaptureError(f"{what} works on Linux only")


def check_name(name: str) -> None:
    """CaptureError for what no network device can be called (dev_valid_name of the kernel)."""
    # `%d` is a template to the kernel, which would choose another name.
    if not name or name in (".", "..") or any(c in "/:%" or c.isspace() or not c.isprintable() for c in name):
        raise CaptureError(f"{name!r} is no name of a network device")
    if len(name.encode()) > LONGEST_NAME:
        raise CaptureError(f"{name!r} is too long for a network device: at most {LONGEST_NAME} bytes")


def link_of(name: str) -> Link:
    """The device as the kernel tells it now. CaptureError if there is none of that name."""
    check_system("a network device")
    return find(name, rtnetlink.links())


def set_mtu(name: str, mtu: int) -> None:
    """OSError as the system says it."""
    _ask(_SIOCSIFMTU, struct.pack("16si236x", name.encode(), mtu))


def set_up(name: str, *, arp: bool = True) -> None:
    """Bring a device up; without `arp` the host neither asks nor answers there. OSError as the system says it."""
    answer = _ask(_SIOCGIFFLAGS, struct.pack("256s", name.encode()))
    flags = struct.unpack_from("H", answer, _IFREQ_VALUE)[0] | _IFF_UP | (0 if arp else _IFF_NOARP)
    _ask(_SIOCSIFFLAGS, struct.pack("16sH238x", name.encode(), flags))


def keep_host_out(name: str) -> bool:
    """Have the host's own network stack ignore what arrives at a device; False: not allowed to.

    Without addresses a device still takes IP packets for the machine's other ones. No IPv6, and IPv4 only from whom
    the host would answer there (RFC 3704: nobody, as there is no route).
    """
    try:
        for path, value in (("ipv6/conf/{}/disable_ipv6", "1"), ("ipv4/conf/{}/rp_filter", "1")):
            setting = Path("/proc/sys/net") / path.format(name)
            if setting.exists():  # a kernel without IPv6 has no such setting
                setting.write_text(value, encoding="ascii")
    except OSError:
        return False
    return True


def merges_received(name: str) -> bool:
    """Whether a device puts packets that arrive together into one (generic receive offload); False: not known."""
    value = array.array("B", struct.pack("II", _ETHTOOL_GGRO, 0))
    try:
        _ask(_SIOCETHTOOL, struct.pack("16sP232x", name.encode(), value.buffer_info()[0]))
    except OSError:
        return False
    return bool(struct.unpack_from("I", value, 4)[0])


def _ask(what: int, request: bytes) -> bytes:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return fcntl.ioctl(sock, what, request)
