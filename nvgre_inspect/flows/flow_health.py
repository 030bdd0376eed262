"""What the counters of one flow mean, in sentences: the health of a conversation.

Words are those of docs/tcp-analysis.md. Nothing is concluded about loss where only one half of a conversation is known.

Limits: this is about one flow by itself; causes that show only across flows are the business of diagnosis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dissectors import anomalies, offsets
from nvgre_inspect.flows.packet_sizes import TENANT_MTU

#: From this share of its packets on, a direction's retransmissions slow it down.
_MANY = 0.01
_TCP_HEADER = 20
#: Anomalies of which a remark tells more.
_SAID = {anomalies.NAMES[anomalies.DUPLICATE_PACKET][0]}


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence about a flow."""

    #: good, note, warning or error
    severity: str
    text: str


#: state -> remark; `reset` and the beginnings of connections have functions.
_STATES = {
    "established": Remark("good", "established, and still open at the end of the capture"),
    "closed": Remark("good", "closed by both sides"),
    "closing": Remark("note", "closed by one side, the other was still open at the end of the capture"),
    "midstream": Remark("note", "began before the capture: no handshake was seen"),
}
_SENDERS = {"fwd": "the initiator", "rev": "the responder"}


def remarks(flow: Mapping[str, Any]) -> list[Remark]:
    """Sentences about one row of the table `flows`, by column; the state first, then what is wrong."""
    found: list[Remark] = []
    if flow["protocol"] == "tcp":
        found += _state(flow)
    if not pd.isna(flow["reverse_flow"]):
        text = f"one half: the opposite direction is flow {flow['reverse_flow']}, in another vsid; loss cannot be told"
        found.append(Remark("note", text))
    if flow["protocol"] == "tcp":
        for direction in ("fwd", "rev"):
            found += _direction(flow, direction)
        found += _options(flow)
    elif not flow["packets_rev"] and pd.isna(flow["reverse_flow"]) and not _is_to_a_group(flow):
        found.append(Remark("note", "one direction only: no answers were seen"))
    found += _copies(flow)
    others = [name for name in flow["anomalies"] if name not in _SAID]
    if others:
        found.append(Remark("warning", f"anomalies: {', '.join(others)}"))
    return found


def _is_to_a_group(flow: Mapping[str, Any]) -> bool:
    """Whether it is sent to many (the group bit of the MAC address, IEEE 802): they owe no answer."""
    mac = flow["dst_mac"]
    return not pd.isna(mac) and bool(int(str(mac)[:2], 16) & 1)


def _state(flow: Mapping[str, Any]) -> Iterator[Remark]:
    state = flow["state"]
    if state in _STATES:
        yield _STATES[state]
    elif state == "syn-sent":
        yield Remark("error", "no answer to the SYN")
    elif state == "syn-received":
        yield Remark("warning", "SYN answered, but the handshake was never completed")
    elif state == "reset":
        who = " and ".join(_SENDERS[way] for way in ("fwd", "rev") if flow[f"resets_{way}"])
        refused = flow["resets_rev"] and flow["packets_rev"] == flow["resets_rev"]
        words = "refused: the only answer was a reset" if refused else f"reset by {who or 'a peer'}"
        yield Remark("error", words)


def _direction(flow: Mapping[str, Any], way: str) -> Iterator[Remark]:
    """What is wrong with the data that one side sent."""
    who, packets = _SENDERS[way], max(int(flow[f"packets_{way}"]), 1)
    again = int(flow[f"retransmissions_{way}"])
    if again:
        share = again / packets
        text = f"{_counted(again, 'retransmission')} from {who}, {share:.1%} of its packets"
        yield Remark("warning" if share >= _MANY else "note", text)
    lost = flow[f"lost_segments_{way}"]
    if not pd.isna(lost) and lost:
        yield Remark("error", f"{_counted(int(lost), 'gap')} in the data from {who} neither filled nor acknowledged")
    unseen = flow[f"acked_unseen_{way}"]
    if not pd.isna(unseen) and unseen:
        text = (
            f"{_counted(int(unseen), 'gap')} in the data from {who}, acknowledged: the capture missed it, not the peer"
        )
        yield Remark("note", text)
    late = int(flow[f"out_of_order_{way}"])
    if late:
        yield Remark("note", f"{_counted(late, 'segment')} from {who} out of order")
    closed = int(flow[f"zero_windows_{way}"])
    if closed:
        text = f"{who} announced a window of 0 {_counted(closed, 'time')}: its application reads too slowly"
        yield Remark("warning", text)


def _copies(flow: Mapping[str, Any]) -> Iterator[Remark]:
    copies = int(flow["duplicates_fwd"]) + int(flow["duplicates_rev"])
    if copies:
        yield Remark("note", f"{_counted(copies, 'packet')} captured twice: not sent again, seen again")


def _options(flow: Mapping[str, Any]) -> Iterator[Remark]:
    """What the options of both SYNs mean together."""
    scales = [not pd.isna(flow[f"window_scale_{way}"]) for way in ("fwd", "rev")]
    segments = [flow[f"mss_{way}"] for way in ("fwd", "rev")]
    if any(pd.isna(mss) for mss in segments):  # not both SYNs were seen
        return
    if scales[0] != scales[1]:
        who = _SENDERS["fwd" if scales[0] else "rev"]
        yield Remark("note", f"no window scaling: only {who} offers it, so windows stay below 64 KiB")
    outer = _outer_size(flow, int(min(segments)))
    if outer > TENANT_MTU:
        full = f"full segments (MSS {min(segments)})"
        yield Remark("note", f"{full} make outer packets of {outer:,} bytes, more than an MTU of {TENANT_MTU} carries")


def _outer_size(flow: Mapping[str, Any], mss: int) -> int:
    """Bytes of the outer IP packet around a full segment; 0 outside tunnels.

    The overhead is that of the flow's own packets on average, whose outer link layer is taken for Ethernet.
    """
    packets = int(flow["packets_fwd"]) + int(flow["packets_rev"])
    if flow["encap"] == "none" or not packets:
        return 0
    outside = sum(int(flow[f"wire_bytes_{way}"]) - int(flow[f"bytes_{way}"]) for way in ("fwd", "rev")) // packets
    header = offsets.IP6_LEN if ":" in str(flow["src_ip"]) else offsets.IP4_MIN_LEN
    inner_link = 0 if pd.isna(flow["src_mac"]) else offsets.ETH_LEN
    return mss + _TCP_HEADER + header + inner_link + outside - offsets.ETH_LEN


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
