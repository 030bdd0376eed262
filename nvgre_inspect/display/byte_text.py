"""Bytes as text that other programs read: for copying."""

from __future__ import annotations

_PER_LINE = 12


def hex_stream(data: bytes) -> str:
    """`00155d000a01…`, without spaces: what Wireshark calls a hex stream."""
    return data.hex()


def c_array(data: bytes, name: str) -> str:
    """`static const unsigned char packet_7[54] = { 0x00, … };`, for test programs; `name` has to be an identifier."""
    lines = [
        "    " + ", ".join(f"0x{byte:02x}" for byte in data[start : start + _PER_LINE]) + ","
        for start in range(0, len(data), _PER_LINE)
    ]
    # C knows no arrays without elements.
    return (
        "\n".join([f"static const unsigned char {name}[{max(len(data), 1)}] = {{", *(lines or ["    0,"]), "};"]) + "\n"
    )
