"""Values as they are written in a filter: numbers, addresses, times, bytes, text.

Each parser raises ValueError with a sentence for text that is no such value. Times are int64 nanoseconds and never
pass through a float.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

from nvgre_inspect.flows.filter.field import Type

_INTEGER = re.compile(r"([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)")
_SECONDS = re.compile(r"([+-]?)(\d{1,12})(?:\.(\d{1,9}))?")
_DECIMAL = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_MAC = re.compile(
    r"[0-9a-fA-F]{1,2}(?:([:.-])[0-9a-fA-F]{1,2})(?:\1[0-9a-fA-F]{1,2}){4}|[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}"
)
_BYTES = re.compile(r"[0-9a-fA-F]{1,2}(?:([:.-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2})*)?|(?:[0-9a-fA-F]{2})+")
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ]+(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_WORDS = re.compile(
    r"([A-Z][a-z]{2}) +(\d{1,2}), (\d{4})(?: (\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TRUTH = {"true": 1, "false": 0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INT64_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Prefix:
    """An address, or all addresses that agree with it in the first bits."""

    #: 4 or 6.
    family: int
    #: The address as a number, its bits behind the prefix 0.
    value: int
    #: The bits that count; 32 or 128 ones for a single address.
    mask: int


Constant: TypeAlias = int | float | str | bytes | Prefix


def parse_value(type_: Type, text: str, quoted: bool) -> Constant:
    """The constant that `text` is for a field of that type."""
    if type_ is Type.TEXT:
        return to_text(text)
    if type_ is Type.BYTES:
        return to_bytes(text) if quoted else parse_bytes(text)
    if type_ in (Type.INTEGER, Type.BOOLEAN):
        return parse_integer(text)
    if type_ is Type.FLOAT:
        return parse_float(text)
    if type_ is Type.DURATION:
        return parse_seconds(text)
    if type_ is Type.TIME:
        return parse_time(text)
    if type_ is Type.MAC:
        return parse_mac(text)
    return parse_address(type_, text)


def parse_integer(text: str) -> int:
    """Decimal, 0x hexadecimal, 0 octal, 0b binary; true and false are 1 and 0."""
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    match = _INTEGER.fullmatch(text) if text.isascii() else None
    if match is None or len(text) > 70:
        raise ValueError("is not a whole number (decimal, 0x hexadecimal, 0 octal or 0b binary)")
    sign, digits = match.groups()
    if digits[:2].lower() == "0x":
        number = int(digits, 16)
    elif digits[:2].lower() == "0b":
        number = int(digits, 2)
    elif len(digits) > 1 and digits[0] == "0":
        if not set(digits) <= set("01234567"):
            raise ValueError("is not a number: a leading 0 makes it octal")
        number = int(digits, 8)
    else:
        number = int(digits)
    if number > INT64_MAX:
        raise ValueError("is too large")
    return -number if sign == "-" else number


def parse_float(text: str) -> float:
    """A decimal number, or an integer as `parse_integer` has it."""
    if text.isascii() and _DECIMAL.fullmatch(text):
        return float(text)
    try:
        return float(parse_integer(text))
    except ValueError:
        raise ValueError("is not a number") from None


def parse_seconds(text: str) -> int:
    """Nanoseconds from a decimal number of seconds."""
    match = _SECONDS.fullmatch(text) if text.isascii() else None
    if match is None:
        raise ValueError("is not a number of seconds with at most nine decimals")
    sign, whole, fraction = match.groups()
    ns = int(whole) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    if ns > INT64_MAX:
        raise ValueError("is too large")
    return -ns if sign == "-" else ns


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch, UTC.

    ISO 8601 with a space or T ("2026-01-02 03:04:05.123456789", "2026-01-02T03:04:05Z", "2026-01-02"), Wireshark's "Jan
    2, 2026 03:04:05", or seconds since the epoch. UTC where the text names no offset.
    """
    if text.isascii() and _SECONDS.fullmatch(text):
        return parse_seconds(text)
    iso = _ISO.fullmatch(text) if text.isascii() else None
    words = _WORDS.fullmatch(text) if text.isascii() else None
    if iso is not None:
        year, month, day, *rest = iso.groups()
    elif words is not None and words[1] in _MONTHS:
        month, day, year, *rest = words.groups()
        month = str(_MONTHS.index(month) + 1)
    else:
        raise ValueError('is not a time such as "2026-01-02 03:04:05.123456789" (UTC)')
    hour, minute, second, fraction, zone = rest
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=_zone(zone),
        )
    except ValueError as error:
        raise ValueError(f"is not a time: {error}") from None
    span = moment - _EPOCH
    ns = (span.days * 86_400 + span.seconds) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    if abs(ns) > INT64_MAX:
        raise ValueError("is beyond the years 1678 to 2261")
    return ns


def _zone(text: str | None) -> timezone:
    if text is None or text in ("Z", "UTC"):
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def parse_mac(text: str) -> int:
    """A 48-bit number from 02:00:00:00:00:01, 02-00-…, 0200.0000.0001."""
    if not text.isascii() or _MAC.fullmatch(text) is None:
        raise ValueError("is not a MAC address such as 02:00:00:00:00:01")
    groups = re.split("[:.-]", text)
    return int("".join(group.zfill(12 // len(groups)) for group in groups), 16)


def parse_address(type_: Type, text: str) -> Prefix:
    """An address or CIDR prefix of the type's family."""
    address, slash, length = text.partition("/")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(f"is not an {type_.value}") from None
    if type_ is Type.IPV4 and parsed.version != 4:
        raise ValueError("is an IPv6 address, which this field never has")
    if type_ is Type.IPV6 and parsed.version != 6:
        raise ValueError("is an IPv4 address, which this field never has")
    bits: int = parsed.max_prefixlen
    if slash:
        if not (length.isascii() and length.isdigit() and int(length[:4]) <= bits and len(length) <= 3):
            raise ValueError(f"is not a prefix: its length is a number from 0 to {bits}")
        bits = int(length)
    mask = ((1 << bits) - 1) << (parsed.max_prefixlen - bits)
    return Prefix(parsed.version, int(parsed) & mask, mask)


def parse_bytes(text: str) -> bytes:
    """Hexadecimal bytes: 02:00:00, 02-00-00, 020000, a single 2."""
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    if not digits.isascii() or _BYTES.fullmatch(digits) is None:
        raise ValueError('is not bytes in hexadecimal such as 02:00:5e, nor "text in quotes"')
    digits = re.sub("[:.-]", "", digits)
    return bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))


def to_bytes(text: str) -> bytes:
    r"""The bytes of a quoted string: UTF-8, and what was written as \xNN as that byte."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError("has a character that is no text") from None


def to_text(text: str) -> str:
    r"""The characters of a string; bytes written as \xNN are read as UTF-8."""
    return to_bytes(text).decode("utf-8", "replace")
