"""Install: has the faults of a scenario take part in its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nvgre_inspect.traffic import fault_specs as specs
from nvgre_inspect.traffic.faults.acting import Acting, Context
from nvgre_inspect.traffic.faults.capturing import Mirroring, Missing, Mistiming
from nvgre_inspect.traffic.faults.flooding import Flooding
from nvgre_inspect.traffic.faults.headers import Flagging, ForgettingDSCP, LeavingChecksums, MarkingCE, Tagging
from nvgre_inspect.traffic.faults.identifiers import Leaking, ManyFlowIDs, Mislabelling, OneFlowID
from nvgre_inspect.traffic.faults.losing import Losing, LosingInBursts, LosingOnPath, Refusing
from nvgre_inspect.traffic.faults.machines import Impersonating, Moving, Silencing
from nvgre_inspect.traffic.faults.narrow import BlackHole, Fragmenting
from nvgre_inspect.traffic.faults.timing import Delaying, Duplicating, Reordering
from nvgre_inspect.traffic.faults.touched import Touched
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.points import Observer
from nvgre_inspect.traffic.stack.vm import Machine

#: What does each fault; a spec and the context make it.
ACTING: Mapping[type[specs.Fault], Callable[[Any, Context], Acting[Any]]] = MappingProxyType(
    {
        specs.Loss: Losing,
        specs.BurstLoss: LosingInBursts,
        specs.BadECMPMember: LosingOnPath,
        specs.OneWay: Refusing,
        specs.Reorder: Reordering,
        specs.Duplicate: Duplicating,
        specs.Delay: Delaying,
        specs.MTUBlackHole: BlackHole,
        specs.Fragmentation: Fragmenting,
        specs.WrongVSID: Mislabelling,
        specs.ReservedVSID: Mislabelling,
        specs.Leak: Leaking,
        specs.FlowIDConstant: OneFlowID,
        specs.FlowIDChanging: ManyFlowIDs,
        specs.Flood: Flooding,
        specs.Migration: Moving,
        specs.DuplicateMAC: Impersonating,
        specs.ARPUnanswered: Silencing,
        specs.InnerVLAN: Tagging,
        specs.GREFlags: Flagging,
        specs.DSCPLost: ForgettingDSCP,
        specs.ECNIllegal: MarkingCE,
        specs.BadChecksum: LeavingChecksums,
        specs.MirrorDuplicates: Mirroring,
        specs.CaptureDrops: Missing,
        specs.Clock: Mistiming,
    }
)


def install(network: Network, machines: Mapping[tuple[int, str], Machine], points: Mapping[str, Observer]) -> Touched:
    """The faults of the network's scenario take part from now on, in their order; returns what they touch."""
    context = Context(network, machines, points)
    for fault in network.scenario.faults:
        ACTING[type(fault)](fault, context).install()
    return context.touched
