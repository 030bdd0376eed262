"""What differs between versions of tshark, in one place: their values and layers become those of tshark 4.0.

| | until | since |
|---|---|---|
| booleans, and fields without a value | 4.0: `1` | 4.4: `True`, `False` |
| absolute times | 4.0: seconds | 4.4: ISO 8601, here and there |
| hexadecimal numbers | 3.4: of 8 digits | 4.0: as many as the field has |
| `ip.frag_offset` | 3.4: in bytes | 4.0: in units of 8 bytes, as the header has it |
| times whose fraction is a second or more | 4.4: as any other | 4.6: `1.(1000000000 nanosec` |
| IP straight behind MPLS in `frame.protocols` | 4.0: named | 4.4: not named |
| exit status for a display filter that is none | 4.0: 2 | 4.4: 4 |

Seen in Debian's 3.4.10, 4.0.17, 4.4.18 and 4.6.9; what changed between two of them may have changed in any version
between. So, but for the last line, it is gone by what tshark prints, not by its version; only the list of fields is not
asked for where the version already says that offsets are in units of 8 bytes.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from datetime import datetime
from functools import cache

from nvgre_inspect.wireshark.tshark import TsharkError, installed, neutral, run

#: Exit statuses for a display filter that tshark does not take.
FILTER_NOT_TAKEN = frozenset({2, 4})

_BOOLEANS = {"True": "1", "False": "0"}
#: A fraction of a second or more, which is none; cut off where tshark has no room for more.
_EXCESS = re.compile(r"(-?\d+\.)\((\d+) nano[a-z]*\)?")
_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
#: Of a number of at most 16 bits the digits that it would have in a field of its size.
_PADDED = re.compile(r"0x0000(?:00)?((?:[0-9a-f]{2}){1,2})")
_OFFSET_WITHOUT_MASK = re.compile(rb"^F\t[^\t\n]*\tip\.frag_offset\tFT_UINT16\tip\tBASE_DEC\t0x0\t", re.MULTILINE)
#: IP by the field that each of its headers has, and that no other layer has.
_SOURCES = {"ip": "ip.src", "ipv6": "ipv6.src"}
#: Where one of these follows MPLS, no IP header was left out between the two.
_NOT_IN_IP = frozenset({"mpls", "pwethnocw", "pwethcw", "pwethheuristic"})


def plain(value: str) -> str:
    """The value as tshark 4.0 prints it; IPv6 addresses that embed IPv4, which may be written in two ways, as Python
    does.
    """
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    if value.startswith("0x0000") and (padded := _PADDED.fullmatch(value)):
        return f"0x{padded[1]}"
    if value.endswith("Z") and (found := _ISO_TIME.fullmatch(value)):
        seconds = int(datetime.fromisoformat(f"{found[1]}+00:00").timestamp())
        return f"{seconds}.{found[2] or '':0<9}"
    if "(" in value and (found := _EXCESS.fullmatch(value)):
        return f"{found[1]}{found[2]}"
    if value.startswith("::") and "." in value:
        with suppress(ValueError):
            return str(ipaddress.IPv6Address(value))
    return value


def name_layers_behind_mpls(row: dict[str, list[str]]) -> None:
    """Name the IP headers that `frame.protocols` leaves out behind MPLS, as far as the row has IP addresses of them.

    Where several are left out, of both families, those of IPv4 come first: nothing in the row tells.
    """
    protocols = row.get("frame.protocols")
    if not protocols or "mpls" not in protocols[0]:
        return
    words = protocols[0].split(":")
    absent = [
        family for family, source in _SOURCES.items() for _ in range(len(row.get(source, ())) - words.count(family))
    ]
    named: list[str] = []
    for place, word in enumerate(words):
        named.append(word)
        if absent and word == "mpls" and not set(words[place + 1 : place + 2]) & _NOT_IN_IP:
            named.append(absent.pop(0))
    row["frame.protocols"] = [":".join(named)]


#: The oldest version seen to print `ip.frag_offset` in units of 8 bytes.
_UNITS_OF_8 = (4, 0)
#: How long tshark may take to list its fields, which takes it a quarter of a second.
_LISTING_S = 20.0


@cache
def offsets_in_bytes(tshark: str) -> bool:
    """Whether this tshark prints `ip.frag_offset` in bytes.

    Older ones, and those that do not say their version, are asked for their fields: the list has no mask for it then.
    """
    try:
        if installed(tshark).version >= _UNITS_OF_8:
            return False
        with neutral() as environment:
            listed = run([tshark, "-G", "fields"], environment=environment, timeout_s=_LISTING_S)
    except TsharkError:  # whoever asks it for fields next is told
        return False
    return _OFFSET_WITHOUT_MASK.search(listed.output) is not None
