"""What tshark says of a filter that it does not take, as an error with a caret."""

from __future__ import annotations

import pytest

from nvgre_inspect.flows.filter.errors import FilterError
from nvgre_inspect.wireshark.display_filter import check, error_of
from nvgre_inspect.wireshark.settings import Settings


@pytest.mark.parametrize(
    ("text", "lines", "message", "position", "length"),
    [
        (
            "http.foo == 1",
            [
                'tshark: Left side of "==" expression must be a field or function, not http.foo.',
                "    http.foo == 1",
                "    ^~~~~~~~",
            ],
            'Wireshark filter: Left side of "==" expression must be a field or function, not http.foo',
            0,
            8,
        ),
        (
            "  tcp.port == abc",
            ['tshark: "abc" is not a valid number.', "      tcp.port == abc", "                  ^~~"],
            'Wireshark filter: "abc" is not a valid number',
            14,
            3,
        ),
        (
            "ip.addr == ",
            ["tshark: Unexpected end of filter expression."],
            "Wireshark filter: Unexpected end of filter expression",
            11,
            1,
        ),
        # As 3.6 says it.
        (
            "foo == 1",
            ['tshark: "foo" is neither a field nor a protocol name.'],
            'Wireshark filter: "foo" is neither a field nor a protocol name',
            0,
            3,
        ),
        # As 3.4 says it.
        (
            "tcp.port == abc",
            ['tshark: "abc" is not a valid number.'],
            'Wireshark filter: "abc" is not a valid number',
            12,
            3,
        ),
        (
            "abc == abc",
            ['tshark: Neither "abc" nor "abc" are field or protocol names.'],
            'Wireshark filter: Neither "abc" nor "abc" are field or protocol names',
            0,
            10,
        ),
        ("x", [], "Wireshark filter: tshark does not take this filter", 0, 1),
    ],
)
def test_errors(text: str, lines: list[str], message: str, position: int, length: int) -> None:
    error = error_of(text, lines)
    assert (error.message, error.position, error.length, error.text) == (message, position, length, text)


def test_the_caret_stands_below_the_place() -> None:
    lines = ['tshark: "abc" is not a valid number.', "    tcp.port == abc", "                ^~~"]
    assert error_of("tcp.port == abc", lines).render().splitlines()[1:] == [
        "  tcp.port == abc",
        "              ^~~",
    ]


@pytest.mark.parametrize(("text", "position"), [("", 0), ("  ", 0), ("tcp\nudp", 3), ("tcp\0", 3)])
def test_what_is_no_filter_before_tshark_is_asked(text: str, position: int) -> None:
    with pytest.raises(FilterError) as error:
        check(text, Settings(path="/nowhere"))
    assert error.value.position == position
