"""Why a frame did not go the usual way: permanent names, counted by the commands and listed with `-v`."""

from __future__ import annotations

#: Reasons for which a frame is not in the output, and what they mean.
SKIPPED: dict[str, str] = {
    "too-short": "shorter than an Ethernet header",
    "not-ethernet": "not Ethernet, which is all that this encapsulation carries",
    "not-ip": "no IP packet, which is all that this encapsulation carries",
    "no-subnet": "no subnet of the policy has its sender",
    "ambiguous-tenant": "several subnets have its sender; --vsid says which",
    "unknown-sender": "the policy has no entry for its sender",
    "unknown-destination": "the policy has no entry for its destination",
    "bum": "broadcast or multicast, which the policy drops",
    "same-host": "sender and receiver are behind the same provider address",
    "family-mismatch": "provider addresses of its two hosts are of different IP versions",
    "inner-vlan": "has a VLAN tag, which the policy refuses",
    "over-mtu": "too long for the MTU of the underlay",
    "too-long": "too long for the length fields of the outer headers",
    "id-out-of-range": "its identifier does not fit into the other encapsulation",
    "no-encapsulation": "not encapsulated",
    "not-a-frame": "what is encapsulated is neither Ethernet nor IP",
    "encrypted": "encrypted",
    "congested": "marked as congested outside, and its sender takes no part in ECN (RFC 6040)",
    "incomplete": "fragment of an outer packet of which parts are missing",
    "nested": "a tunnel inside another tunnel",
    "other-linktype": "of another link type than the output file, which has only one",
    "not-selected": "not selected by the filter",
    "unreadable": "its headers could not be read",
}
#: Reasons that make the exit code 3: the frame's bytes could not be read, rather than the policy not wanting it.
UNREADABLE = frozenset({"too-short", "unreadable", "incomplete"})
#: What is worth counting although nothing was lost.
NOTED: dict[str, str] = {
    "over-mtu-sent": "longer than the MTU of the underlay, and sent all the same",
    "vlan-removed": "VLAN tags were removed",
    "checksum-unknown": "checksum not computed, since the frame was cut",
    "ethernet-added": "bare IP packets that got an Ethernet header, with the outer addresses",
    "shared-interface": "frames of tunnels beyond the 65,536 that have an interface of their own",
    "replicated": "copies of broadcast and multicast frames",
    "packet-too-big": "answers with ICMP packet too big",
}
