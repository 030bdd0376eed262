"""Faults of a scenario: what goes wrong, when and for whom, as data. `faults/` does it.

Each says where it acts: at the `vnic` (frames that a VM sends), the `encapsulation` (packets that a host sends), on
a `path`, before `decapsulation`, or at the `capture` (what a point records). Times are nanoseconds since the start of
the simulation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Stage = Literal["vnic", "encapsulation", "path", "decapsulation", "capture"]
_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which packets a fault concerns: those that meet all that is given."""

    #: The VSID of the sender's tenant.
    tenant: int | None = None
    #: The VM that sends, by name in its tenant.
    vm: str | None = None
    #: Names of two hosts.
    tunnel: tuple[str, str] | None = None
    #: `forward`: from the first host of `tunnel` to the second.
    direction: Literal["forward", "reverse", "both"] = "both"
    #: FlowIDs (UDP source ports), as the sending host chose them.
    flow_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What all faults have."""

    #: As in the file.
    KIND: ClassVar[str] = ""
    STAGE: ClassVar[Stage] = "path"

    #: What the truth calls it; unique in the scenario.
    id: str
    selection: Selection = field(default_factory=Selection)
    #: From here on, and before this; `until_ns` 0: to the end.
    from_ns: int = 0
    until_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss(Fault):
    """Packets are lost, each with the same probability."""

    KIND: ClassVar[str] = "loss"

    probability: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstLoss(Fault):
    """Packets are lost in bursts (Gilbert's model): probabilities of a burst to begin, and to end, at each packet."""

    KIND: ClassVar[str] = "burst-loss"

    begin: float = 0.001
    end: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(Fault):
    """Some packets are held back, so that those behind overtake them."""

    KIND: ClassVar[str] = "reorder"

    probability: float = 0.01
    delay_ns: int = _MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(Fault):
    """Some packets come twice, the second a little later."""

    KIND: ClassVar[str] = "duplicate"

    probability: float = 0.01
    delay_ns: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Fault):
    """All packets take longer, in their order."""

    KIND: ClassVar[str] = "delay"

    delay_ns: int = 20 * _MS
    jitter_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MTUBlackHole(Fault):
    """Outer packets above `mtu` are lost; with `icmp` the router there says so to the sending host."""

    KIND: ClassVar[str] = "mtu-black-hole"

    mtu: int = 1400
    icmp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragmentation(Fault):
    """Outer packets go without DF, and the path fragments those above `mtu` (IPv4)."""

    KIND: ClassVar[str] = "fragmentation"

    mtu: int = 1400


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay(Fault):
    """Nothing arrives in one direction; with `icmp` the receiving host refuses it (protocol unreachable)."""

    KIND: ClassVar[str] = "one-way"
    STAGE: ClassVar[Stage] = "decapsulation"

    icmp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongVSID(Fault):
    """A host writes another identifier; `delivered`: the receiver takes it for the tenant's all the same."""

    KIND: ClassVar[str] = "wrong-vsid"
    STAGE: ClassVar[Stage] = "encapsulation"

    vsid: int = 0
    delivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowIDConstant(Fault):
    """All flows get one FlowID (UDP source port)."""

    KIND: ClassVar[str] = "flow-id-constant"
    STAGE: ClassVar[Stage] = "encapsulation"

    value: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowIDChanging(Fault):
    """Flows change their FlowID in the middle, after every so many of their packets.

    Counted are packets of one sending host with one FlowID: flows that share it there change together, and sooner.
    """

    KIND: ClassVar[str] = "flow-id-changing"
    STAGE: ClassVar[Stage] = "encapsulation"

    packets: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BadECMPMember(Fault):
    """One of the ECMP paths loses packets."""

    KIND: ClassVar[str] = "bad-ecmp-member"

    #: A path by name.
    path: str = ""
    probability: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration(Fault):
    """A machine (`vm`) moves to another host; the other hosts learn it some time later.

    It announces itself there with a gratuitous ARP (IPv6: neighbour advertisement), if `announce` says so.
    """

    KIND: ClassVar[str] = "migration"
    STAGE: ClassVar[Stage] = "vnic"

    #: A host by name.
    to: str = ""
    stale_ns: int = 500 * _MS
    announce: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateMAC(Fault):
    """Another machine of the tenant (`other`) sends with the MAC address of `vm`."""

    KIND: ClassVar[str] = "duplicate-mac"
    STAGE: ClassVar[Stage] = "vnic"

    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak(Fault):
    """Packets are sent once more with the identifier of another tenant."""

    KIND: ClassVar[str] = "leak"
    STAGE: ClassVar[Stage] = "encapsulation"

    vsid: int = 0
    probability: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood(Fault):
    """The sending host has forgotten the receivers, and sends unicast frames to all hosts of the tenant."""

    KIND: ClassVar[str] = "flood"
    STAGE: ClassVar[Stage] = "encapsulation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ARPUnanswered(Fault):
    """ARP and neighbour solicitations for `vm` stay without an answer."""

    KIND: ClassVar[str] = "arp-unanswered"
    STAGE: ClassVar[Stage] = "vnic"


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerVLAN(Fault):
    """The sending host leaves an 802.1Q tag on; the receiving one drops such frames (RFC 7637 section 3.3)."""

    KIND: ClassVar[str] = "inner-vlan"
    STAGE: ClassVar[Stage] = "encapsulation"

    vlan: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GREFlags(Fault):
    """The sending host sets C (checksum) or S (sequence) in the GRE header; receivers drop it unless `accepted`."""

    KIND: ClassVar[str] = "gre-flags"
    STAGE: ClassVar[Stage] = "encapsulation"

    flags: tuple[Literal["checksum", "sequence"], ...] = ("checksum",)
    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedVSID(Fault):
    """A host writes an identifier that RFC 7637 section 3.4 reserves; `delivered` as in `wrong-vsid`."""

    KIND: ClassVar[str] = "reserved-vsid"
    STAGE: ClassVar[Stage] = "encapsulation"

    vsid: int = 4095
    delivered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DSCPLost(Fault):
    """Outer headers go without the DSCP of the inner ones."""

    KIND: ClassVar[str] = "dscp-lost"
    STAGE: ClassVar[Stage] = "encapsulation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ECNIllegal(Fault):
    """Packets that do not take part in ECN are marked CE on the outside; RFC 6040 has the receiver drop them."""

    KIND: ClassVar[str] = "ecn-illegal"

    probability: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class BadChecksum(Fault):
    """The NIC leaves the pseudo-header's sum in TCP and UDP checksums; receivers drop the packets."""

    KIND: ClassVar[str] = "bad-checksum"
    STAGE: ClassVar[Stage] = "encapsulation"


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorDuplicates(Fault):
    """A point records packets twice, as a mirror of both directions does."""

    KIND: ClassVar[str] = "mirror-duplicates"
    STAGE: ClassVar[Stage] = "capture"

    #: A point by name.
    point: str = ""
    probability: float = 1.0
    delay_ns: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock(Fault):
    """The clock of a point is wrong: by `offset_ns`, and by `drift_ppb` more from `from_ns` on."""

    KIND: ClassVar[str] = "clock"
    STAGE: ClassVar[Stage] = "capture"

    point: str = ""
    offset_ns: int = 0
    #: Nanoseconds per second.
    drift_ppb: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDrops(Fault):
    """A point misses packets, which were there all the same."""

    KIND: ClassVar[str] = "capture-drops"
    STAGE: ClassVar[Stage] = "capture"

    point: str = ""
    probability: float = 0.05


#: The classes by what the file calls them.
FAULTS: dict[str, type[Fault]] = {
    kind.KIND: kind
    for kind in (
        *(Loss, BurstLoss, Reorder, Duplicate, Delay, MTUBlackHole, Fragmentation, OneWay, WrongVSID),
        *(FlowIDConstant, FlowIDChanging, BadECMPMember, Migration, DuplicateMAC, Leak, Flood, ARPUnanswered),
        *(InnerVLAN, GREFlags, ReservedVSID, DSCPLost, ECNIllegal, BadChecksum, MirrorDuplicates, Clock, CaptureDrops),
    )
}
