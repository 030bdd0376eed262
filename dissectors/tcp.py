"""TCP: the Transmission Control Protocol (RFC 9293), with the options that people look at.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------------------------------+-------------------------------+
    |          Source port          |       Destination port        |
    +-------------------------------+-------------------------------+
    |                        Sequence number                        |
    +---------------------------------------------------------------+
    |                     Acknowledgment number                     |
    +-------+-----+-+-+-+-+-+-+-+-+-+-------------------------------+
    | Offset| Rsv |A|C|E|U|A|P|R|S|F|            Window             |
    +-------+-----+-+-+-+-+-+-+-+-+-+-------------------------------+
    |           Checksum            |        Urgent pointer         |
    +-------------------------------+-------------------------------+
    |                  Options, padded to 4 bytes                   |
    +---------------------------------------------------------------+

Options: MSS (RFC 9293), window scale and timestamps (RFC 7323), SACK (RFC 2018).

Limits: sequence numbers are shown as they are, not relative to the first one; values of other options are
shown as hexadecimal digits.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from dissectors import anomalies, checksum, offsets
from dissectors.base import Field, FieldSpec, Header, show_flag, show_hex
from dissectors.options import END, NOP, Option, read_options

_SACK_PERMITTED = 4
_SACK = 5
_TIMESTAMPS = 8
_OPTION_NAMES = {
    END: "End of Option List",
    NOP: "No-Operation",
    offsets.TCP_OPT_MSS: "Maximum segment size",
    offsets.TCP_OPT_WSCALE: "Window scale",
    _SACK_PERMITTED: "SACK permitted",
    _SACK: "SACK",
    _TIMESTAMPS: "Timestamps",
    19: "MD5 signature",
    28: "User timeout",
    29: "Authentication",
    30: "Multipath TCP",
    34: "Fast open cookie",
}
#: In the order in which Wireshark's Info column has them.
_FLAG_NAMES = (
    (offsets.TCP_FIN, "FIN"),
    (offsets.TCP_SYN, "SYN"),
    (offsets.TCP_RST, "RST"),
    (offsets.TCP_PSH, "PSH"),
    (offsets.TCP_ACK_FLAG, "ACK"),
    (offsets.TCP_URG, "URG"),
    (offsets.TCP_ECE, "ECE"),
    (offsets.TCP_CWR, "CWR"),
)


class TCPOptions(NamedTuple):
    """What the options of a segment say; -1 and empty where they do not."""

    mss: int = -1
    #: The shift count as on the wire; RFC 7323 has receivers take more than 14 as 14.
    window_scale: int = -1
    sack_permitted: bool = False
    #: Edges of the blocks: left, right.
    sack: tuple[tuple[int, int], ...] = ()
    timestamp: int = -1
    timestamp_echo: int = -1


def flag_names(flags: int, separator: str = ", ") -> str:
    """`SYN, ACK` for the low 8 bits of the flags; `<None>` where none is set, as in Wireshark."""
    return separator.join(name for bit, name in _FLAG_NAMES if flags & bit) or "<None>"


def _sack_blocks(value: bytes) -> tuple[tuple[int, int], ...]:
    edges = [int.from_bytes(value[i : i + 4], "big") for i in range(0, len(value) // 8 * 8, 4)]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


class TCP(Header):
    """A TCP header with its options."""

    TITLE = "Transmission Control Protocol"
    PROTOCOL = "tcp"
    FIELDS = (
        FieldSpec("sport", "tcp.srcport", "Source Port", 0, 2),
        FieldSpec("dport", "tcp.dstport", "Destination Port", 2, 2),
        FieldSpec("seq", "tcp.seq_raw", "Sequence Number (raw)", offsets.TCP_SEQ, 4),
        FieldSpec("ack", "tcp.ack_raw", "Acknowledgment Number (raw)", offsets.TCP_ACK, 4),
        FieldSpec(
            "data_offset", "tcp.hdr_len", "Header Length", offsets.TCP_OFFSET, 1, lambda n: f"{n * 4} bytes ({n})"
        ),
        FieldSpec("reserved", "tcp.flags.res", "Reserved", offsets.TCP_OFFSET, 1, show_hex(1)),
        FieldSpec("ae", "tcp.flags.ae", "Accurate ECN", offsets.TCP_OFFSET, 1, show_flag),
        FieldSpec("flags", "tcp.flags", "Flags", offsets.TCP_FLAGS, 1, lambda f: f"0x{f:02x} ({flag_names(f)})"),
        FieldSpec("window", "tcp.window_size_value", "Window", offsets.TCP_WINDOW, 2),
        FieldSpec("checksum", "tcp.checksum", "Checksum", 16, 2, show_hex(4)),
        FieldSpec("urgent", "tcp.urgent_pointer", "Urgent Pointer", 18, 2),
    )

    sport: int
    dport: int
    seq: int
    ack: int
    #: Header length in units of 4 bytes.
    data_offset: int
    reserved: int
    #: The ninth flag: AE (RFC 9768), once NS.
    ae: int
    #: The eight flags from CWR (0x80) to FIN (0x01).
    flags: int
    window: int
    checksum: int
    urgent: int
    #: As far as they are there; their stated length is `header_len` - 20.
    options: bytes = b""
    __hdr__: Any = (
        ("sport", "H", 0),
        ("dport", "H", 0),
        ("seq", "I", 0),
        ("ack", "I", 0),
        ("_offset_flags", "H", 5 << 12),
        ("window", "H", 0xFFFF),
        ("checksum", "H", 0),
        ("urgent", "H", 0),
    )
    __bit_fields__: ClassVar[Any] = {
        "_offset_flags": (("data_offset", 4), ("reserved", 3), ("ae", 1), ("flags", 8)),
    }

    def unpack(self, buf: bytes) -> None:
        """Reads the header, and of its options what is there."""
        super().unpack(buf)
        length = self.header_len
        self.options = buf[offsets.TCP_MIN_LEN : length]
        self.data = buf[length:]

    def pack_variable(self) -> bytes:
        """The options."""
        return self.options

    @property
    def header_len(self) -> int:
        """By the data offset; 20 where that is below 5."""
        return max(self.data_offset * 4, offsets.TCP_MIN_LEN)

    @property
    def anomalies(self) -> int:
        """A data offset below 5, and malformed options of a SYN: only a SYN's are of use to the walk.

        A header that reaches beyond the packet is the walk's to see.
        """
        if self.data_offset < 5:
            return 1 << anomalies.TCP_HEADER_LENGTH_INVALID
        if self.flags & offsets.TCP_SYN and self._read_options()[1]:
            return 1 << anomalies.TCP_OPTIONS_INVALID
        return 0

    def parsed_options(self) -> TCPOptions:
        """The options that are there, up to the first malformed one; of several of a kind the last one counts.

        An option whose length is not that of its kind says nothing.
        """
        result = TCPOptions()
        for kind, value, _, length in self._read_options()[0]:
            if kind == offsets.TCP_OPT_MSS and length == 4:
                result = result._replace(mss=int.from_bytes(value, "big"))
            elif kind == offsets.TCP_OPT_WSCALE and length == 3:
                result = result._replace(window_scale=value[0])
            elif kind == _SACK_PERMITTED and length == 2:
                result = result._replace(sack_permitted=True)
            elif kind == _SACK:
                result = result._replace(sack=_sack_blocks(value))
            elif kind == _TIMESTAMPS and length == 10:
                echo = int.from_bytes(value[4:], "big")
                result = result._replace(timestamp=int.from_bytes(value[:4], "big"), timestamp_echo=echo)
        return result

    def _read_options(self) -> tuple[tuple[Option, ...], bool]:
        return read_options(self.options, self.header_len - offsets.TCP_MIN_LEN)

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets data offset (options are padded to 4 bytes), and the checksum where a pseudo header is given.

        `pseudo` is `pseudo_header` of the IP header in front, for the length of this segment. Raises
        ValueError for more than 40 bytes of options.
        """
        self.options += bytes(-len(self.options) % 4)
        self.data_offset = (offsets.TCP_MIN_LEN + len(self.options)) // 4
        if pseudo:
            self.checksum = 0
            self.checksum = checksum.internet_checksum(bytes(self), checksum.ones_complement_sum(pseudo))

    def fields(self) -> list[Field]:
        """The fixed part, then one line an option."""
        result = super().fields()
        for option in self._read_options()[0]:
            start = offsets.TCP_MIN_LEN + option.start
            result.append(Field("tcp.option_kind", option.kind, _show_option(option), start, option.length))
        return result

    def info(self, payload_length: int = -1) -> str:
        """`49152 → 443 [SYN] Seq=1 Win=64240 Len=0 MSS=1460 WS=128`.

        `payload_length` is the length on the wire in bytes, where more of it is known than was captured.
        """
        length = payload_length if payload_length >= 0 else len(self.data)
        flags = [flag_names(self.flags)] if self.flags or not self.ae else []
        flags += ["AE"] if self.ae else []
        parts = [f"{self.sport} → {self.dport} [{', '.join(flags)}] Seq={self.seq}"]
        if self.flags & offsets.TCP_ACK_FLAG:
            parts.append(f"Ack={self.ack}")
        parts.append(f"Win={self.window}")
        if self.flags & offsets.TCP_URG:
            parts.append(f"Urg={self.urgent}")
        parts.append(f"Len={length}")
        parts += [text for option in self._read_options()[0] if (text := _option_info(option))]
        return " ".join(parts)


def _option_info(option: Option) -> str:
    value = option.value
    if option.kind == offsets.TCP_OPT_MSS and len(value) == 2:
        return f"MSS={int.from_bytes(value, 'big')}"
    if option.kind == offsets.TCP_OPT_WSCALE and len(value) == 1:
        return f"WS={_window_factor(value[0])}"
    if option.kind == _SACK_PERMITTED and not value:
        return "SACK_PERM"
    if option.kind == _TIMESTAMPS and len(value) == 8:
        return f"TSval={int.from_bytes(value[:4], 'big')} TSecr={int.from_bytes(value[4:], 'big')}"
    if option.kind == _SACK:
        return " ".join(f"SLE={left} SRE={right}" for left, right in _sack_blocks(value))
    return ""


def _window_factor(shift: int) -> int:
    """RFC 7323 section 2.3: a shift count above 14 is taken as 14."""
    return 1 << min(shift, 14)


def _show_option(option: Option) -> str:
    name = _OPTION_NAMES.get(option.kind, f"Option {option.kind}")
    value = option.value
    if option.kind == offsets.TCP_OPT_MSS and len(value) == 2:
        return f"TCP Option - {name}: {int.from_bytes(value, 'big')} bytes"
    if option.kind == offsets.TCP_OPT_WSCALE and len(value) == 1:
        return f"TCP Option - {name}: {value[0]} (multiply by {_window_factor(value[0])})"
    if option.kind == _TIMESTAMPS and len(value) == 8:
        clock, echo = int.from_bytes(value[:4], "big"), int.from_bytes(value[4:], "big")
        return f"TCP Option - {name}: TSval {clock}, TSecr {echo}"
    if option.kind == _SACK and value:
        blocks = " ".join(f"{left}-{right}" for left, right in _sack_blocks(value))
        return f"TCP Option - {name}: {blocks}"
    return f"TCP Option - {name}" + (f": {value.hex()}" if value else "")
