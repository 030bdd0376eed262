"""AH, and ESP with a look at whether it is encrypted (`docs/decoding.md`, "ESP, AH")."""

from dissectors import anomalies as A
from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.headers import (
    NEXT_IPV4,
    NEXT_IPV6,
    NEXT_PROTOCOL,
    NEXT_STOP,
    enter,
    flag,
    there,
    u8,
    u16,
    u32,
)


@inner
def ah(buf, r, w):
    """An authentication header (RFC 4302)."""
    if not there(r, w, O.AH_MIN_LEN):
        return NEXT_STOP
    at = w.begin + w.off
    length = (u8(buf, at + 1) + 2) * 4
    if length < O.AH_MIN_LEN:
        flag(r, A.AH_LENGTH_INVALID)
        return NEXT_STOP
    if not there(r, w, length):
        return NEXT_STOP
    protocol = u8(buf, at)
    if not enter(r, w, E.AH, True, u32(buf, at + 4), -1, w.off + length):
        return NEXT_STOP
    return _behind_ipsec(r, w, protocol)


@inner
def _behind_ipsec(r, w, protocol):
    r.protocol = protocol
    if protocol == O.IPPROTO_IPIP:
        return NEXT_IPV4
    if protocol == O.IPPROTO_IPV6:
        return NEXT_IPV6
    w.value = protocol
    return NEXT_PROTOCOL


@inner
def esp(buf, r, w):
    """An ESP header (RFC 4303); what it carries is looked into if it is not encrypted."""
    if not there(r, w, O.ESP_LEN):
        return NEXT_STOP
    spi = u32(buf, w.begin + w.off)
    if not enter(r, w, E.ESP, True, spi, -1, w.off + O.ESP_LEN):
        return NEXT_STOP
    if w.cap < w.end or w.open:
        return NEXT_STOP
    start = w.begin + w.off
    for icv in O.ESP_ICV_LENGTHS:
        trailer = w.begin + w.end - icv - 2
        if trailer < start:
            continue
        padding = u8(buf, trailer)
        protocol = u8(buf, trailer + 1)
        stop = trailer - padding
        if stop < start:
            continue
        padded = True
        for j in range(padding):
            if u8(buf, stop + j) != (j + 1) & 0xFF:
                padded = False
                break
        if padded and _null_encrypted(buf, w, protocol, start, stop):
            w.end = stop - w.begin
            return _behind_ipsec(r, w, protocol)
    return NEXT_STOP


@inner
def _null_encrypted(buf, w, protocol, start, stop):
    """Whether the bytes from `start` to `stop` are a packet of `protocol` that fills them exactly."""
    size = stop - start
    if protocol == O.IPPROTO_IPIP:
        return size >= O.IP4_MIN_LEN and u8(buf, start) >> 4 == 4 and u16(buf, start + O.IP4_TOTAL_LEN) == size
    if protocol == O.IPPROTO_IPV6:
        return (
            size >= O.IP6_LEN and u8(buf, start) >> 4 == 6 and u16(buf, start + O.IP6_PAYLOAD_LEN) + O.IP6_LEN == size
        )
    if protocol == O.IPPROTO_UDP:
        return size >= O.UDP_LEN and u16(buf, start + O.UDP_LENGTH) == size
    if protocol == O.IPPROTO_TCP:
        if size < O.TCP_MIN_LEN:
            return False
        header = (u8(buf, start + O.TCP_OFFSET) >> 4) * 4
        if header < O.TCP_MIN_LEN or header > size:
            return False
        total = O.IPPROTO_TCP + size
        for j in range(4):
            total += (w.ip_src[j] >> 16) + (w.ip_src[j] & 0xFFFF)
            total += (w.ip_dst[j] >> 16) + (w.ip_dst[j] & 0xFFFF)
        for j in range(start, stop - 1, 2):
            total += u16(buf, j)
        if size & 1:
            total += u8(buf, stop - 1) << 8
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return total == 0xFFFF
    return False
