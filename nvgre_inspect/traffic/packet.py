"""Packet: what travels through a simulation, from a VM's vNIC to another's.

It is the tenant's frame with the values of the headers around it; bytes of the latter are made only where somebody
records it (`rendering`). Faults change values, so that what is recorded is what really went there. A copy
(`copy`) for every receiver, and for every point where something is changed for some.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from nvgre_inspect.encapsulation.routing import Leg

Address = IPv4Address | IPv6Address
NO_MARKS: frozenset[str] = frozenset()


class Segment(NamedTuple):
    """What the sender of a TCP segment knows of it, for the truth."""

    #: The connection, by a number that both ends share and no other connection of the simulation has.
    connection: int
    #: Whether the sender is the one who opened it.
    from_client: bool
    #: Sequence number as on the wire, and bytes of payload.
    seq: int
    length: int
    #: All of its sequence space was sent before.
    retransmission: bool = False
    #: A zero-window probe.
    probe: bool = False
    #: A keep-alive.
    keep_alive: bool = False


class Fragment(NamedTuple):
    """A part of a packet that was fragmented on the underlay (RFC 791 section 3.2)."""

    #: Bytes of the outer IP payload that come before.
    offset: int
    #: Bytes of the outer IP payload in it.
    length: int
    #: More follow.
    more: bool


@dataclass(slots=True, eq=False)
class Packet:
    """A frame of a tenant's, or (`plain`) a packet of the underlay's own."""

    #: The tenant's Ethernet frame without FCS.
    inner: bytes
    #: VSID of the tenant to which the sender belongs, whatever the key says. -1: of none.
    tenant: int
    #: Number of what was sent: copies and fragments share it.
    serial: int
    #: When the sender handed it to its vNIC (plain packets: when they were made).
    sent_ns: int
    #: The VM that sent it, by name in its tenant; "" for what others made.
    sender: str = ""
    #: What the sender knows of it: `Segment` for TCP; None: nothing more than the frame says.
    info: Segment | None = None
    #: Ids of the faults that touched it.
    marks: frozenset[str] = NO_MARKS

    # From here on: since it was encapsulated.
    #: Between which hosts; None: not encapsulated (yet).
    leg: Leg | None = None
    #: The identifier on the wire.
    vsid: int | None = None
    #: FlowID, or UDP source port.
    entropy: int = 0
    tos: int = 0
    ttl: int = 64
    #: Identification of the outer IPv4 header.
    ident: int = 0
    df: bool = True
    #: GRE sequence number, where the encapsulation has them.
    sequence: int = 0
    #: Bits that a fault sets in the first 16 bits of the GRE header; C and S bring their fields with them.
    gre_flags: int = 0
    #: The path that it takes, by name.
    path: str = ""
    fragment: Fragment | None = None
    #: The IP packet, if it is the underlay's own (an ICMP error): then nothing of it is encapsulated.
    plain: bytes = b""

    def copy(self) -> Packet:
        """Another one with the same values."""
        return copy.copy(self)

    def marked(self, fault: str) -> Packet:
        """This packet, with the fault's id among its marks."""
        self.marks |= {fault}
        return self

    @property
    def src_pa(self) -> Address | None:
        """Provider address of the sending host; None before it is encapsulated."""
        return None if self.leg is None else self.leg.src.pa

    @property
    def dst_pa(self) -> Address | None:
        """Provider address (or group) that it goes to; None before it is encapsulated."""
        return None if self.leg is None else self.leg.dst
