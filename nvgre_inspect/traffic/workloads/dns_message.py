"""DNS messages (RFC 1035 section 4): a query for one name, and its answer."""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">HHHHHH")
_QUERY, _ANSWER = 0x0100, 0x8180
_A, _AAAA, _IN = 1, 28, 1
#: The name of the question, in the answer (RFC 1035 section 4.1.4).
_POINTER = 0xC00C
_TTL_S = 300
IDENTIFIER_LEN = 2


def query(identifier: int, name: str, family: int) -> bytes:
    """Ask for the address of `name` of an IP version."""
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    kind = _A if family == 4 else _AAAA
    return _HEADER.pack(identifier, _QUERY, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, _IN)


def answer(question: bytes, address: bytes) -> bytes:
    """The answer to a query: that address, 4 or 16 bytes."""
    identifier = question[:IDENTIFIER_LEN]
    kind = _A if len(address) == 4 else _AAAA
    counts = struct.pack(">HHHHH", _ANSWER, 1, 1, 0, 0)
    record = struct.pack(">HHHIH", _POINTER, kind, _IN, _TTL_S, len(address)) + address
    return identifier + counts + question[_HEADER.size :] + record


def is_query(data: bytes) -> bool:
    """Whether this is a query with one question."""
    return len(data) > _HEADER.size and not data[2] & 0x80 and data[4:6] == b"\0\1"
