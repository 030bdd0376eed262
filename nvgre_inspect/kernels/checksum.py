"""The Internet checksum (RFC 1071) over bytes of an array."""

from numpy import int64

from nvgre_inspect.kernels.compiled import inner


@inner
def summed(buf, start, length):
    """The sum of the 16-bit words of `buf[start : start + length]`; an odd last byte is an upper half."""
    total = int64(0)
    even = start + (length & ~1)
    at = start
    while at < even:
        total += int64(buf[at]) << 8 | int64(buf[at + 1])
        at += 2
    if length & 1:
        total += int64(buf[even]) << 8
    return total


@inner
def folded(total):
    """The checksum of such a sum."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
