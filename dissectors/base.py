"""Header: the contract that every protocol class of `dissectors/` keeps.

A `Header` is a `dpkt.Packet` that holds one protocol header. Its fixed part is declared in dpkt's
`__hdr__` (and `__bit_fields__`); what follows at lengths that the header itself states (options, label
stacks, extension chains) is the *variable part*; the rest of the bytes is `data`, uninterpreted: classes
never parse their payload, what comes next is decided by `dissectors.stack`.

The verbs:

`X(buf)`            parse. Raises `dpkt.NeedData` where `buf` is shorter than the fixed part, and nothing
                    else: any other content gives an object, with the variable part as far as the bytes
                    go. `buf` is the packet from this header on, without what lies behind its end by the
                    outer lengths.
`X(field=value)`    build, from defaults; an unknown field name raises TypeError.
`x.header_len`      bytes that the header claims, fixed and variable part, always >= the fixed part. If it
                    is above `len(buf)` the header is not all there. Where a length is only known by
                    walking (GRE routing, MPLS stack) and the bytes end before it is, it is the smallest
                    length that is still possible.
`bytes(x)`          emit: exactly the bytes that were parsed, also of odd, cut and inconsistent input.
                    Nothing is ever corrected on emit.
`x.compute(pseudo)` on request only: sets lengths and checksums from the present content. `pseudo` is the
                    pseudo header for those that need one (TCP, UDP, ICMPv6), else ignored.
`x.anomalies`       mask of `1 << code` of `dissectors.anomalies`: what this header alone shows to be
                    wrong. Cut headers and lengths beyond the packet are for the walk, which knows both
                    ends.
`x.fields()`        list of `Field` for a packet tree, in the order of the wire, named as Wireshark's
                    fields.
`x.info()`          one line, as in Wireshark's Info column; "" where there is nothing worth a line.

Text made from packet bytes passes through `printable`: no control bytes reach a terminal from here.

Traps of dpkt that this class takes away: `len(x)` ignored variable parts; unknown keywords became
attributes without a word; `IP` and others corrected some fields on emit. One remains: `__bit_fields__`
setters reject too large, but not negative, numbers. Every class body is executed into two types by dpkt's
metaclass, so do not rely on `__init_subclass__`; variable parts get an immutable class attribute as their
default (bytes or tuple).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import dpkt


class Field(NamedTuple):
    """One line of a packet tree."""

    #: Wireshark's name of the field ("ip.ttl"); Wireshark has none: ours in the same manner ("nvgre.vsid").
    name: str
    value: int | str | bytes
    #: What a person reads: "Time to Live: 64".
    text: str
    #: Bytes, from the start of the header.
    start: int
    length: int


class FieldSpec(NamedTuple):
    """Declares a `Field` of the fixed part: attribute, its names, its place and how its value is shown."""

    attribute: str
    name: str
    label: str
    start: int
    length: int
    show: Callable[[Any], str] = str


class Header(dpkt.Packet):
    """One protocol header; see the module's text for the contract."""

    #: Name in a packet tree, as Wireshark has it ("Internet Protocol Version 4").
    TITLE: ClassVar[str] = ""
    #: Wireshark's protocol name ("ip"), the word of a bare-name filter.
    PROTOCOL: ClassVar[str] = ""
    #: What `fields()` lists of the fixed part.
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = ()

    __hdr__: Any = ()

    def __init__(self, buf: bytes | None = None, /, **values: Any) -> None:
        self.data: Any = b""
        if buf is not None:
            if len(buf) < self.__hdr_len__:
                raise dpkt.NeedData(f"got {len(buf)}, {self.__hdr_len__} needed at least")
            self.unpack(buf)
            return
        for name, default in self.__hdr_defaults__.items():
            setattr(self, name, default)
        for name, value in values.items():
            if not hasattr(type(self), name) and name != "data":
                raise TypeError(f"{type(self).__name__} has no field {name!r}")
            setattr(self, name, value)

    def unpack(self, buf: bytes) -> None:
        """Reads the fixed part; a class with a variable part takes it off `self.data` after calling this."""
        for name, value in zip(self.__hdr_fields__, struct.unpack_from(self.__hdr_fmt__, buf), strict=True):
            setattr(self, name, value)
        self.data = buf[self.__hdr_len__ :]

    def pack_hdr(self) -> bytes:
        """The fixed part; struct.error where a value does not fit its field."""
        return struct.pack(self.__hdr_fmt__, *[getattr(self, name) for name in self.__hdr_fields__])

    def pack_variable(self) -> bytes:
        """The variable part as parsed or set."""
        return b""

    def __bytes__(self) -> bytes:
        return self.pack_hdr() + self.pack_variable() + bytes(self.data)

    def __len__(self) -> int:
        return int(self.__hdr_len__) + len(self.pack_variable()) + len(self.data)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and bytes(self) == bytes(other)

    @property
    def header_len(self) -> int:
        """Bytes that the header claims to have."""
        return int(self.__hdr_len__)

    @property
    def anomalies(self) -> int:
        """Mask of `1 << code` of `dissectors.anomalies`."""
        return 0

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets lengths and checksums from the present content."""

    def fields(self) -> list[Field]:
        """The lines of a packet tree, in the order of the wire."""
        result = []
        for attribute, name, label, start, length, show in self.FIELDS:
            value = getattr(self, attribute)
            result.append(Field(name, value, f"{label}: {show(value)}", start, length))
        return result

    def info(self) -> str:
        """One line for the packet list."""
        return ""


def show_hex(digits: int) -> Callable[[int], str]:
    """Shows a number as 0x… with at least that many digits."""
    return lambda value: f"0x{value:0{digits}x}"


def show_mac(value: bytes) -> str:
    """00:11:22:33:44:55; any number of bytes."""
    return value.hex(":")


def show_ip(value: bytes) -> str:
    """The address of 4 or 16 bytes; others as hexadecimal digits."""
    if len(value) not in (4, 16):
        return value.hex()
    return str(ipaddress.ip_address(value))


def show_flag(value: int) -> str:
    """Set or not set, as in Wireshark's trees."""
    return "Set" if value else "Not set"


def printable(raw: bytes, limit: int = 64) -> str:
    """ASCII text of at most `limit` bytes of `raw`; everything a terminal could act on becomes \\xNN."""
    text = "".join(chr(c) if 0x20 <= c < 0x7F and c != 0x5C else f"\\x{c:02x}" for c in raw[:limit])
    return text + ("…" if len(raw) > limit else "")
