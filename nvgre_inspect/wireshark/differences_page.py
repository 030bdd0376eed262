"""docs/differences.md, written from the table of differences; a test holds the two equal."""

from __future__ import annotations

from nvgre_inspect.wireshark.cases import HEADERS, ICMP, TCP, Beyond, Difference
from nvgre_inspect.wireshark.differences import BEYOND, DIFFERENCES

_GROUPS = {"of headers": HEADERS, "of ICMP": frozenset(ICMP), "of TCP": frozenset(TCP)}

_HEAD = """# Where our packets and tshark's differ

The tests (`tests/interop/test_fields.py`) compare every packet of every capture at hand with `tshark -T fields`
(4.0.17, 4.4.18 and 4.6.9): addresses and ports of every layer, protocol numbers, VSIDs, VNIs, keys, sessions, labels
and SPIs, lengths, TCP fields, VLAN ids, MAC addresses, fragments and times, occurrence by occurrence. Everything is
equal, apart from what is listed here; each line is seen where it says, in each of these versions, or the tests fail.
TCP words are compared in `docs/tcp-analysis.md`.

`nvgre-inspect verify FILE` does the same with a capture of yours, and names the entry that explains a difference.
This page is written by `pytest tests/interop/test_fields.py --update` from `nvgre_inspect/wireshark/differences.py`.

## Different by choice, or by tshark's limits

| what | when | tshark and this tool | fields | seen in |
|---|---|---|---|---|
"""
_BEYOND_HEAD = """
## Protocols that tshark looks into, and this tool does not

What is outside of them is compared; packets that they carry are not tenants' packets here. What an ICMP error quotes is
no part of the stack either; its addresses are compared where it is a tunnel packet.

| layer in tshark | what it is | seen in |
|---|---|---|
"""


def render() -> str:
    """The page."""
    lines = [
        f"| {entry.name} | {entry.when} | {entry.reason} | {_words(entry.fields)} | {_seen(entry)} |"
        for entry in DIFFERENCES
    ]
    beyond = [f"| `{entry.layer}` | {entry.what} | {_seen(entry)} |" for entry in BEYOND]
    return _HEAD + "\n".join(lines) + "\n" + _BEYOND_HEAD + "\n".join(beyond) + "\n"


def _seen(entry: Difference | Beyond) -> str:
    return f"`{entry.seen}`" if entry.seen else "frames that the tests make"


def _words(fields: frozenset[str]) -> str:
    for words, group in _GROUPS.items():
        if fields == group:
            return words
    return ", ".join(f"`{field}`" if "." in field and " " not in field else field for field in sorted(fields))
