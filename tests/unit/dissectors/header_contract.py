"""What every header class has to do (`dissectors.base`), as tests to inherit: one subclass a class of header.

`raw` is written by hand, byte for byte, with every field non-zero: a field that is packed where another one is
read shows only then. `values` are the same bytes' meaning.
"""

from __future__ import annotations

from typing import Any, ClassVar

import dpkt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dissectors.base import Header

#: The inherited tests run with several classes as `self`, which is what they are for.
_settings = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])

PAYLOAD = b"\xa5payload\x00\xff"


def exercise(header: Header) -> None:
    """Everything that can be asked of a header, of whatever content."""
    assert header.header_len >= header.__hdr_len__
    assert header.anomalies >= 0
    size = len(bytes(header))
    for field in header.fields():
        assert field.text.isprintable(), field
        assert 0 <= field.start <= field.start + field.length <= max(size, header.header_len), field
    assert header.info().isprintable()


class HeaderContract:
    """Inherit, and set these."""

    cls: ClassVar[type[Header]]
    raw: ClassVar[bytes]
    values: ClassVar[dict[str, Any]]
    #: What follows from the values: properties that cannot be set.
    derived: ClassVar[dict[str, Any]] = {}
    #: By `dissectors.offsets`.
    header_len: ClassVar[int]
    info: ClassVar[str]
    anomalies: ClassVar[int] = 0
    #: Fields that have to be zero for the header to make sense, or that only can be.
    zero: ClassVar[frozenset[str]] = frozenset()

    def test_deconstruct(self) -> None:
        header = self.cls(self.raw + PAYLOAD)
        for name, value in (self.values | self.derived).items():
            assert getattr(header, name) == value, name
        assert header.data == PAYLOAD
        assert header.anomalies == self.anomalies

    def test_construct(self) -> None:
        header = self.cls(**self.values, data=PAYLOAD)
        assert bytes(header) == self.raw + PAYLOAD
        assert len(header) == len(self.raw) + len(PAYLOAD)

    def test_no_field_of_the_sample_is_zero(self) -> None:
        header = self.cls(self.raw)
        bits = {name for group in getattr(self.cls, "__bit_fields__", {}).values() for name, _ in group}
        for name in {*self.cls.__hdr_fields__, *bits} - self.zero:
            value = getattr(header, name)
            assert any(value) if isinstance(value, bytes) else value, name

    def test_header_length(self) -> None:
        assert len(self.raw) == self.header_len
        assert self.cls(self.raw).header_len == self.header_len

    def test_default_construction_says_nothing_wrong(self) -> None:
        header = self.cls()
        header.compute()
        exercise(header)
        assert bytes(self.cls(bytes(header))) == bytes(header)

    def test_unknown_field_is_refused(self) -> None:
        with pytest.raises(TypeError):
            self.cls(no_such_field=1)

    def test_every_truncation(self) -> None:
        for length in range(len(self.raw)):
            cut = self.raw[:length]
            if length < self.cls.__hdr_len__:
                with pytest.raises(dpkt.NeedData):
                    self.cls(cut)
                continue
            header = self.cls(cut)
            assert bytes(header) == cut
            assert header.header_len > length
            exercise(header)

    def test_fields_and_info(self) -> None:
        header = self.cls(self.raw + PAYLOAD)
        exercise(header)
        assert header.info() == self.info

    @_settings
    @given(data=st.data())
    def test_any_bytes_are_emitted_as_they_were(self, data: st.DataObject) -> None:
        size = self.cls.__hdr_len__
        raw = data.draw(st.binary(min_size=size, max_size=size + 80))
        header = self.cls(raw)
        assert bytes(header) == raw
        assert len(header) == len(raw)
        exercise(header)

    @_settings
    @given(data=st.data())
    def test_mutated_samples_never_raise(self, data: st.DataObject) -> None:
        raw = bytearray(self.raw + PAYLOAD)
        for _ in range(data.draw(st.integers(1, 4))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        header = self.cls(bytes(raw))
        assert bytes(header) == bytes(raw)
        exercise(header)

    @_settings
    @given(data=st.data())
    def test_fixed_part_survives_parse_and_construct(self, data: st.DataObject) -> None:
        size = self.cls.__hdr_len__
        parsed = self.cls(data.draw(st.binary(min_size=size, max_size=size)))
        groups = getattr(self.cls, "__bit_fields__", {})
        names = [name for name in self.cls.__hdr_fields__ if name not in groups]
        names += [name for group in groups.values() for name, _ in group]
        built = self.cls(**{name: getattr(parsed, name) for name in names})
        assert built.pack_hdr() == parsed.pack_hdr()
