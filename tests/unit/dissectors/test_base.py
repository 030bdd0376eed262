"""What `Header` adds to dpkt, and the ways in which values are shown."""

from __future__ import annotations

from typing import ClassVar

import dpkt
import pytest

from dissectors.base import FieldSpec, Header, printable, show_flag, show_hex, show_ip, show_mac


class Sample(Header):
    """Two numbers and a tail whose length the first one says."""

    __hdr__ = (("count", "B", 0), ("_bits", "B", 0))
    __bit_fields__: ClassVar = {"_bits": (("high", 5), ("low", 3))}
    FIELDS = (FieldSpec("high", "sample.high", "High", 1, 1, show_hex(2)),)
    tail: bytes = b""

    def unpack(self, buf: bytes) -> None:
        super().unpack(buf)
        self.tail, self.data = self.data[: self.count], self.data[self.count :]

    def pack_variable(self) -> bytes:
        return self.tail


def test_parse_emit_and_length() -> None:
    sample = Sample(b"\x02\xa5abcdef")
    assert (sample.count, sample.high, sample.low, sample.tail, sample.data) == (2, 0x14, 5, b"ab", b"cdef")
    assert bytes(sample) == b"\x02\xa5abcdef"
    assert len(sample) == 8


def test_too_short_is_need_data() -> None:
    for length in range(2):
        with pytest.raises(dpkt.NeedData):
            Sample(bytes(length))


def test_parsed_objects_do_not_share_anything() -> None:
    first, second = Sample(b"\x01\x01a"), Sample()
    assert second.tail == b""
    assert first != second
    assert Sample(b"\x01\x01a") == first


def test_every_object_is_true() -> None:
    class Empty(Header):
        __hdr__ = ()

    assert Empty(b"")
    assert len(Empty(b"")) == 0


def test_unknown_fields_and_values_that_do_not_fit() -> None:
    with pytest.raises(TypeError, match="no field 'colour'"):
        Sample(colour=1)
    with pytest.raises(ValueError, match="too large"):
        Sample(high=32)


def test_payload_may_be_another_header() -> None:
    assert bytes(Sample(count=1, tail=b"x", data=Sample(high=1))) == b"\x01\x00x\x00\x08"


def test_fields() -> None:
    (field,) = Sample(b"\x00\xa5").fields()
    assert field == ("sample.high", 0x14, "High: 0x14", 1, 1)


def test_shown_values() -> None:
    assert show_mac(bytes(range(6))) == "00:01:02:03:04:05"
    assert show_ip(bytes([10, 0, 0, 1])) == "10.0.0.1"
    assert show_ip(bytes(15) + b"\x01") == "::1"
    assert show_ip(b"\x01\x02") == "0102"
    assert (show_flag(1), show_flag(0)) == ("Set", "Not set")


def test_nothing_that_a_terminal_acts_on_is_printable() -> None:
    text = printable(bytes(range(256)), limit=256)
    assert text.isprintable()
    assert text.isascii()
    assert printable(b"\x1b[31m\\") == "\\x1b[31m\\x5c"
    assert printable(b"abcdef", limit=3) == "abc…"
