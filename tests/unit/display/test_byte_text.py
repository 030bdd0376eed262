"""Bytes as text that other programs read."""

import re

import pytest

from nvgre_inspect.display.byte_text import c_array, hex_stream


def test_hex_stream():
    assert hex_stream(b"\x00\x15\xff") == "0015ff"


@pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 100])
def test_c_array(size):
    data = bytes(range(size))
    text = c_array(data, "packet_7")
    assert text.startswith(f"static const unsigned char packet_7[{max(size, 1)}] = {{\n")
    assert text.endswith("\n};\n")
    assert bytes(int(byte, 16) for byte in re.findall(r"0x(\w\w)", text)) == data
    assert max(map(len, text.split("\n"))) <= 80
