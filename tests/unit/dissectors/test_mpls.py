"""MPLS label stacks, entropy labels, control words."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import anomalies, offsets
from dissectors.mpls import MPLS, ControlWord, Label
from tests.unit.dissectors.header_contract import HeaderContract, exercise


class TestMPLS(HeaderContract):
    cls = MPLS
    raw = bytes.fromhex("12345a40 abcdef07")
    values: ClassVar = {"first": 0x12345A40, "rest": (0xABCDEF07,)}
    derived: ClassVar = {
        "entries": [Label(0x12345, 5, 0, 0x40), Label(0xABCDE, 7, 1, 0x07)],
        "has_bottom": True,
        "entropy_label": None,
    }
    header_len = 2 * offsets.MPLS_LEN
    info = "labels 74565/703710"


class TestControlWord(HeaderContract):
    cls = ControlWord
    # A control word has nibble 0; here every field is non-zero, to see that each is where it belongs.
    raw = bytes.fromhex("5a 9b 1234")
    values: ClassVar = {"nibble": 5, "flags": 10, "fragment": 2, "length": 0x1B, "sequence": 0x1234}
    header_len = 4
    info = ""


def stack(*labels: int, bottom: bool = True) -> bytes:
    words = [label << 12 | 0x40 for label in labels]
    if bottom:
        words[-1] |= 0x100
    return b"".join(word.to_bytes(4, "big") for word in words)


@pytest.mark.parametrize(
    ("labels", "plain", "entropy", "expected"),
    [
        ((16,), [16], None, 0),
        ((16, 7, 90000), [16], 90000, 0),
        ((16, 7, 90000, 17), [16, 17], 90000, 0),
        ((7, 90000, 7, 90001), [], 90000, 0),
        ((16, 7), [16], None, anomalies.MPLS_ENTROPY_INVALID),
        ((3, 16), [3, 16], None, anomalies.MPLS_LABEL_RESERVED),
        # An entropy label is any number: this one is no indicator, and no implicit null.
        ((16, 7, 7), [16], 7, 0),
        ((16, 7, 3), [16], 3, 0),
    ],
)
def test_labels(labels: tuple[int, ...], plain: list[int], entropy: int | None, expected: int) -> None:
    header = MPLS(stack(*labels) + b"payload")
    assert header.plain_labels() == plain
    assert header.entropy_label == entropy
    assert header.anomalies == (1 << expected if expected else 0)
    assert header.data == b"payload"


def test_no_bottom_within_sixteen() -> None:
    raw = stack(*range(100, 120), bottom=False)
    header = MPLS(raw)
    assert len(header.words) == offsets.MPLS_MAX_LABELS
    assert header.header_len == 4 * offsets.MPLS_MAX_LABELS
    assert header.anomalies == 1 << anomalies.MPLS_NO_BOTTOM
    assert bytes(header) == raw
    exercise(header)


def test_sixteen_with_bottom_is_fine() -> None:
    header = MPLS(stack(*range(100, 116)))
    assert header.has_bottom
    assert header.anomalies == 0


def test_build_and_compute() -> None:
    header = MPLS()
    header.set_entries([Label(16, 1, 1, 64), Label(17, 2, 0, 63)])
    header.compute()
    assert [entry.bottom for entry in header.entries] == [0, 1]
    assert MPLS(bytes(header)).entries == [Label(16, 1, 0, 64), Label(17, 2, 1, 63)]
