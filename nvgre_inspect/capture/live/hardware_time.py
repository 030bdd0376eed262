"""Time stamps by the network card: whether it makes any, and switching them on (linux/ethtool.h, linux/net_tstamp.h).

Limits: the card's clock is whatever it was set to (by PTP, or by nobody): adapter_unsynced, as libpcap calls it.
Switching it on stays when the capture is over, since others may use it by then.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import Final

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live.privileges import missing_rights

_SIOCETHTOOL: Final = 0x8946
_SIOCSHWTSTAMP: Final = 0x89B0
_GET_TS_INFO: Final = 0x41
#: struct ethtool_ts_info: command, kinds of time stamps, index of the clock, transmit types, receive filters.
_INFO: Final = struct.Struct("=IIiI12xI12x")
_RECEIVED, _RAW = 1 << 2, 1 << 6
#: struct hwtstamp_config: flags, transmit type, receive filter (1: all frames).
_CONFIG: Final = struct.Struct("=iii")


def switch_on(name: str) -> None:
    """Let the card of that interface stamp all frames that it receives. CaptureError if it cannot or may not be."""
    import fcntl  # which only Unix has

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:

        def ask(request: int, content: bytes) -> bytes:
            data = ctypes.create_string_buffer(content, len(content))
            fcntl.ioctl(sock, request, struct.pack("@16sP", name.encode(), ctypes.addressof(data)))
            return data.raw

        try:
            _, kinds, *_ = _INFO.unpack(ask(_SIOCETHTOOL, _INFO.pack(_GET_TS_INFO, 0, 0, 0, 0)))
        except OSError:
            kinds = 0
        if kinds & (_RECEIVED | _RAW) != _RECEIVED | _RAW:
            raise CaptureError(f"{name} makes no time stamps of its own: leave --time-stamp-type out")
        try:
            ask(_SIOCSHWTSTAMP, _CONFIG.pack(0, 0, 1))
        except PermissionError:
            what = f"{name}: switching its time stamps on"
            raise CaptureError(missing_rights(what, "cap_net_raw,cap_net_admin")) from None
        except OSError as error:
            raise CaptureError(f"{name} does not make time stamps for all frames: {error.strerror}") from None
