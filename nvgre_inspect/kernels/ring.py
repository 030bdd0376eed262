"""Ring: from a block of an AF_PACKET ring (TPACKET_V3) to where its frames are. packet(7), linux/if_packet.h.

The kernel fills a block, hands it over, and gets it back once it was read. A block, and each frame in it (aligned to
8 bytes), begins with a header in the machine's byte order:

    block   offset 0 version, 4 offset_to_priv, 8 block_status, 12 num_pkts, 16 offset_to_first_pkt, 20 blk_len
            (32 bits each), 24 seq_num (64), 32 and 40 times of the first and the last frame
    frame   offset 0 tp_next_offset (0: the last), 4 tp_sec, 8 tp_nsec, 12 tp_snaplen (bytes captured), 16 tp_len (bytes
            on the wire), 20 tp_status (32 bits each), 24 tp_mac, 26 tp_net (16 each: where the bytes begin), 28 rxhash,
            32 tp_vlan_tci (32 each), 36 tp_vlan_tpid (16)
    at 48   struct sockaddr_ll: 48 family (16), 50 protocol (16, network order), 52 ifindex (32), 56 hatype (16),
            58 pkttype (8), 59 halen (8), 60 addr (8 bytes)

A VLAN tag that the network card or the kernel took out is put back where it was: the two MAC addresses move 4 bytes
towards the header, over what is no longer needed of it. A frame of a socket that gives no link layer gets the header of
LINKTYPE_LINUX_SLL2 in front, in the same place; a tag then stands behind that header's protocol.

Limits: a block is walked once, since walking changes it. Nothing beyond the block is touched whatever its numbers say,
although they are the kernel's.
"""

from nvgre_inspect.kernels.borrow import borrowed
from nvgre_inspect.kernels.compiled import inner, jit

# --- what a block and a frame have where, in units of 4 and 2 bytes ---------------------------------------------------
BLOCK_STATUS_WORD = 2
BLOCK_COUNT_WORD = 3
_FIRST_WORD = 4
_NEXT_WORD = 0
_SECONDS_WORD = 1
_NANOSECONDS_WORD = 2
_CAPTURED_WORD = 3
_LENGTH_WORD = 4
_STATUS_WORD = 5
_MAC_HALF = 12
_TCI_WORD = 8
_TPID_HALF = 18
_INDEX_WORD = 13
_DEVICE_TYPE_HALF = 28
_PROTOCOL = 50
_PACKET_TYPE = 58
_ADDRESS_LENGTH = 59
_ADDRESS = 60
#: Bytes of a frame's header and its struct sockaddr_ll.
_BYTES = 68
_ALIGNMENT = 8

# --- flags of tp_status, and the type of a frame that the machine itself sent -----------------------------------------
VLAN_VALID = 1 << 4
TPID_VALID = 1 << 6
HARDWARE_TIME = 1 << 31
OUTGOING = 4

# --- how the bytes of a frame begin -----------------------------------------------------------------------------------
#: With whatever the device has; Ethernet; nothing, so that a header of LINUX_SLL2 is made.
PLAIN, ETHERNET, COOKED = 0, 1, 2
_SLL2_LEN = 20
_TAG_LEN = 4
_MACS_LEN = 12
_ETHERTYPE_VLAN = 0x8100
#: What may be put in front of a frame, by form. The kernel leaves 14 bytes before Ethernet, 28 before a bare packet.
_ROOM = (0, _TAG_LEN, _SLL2_LEN + _TAG_LEN)


@inner
def _put_u16(buf, at, value):
    buf[at] = value >> 8 & 0xFF
    buf[at + 1] = value & 0xFF


@inner
def _tag(words, halves, header, status):
    """The VLAN tag of a frame as 32 bits, TPID and TCI; -1: it has none, or it is still in the frame."""
    tci = int(words[(header >> 2) + _TCI_WORD]) & 0xFFFF
    if status & VLAN_VALID == 0 and tci == 0:
        return -1
    tpid = int(halves[(header >> 1) + _TPID_HALF])
    if status & TPID_VALID == 0 and tpid == 0:
        tpid = _ETHERTYPE_VLAN
    return tpid << 16 | tci


@inner
def _restore_tag(buf, at, tag):
    """Put a tag behind the MAC addresses of the frame at `at`; returns where it begins now."""
    for k in range(_MACS_LEN):
        buf[at - _TAG_LEN + k] = buf[at + k]
    _put_u16(buf, at + _MACS_LEN - _TAG_LEN, tag >> 16)
    _put_u16(buf, at + _MACS_LEN - 2, tag)
    return at - _TAG_LEN


@inner
def _cook(buf, words, halves, header, at, tag):
    """Write a header of LINUX_SLL2 (and the tag) in front of the packet at `at`; returns where it begins."""
    begin = at - _SLL2_LEN
    if tag >= 0:
        buf[at - 2] = buf[header + _PROTOCOL]
        buf[at - 1] = buf[header + _PROTOCOL + 1]
        _put_u16(buf, at - 4, tag)
        begin -= _TAG_LEN
        _put_u16(buf, begin, tag >> 16)
    else:
        buf[begin] = buf[header + _PROTOCOL]
        buf[begin + 1] = buf[header + _PROTOCOL + 1]
    _put_u16(buf, begin + 2, 0)
    index = int(words[(header >> 2) + _INDEX_WORD])
    _put_u16(buf, begin + 4, index >> 16)
    _put_u16(buf, begin + 6, index)
    _put_u16(buf, begin + 8, int(halves[(header >> 1) + _DEVICE_TYPE_HALF]))
    for k in range(10):  # type of the frame, length of the address, address
        buf[begin + 10 + k] = buf[header + _PACKET_TYPE + k]
    return begin


@jit
def walk_block(
    buf, words, halves, start, size, form, snaplen, loopback, first, offset, caplen, wirelen, ts_ns, unstamped
):
    """The frames of the block at `buf[start : start + size]`, written into the arrays from entry `first` on.

    `words` and `halves` are `buf` as uint32 and uint16; `start` is a multiple of 16 and the block lies within `buf`.
    `form`: PLAIN, ETHERNET or COOKED. `snaplen`: no frame is longer. `loopback`: index of the interface whose outgoing
    frames are left out, since they come in once more; 0: none. `offset caplen wirelen ts_ns` are int64 as in
    PacketBatch; `unstamped[0]` (int64) is raised by the number of frames that the network card gave no time stamp.

    Returns `(count, complete)`: how many entries are filled now, and whether all frames that the block announces were
    found (not if its numbers point outside of it, or the arrays are full).
    """
    buf, words, halves = borrowed(buf), borrowed(words), borrowed(halves)
    count = first
    end = start + size
    announced = int(words[(start >> 2) + BLOCK_COUNT_WORD])
    header = start + int(words[(start >> 2) + _FIRST_WORD])
    for i in range(announced):
        if header < start or header % _ALIGNMENT != 0 or header + _BYTES > end or count == len(offset):
            return count, False
        word = header >> 2
        half = header >> 1
        captured = int(words[word + _CAPTURED_WORD])
        at = header + int(halves[half + _MAC_HALF])
        if at + captured > end or at - _ROOM[form] < header + _BYTES:
            return count, False
        again = loopback != 0 and int(words[word + _INDEX_WORD]) == loopback
        if not again or int(buf[header + _PACKET_TYPE]) != OUTGOING:
            status = int(words[word + _STATUS_WORD])
            tag = _tag(words, halves, header, status) if form != PLAIN else -1
            begin = at
            if form == COOKED:
                begin = _cook(buf, words, halves, header, at, tag)
            elif tag >= 0 and captured >= _MACS_LEN:
                begin = _restore_tag(buf, at, tag)
            captured += at - begin
            offset[count] = begin
            caplen[count] = min(captured, snaplen)
            wirelen[count] = max(int(words[word + _LENGTH_WORD]) + at - begin, captured)
            ts_ns[count] = int(words[word + _SECONDS_WORD]) * 1_000_000_000 + int(words[word + _NANOSECONDS_WORD])
            if status & HARDWARE_TIME == 0:
                unstamped[0] += 1
            count += 1
        following = int(words[word + _NEXT_WORD])
        if following < _BYTES and i + 1 < announced:
            return count, False
        header += following
    return count, True
