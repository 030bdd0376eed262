"""DHCP messages (RFC 2131, options RFC 2132), as far as an address is asked for and given."""

from __future__ import annotations

import struct
from typing import NamedTuple

DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
SERVER_PORT, CLIENT_PORT = 67, 68
_REQUEST_OP, _REPLY_OP = 1, 2
_FIXED = struct.Struct(">BBBBIHH4s4s4s4s16s64s128s4s")
_COOKIE = bytes((99, 130, 83, 99))
#: The client cannot be reached by its address yet (RFC 2131 section 4.1).
_BROADCAST_FLAG = 0x8000
_PAD, _MASK, _REQUESTED, _LEASE, _TYPE, _SERVER, _END = 0, 1, 50, 51, 53, 54, 255
#: BOOTP's shortest message (RFC 1542 section 2.1).
_SHORTEST = 300


class Message(NamedTuple):
    """What is said; addresses are 4 bytes."""

    kind: int
    transaction: int
    mac: bytes
    #: The address that the client is offered or given.
    yours: bytes = bytes(4)
    #: The server's, and the address that the client wants.
    server: bytes = b""
    requested: bytes = b""


def emit(message: Message, *, mask: bytes = b"", lease_s: int = 0) -> bytes:
    """The bytes of a message; `mask` and `lease_s` are said by servers."""
    reply = message.kind in (OFFER, ACK, NAK)
    fixed = _FIXED.pack(
        _REPLY_OP if reply else _REQUEST_OP, 1, 6, 0, message.transaction, 0, _BROADCAST_FLAG,
        bytes(4), message.yours, message.server if reply else bytes(4), bytes(4), message.mac, b"", b"", _COOKIE,
    )  # fmt: skip
    options = [(_TYPE, bytes((message.kind,)))]
    if message.server:
        options.append((_SERVER, message.server))
    if message.requested:
        options.append((_REQUESTED, message.requested))
    if lease_s:
        options.append((_LEASE, struct.pack(">I", lease_s)))
    if mask:
        options.append((_MASK, mask))
    said = b"".join(bytes((kind, len(value))) + value for kind, value in options) + bytes((_END,))
    return (fixed + said).ljust(_SHORTEST, b"\0")


def parse(data: bytes) -> Message | None:
    """The message; None: it is none."""
    if len(data) < _FIXED.size or data[_FIXED.size - 4 : _FIXED.size] != _COOKIE:
        return None
    fields = _FIXED.unpack_from(data)
    options: dict[int, bytes] = {}
    place = _FIXED.size
    while place + 1 < len(data) and data[place] != _END:
        if data[place] == _PAD:
            place += 1
            continue
        options[data[place]] = data[place + 2 : place + 2 + data[place + 1]]
        place += 2 + data[place + 1]
    kind = options.get(_TYPE, b"")
    if len(kind) != 1:
        return None
    return Message(
        kind[0], fields[4], fields[11][:6], fields[8], options.get(_SERVER, b""), options.get(_REQUESTED, b"")
    )
