"""Origin: the tunnel that a frame was taken out of, and how a pcapng file says so (docs/encapsulation.md).

    interface description    nvgre vsid=5001 pa=192.0.2.1>192.0.2.2     one word, then key=value words
    packet comment           flowid=17

Limits: what else stood in the outer headers (MAC addresses, TTL, DSCP, identification) is not written down. A
description that was not written here can only be taken for one if it happens to have the very same form.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

from dissectors import encaps
from nvgre_inspect.encapsulation.policy import Address

_FORM = re.compile(
    r"(?P<encap>[a-z0-9][a-z0-9-]*)(?: vsid=(?P<vsid>[0-9]{1,10}))?"
    r"(?: pa=(?P<src>[0-9A-Fa-f:.]+)>(?P<dst>[0-9A-Fa-f:.]+))?"
)
_COMMENT = re.compile(r"flowid=([0-9]{1,10})")
#: Ids are at most 32 bits wide (GRE's key).
_ID_LIMIT = 1 << 32


class Origin(NamedTuple):
    """An encapsulation, an identifier and a pair of provider addresses."""

    #: As in the column `encap`.
    encap: str
    #: As in the column `vsid`; None where the encapsulation has none.
    vsid: int | None
    #: None: there was no IP header outside (MPLS on a link), or it is not known.
    pa_src: Address | None
    pa_dst: Address | None

    def description(self) -> str:
        """What the description of an interface says of it."""
        words = [self.encap]
        if self.vsid is not None:
            words.append(f"vsid={self.vsid}")
        if self.pa_src is not None and self.pa_dst is not None:
            words.append(f"pa={self.pa_src}>{self.pa_dst}")
        return " ".join(words)

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """The origin that `description` wrote; None for any other text."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        vsid = None if match["vsid"] is None else int(match["vsid"])
        try:
            pair = [None if match[side] is None else ip_address(match[side]) for side in ("src", "dst")]
        except ValueError:
            return None
        if encaps.CODES.get(match["encap"]) == encaps.NONE or (vsid is not None and vsid >= _ID_LIMIT):
            return None
        # A user's encapsulation may have any name, but then a lone word says nothing.
        if match["encap"] not in encaps.CODES and vsid is None and pair[0] is None:
            return None
        return cls(match["encap"], vsid, pair[0], pair[1])


def entropy_comment(entropy: int) -> str:
    """The comment on a packet whose FlowID or source port was taken off; empty for -1: there was none."""
    return f"flowid={entropy}" if entropy >= 0 else ""


def parse_entropy(comment: str) -> int | None:
    """What `entropy_comment` wrote, in one line of a comment; None where there is none."""
    for line in comment.split("\n"):
        match = _COMMENT.fullmatch(line)
        if match is not None and int(match[1]) < _ID_LIMIT:
            return int(match[1])
    return None
