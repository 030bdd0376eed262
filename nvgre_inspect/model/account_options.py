"""AccountOptions: thresholds and caps of accounting, as both accountants take them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from nvgre_inspect.kernels import codes


@dataclass(frozen=True, slots=True)
class AccountOptions:
    """Immutable. Users choose the idle timeout; the other fields are there so that tests can lower them.

    Times are nanoseconds of capture time. ValueError for an idle timeout below 0 and for caps below 1.

    Live capture bounds its memory with `evict`, `max_flows`, `max_endpoints` and `max_packets`.
    """

    #: A flow that is not TCP ends when it was idle for longer than this; 0: never.
    idle_timeout_ns: int = codes.DEFAULT_IDLE_NS

    gaps_per_direction: int = codes.GAPS_PER_DIRECTION
    placements_per_flow: int = codes.PLACEMENTS_PER_FLOW
    pas_per_endpoint: int = codes.PAS_PER_ENDPOINT
    fragment_sets: int = codes.FRAGMENT_SETS
    pending_fragments: int = codes.PENDING_FRAGMENTS

    max_stacks: int = codes.MAX_STACKS
    max_addresses: int = codes.MAX_ADDRESSES
    max_paths: int = codes.MAX_PATHS
    max_flows: int = codes.MAX_FLOWS
    max_placements: int = codes.MAX_PLACEMENTS
    max_tunnels: int = codes.MAX_TUNNELS
    max_endpoints: int = codes.MAX_ENDPOINTS
    max_series: int = codes.MAX_SERIES

    #: Whether flows and endpoints that were idle longest make room for new ones when there are `max_flows` or
    #: `max_endpoints` of them; otherwise new ones find no room.
    evict: bool = False
    #: Frames of which position and flow are kept: the newest so many; None: all of them.
    max_packets: int | None = None

    def __post_init__(self) -> None:
        if self.idle_timeout_ns < 0:
            raise ValueError("idle_timeout_ns is negative")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in ("idle_timeout_ns", "evict") and value is not None and value < 1:
                raise ValueError(f"{field.name} is below 1")
