"""ECN over a tunnel: RFC 6040 sections 4.1 (ingress) and 4.2 (egress).

inner \\ outer   Not-ECT    ECT(0)     ECT(1)     CE
Not-ECT         Not-ECT    Not-ECT    Not-ECT    dropped
ECT(0)          ECT(0)     ECT(0)     ECT(1)     CE
ECT(1)          ECT(1)     ECT(1)     ECT(1)     CE
CE              CE         CE         CE         CE
"""

from __future__ import annotations

from typing import Literal

from dissectors import checksum, offsets

NOT_ECT, ECT1, ECT0, CE = range(4)
_ECN_MASK = 0x03


def ingress(inner: int, mode: Literal["normal", "compatibility"]) -> int:
    """The ECN field of the outer header for that of the inner one; both 2 bits."""
    return inner if mode == "normal" else NOT_ECT


def egress(inner: int, outer: int) -> int | None:
    """The ECN field of the packet that leaves the tunnel; None: it has to be dropped.

    What was marked on the way cannot be told to a sender that does not take part, so that a drop has to tell it.
    """
    if outer == CE:
        return None if inner == NOT_ECT else CE
    return ECT1 if (inner, outer) == (ECT0, ECT1) else inner


def set_ecn(frame: bytes, start: int, ecn: int) -> bytes:
    """The frame with that ECN field in the IP header at `start`, whose fixed part is there.

    IPv4's checksum is updated (RFC 1624), so that a wrong one stays wrong.
    """
    changed = bytearray(frame)
    if frame[start] >> 4 == 6:
        changed[start + 1] = frame[start + 1] & ~(_ECN_MASK << 4) | ecn << 4
        return bytes(changed)
    changed[start + offsets.IP4_TOS] = frame[start + offsets.IP4_TOS] & ~_ECN_MASK | ecn
    if changed != frame:
        at = start + offsets.IP4_CHECKSUM
        old = int.from_bytes(frame[at : at + 2], "big")
        new = checksum.update(old, frame[start : start + 2], bytes(changed[start : start + 2]))
        changed[at : at + 2] = new.to_bytes(2, "big")
    return bytes(changed)
