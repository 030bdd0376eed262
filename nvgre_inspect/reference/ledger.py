"""The ledger: all tables of the reference accountant, and how one packet is entered.

These are steps 3 to 10 of docs/accounting.md, one method a step, in the order of the page. Rows are made in the order
in which they are first needed; every table has a cap, and what does not fit is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from dissectors import anomalies, encaps
from dissectors.offsets import IPPROTO_ICMP, IPPROTO_ICMPV6
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.reference import tcp
from nvgre_inspect.reference.frame import NO_ADDRESS, FrameRecord, Layers, Path, key_stack
from nvgre_inspect.reference.rows import AnomalyRow, Endpoint, Flow, Placement, Times, Tunnel
from nvgre_inspect.reference.table import Row, Table
from nvgre_inspect.reference.timeline import Timeline

Item = TypeVar("Item")


@dataclass(slots=True)
class Outcome:
    """Where one frame went: rows of the tables, -1 where it has none. A fragment set remembers that of its first."""

    encap: int
    vsid: int
    #: Mask of `1 << code`: decoded, and what the steps add.
    anomalies: int
    tunnel: int = -1
    tunnel_side: int = 0
    pa_src: int = -1
    pa_dst: int = -1
    flow: int = -1
    side: int = 0
    placement: int = -1
    series: int = -1
    retransmissions: int = 0
    #: Names of the tables that had no room for this frame.
    full: set[str] = field(default_factory=set)


class Ledger:
    """Tables, counters and timeline. Each `enter…` method takes one frame; those of packets say where it went."""

    def __init__(self, options: AccountOptions) -> None:
        self._options = options
        # One frame can set free all that wait, and each may bring a row, before anything is evicted.
        over = options.pending_fragments + 2 if options.evict else 0
        self.stacks: Table[Layers] = Table("stacks", options.max_stacks)
        self.addresses: Table[tuple[int, bytes]] = Table("addresses", options.max_addresses)
        self.paths: Table[Path] = Table("paths", options.max_paths)
        self.flows: Table[Flow] = Table("flows", options.max_flows + over)
        self.placements: Table[Placement] = Table("placements", options.max_placements)
        self.tunnels: Table[Tunnel] = Table("tunnels", options.max_tunnels)
        self.endpoints: Table[Endpoint] = Table("endpoints", options.max_endpoints + over)
        self.series: Table[tuple[int, int, int]] = Table("series", options.max_series)
        #: By (code, tunnel). Every code in every tunnel at most, so it needs no cap of its own.
        self.anomalies: dict[tuple[int, int], AnomalyRow] = {}
        #: (endpoint, address), in the order in which they were seen.
        self.endpoint_pas: list[tuple[int, int]] = []
        self.timeline = Timeline()
        #: Frames that found no room, by table.
        self.overflow: dict[str, int] = {}

    def enter(self, frame: FrameRecord) -> Outcome:
        """A packet."""
        outcome = Outcome(frame.encap, frame.vsid, frame.anomalies)
        self._account_quote(frame, outcome)
        self._account_tunnel(frame, outcome)
        self._find_flow(frame, outcome)
        self._count_in_flow(frame, outcome)
        self._analyse(frame, outcome)
        self._account_rest(frame, outcome)
        return outcome

    def enter_merged(self, first: Outcome, frame: FrameRecord, length: int) -> None:
        """The same packet goes on where `first` went: bytes and times, no packet more."""
        outcome = Outcome(first.encap, first.vsid, frame.anomalies, first.tunnel, flow=first.flow)
        flow = self.flows.rows[first.flow]
        flow.sides[first.side].bytes += length
        flow.sides[first.side].wire_bytes += frame.wire_len
        flow.times.see(frame.ts_ns)
        if first.placement >= 0:
            placement = self.placements.rows[first.placement]
            placement.wire_bytes += frame.wire_len
            placement.times.see(frame.ts_ns)
        if first.tunnel >= 0:
            tunnel = self.tunnels.rows[first.tunnel]
            tunnel.wire_bytes[first.tunnel_side] += frame.wire_len
            tunnel.fragments += 1
            tunnel.max_wire_len = max(tunnel.max_wire_len, frame.wire_len)
            tunnel.times.see(frame.ts_ns)
        if first.series >= 0:
            self.timeline.add(first.series, frame.ts_ns, (0, length, frame.wire_len, 0))
        self._count_anomalies(frame, outcome)

    def enter_continuation(self, first: Outcome, frame: FrameRecord) -> Outcome:
        """A packet of its own that belongs to the flow of its first fragment."""
        outcome = Outcome(frame.encap, frame.vsid, frame.anomalies, flow=first.flow, side=first.side)
        self._account_quote(frame, outcome)
        self._account_tunnel(frame, outcome)
        self._count_in_flow(frame, outcome)
        self._resync(outcome)
        self._account_rest(frame, outcome)
        return outcome

    def intern_stack(self, layers: Layers) -> int:
        """Number of a list of layers, -1 if there is no room; nothing is said of that."""
        return self.stacks.find_or_add(layers, lambda: layers)

    def intern_path(self, path: Path) -> int:
        """Number of a path, likewise."""
        return self.paths.find_or_add(path, lambda: path)

    def _resync(self, outcome: Outcome) -> None:
        """Of a TCP segment in fragments only the first one's length is known."""
        if outcome.flow < 0:
            self._no_room(self.flows.name, outcome)
        elif self.flows.rows[outcome.flow].is_tcp:
            self.flows.rows[outcome.flow].sides[outcome.side].resync = True

    def _account_rest(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Steps 7 to 10."""
        self._account_placement(frame, outcome)
        self._account_endpoint(frame, outcome)
        self._account_timeline(frame, outcome)
        self._count_anomalies(frame, outcome)

    def _account_quote(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 3: an ICMP error about a tunnel's packet belongs to that tunnel, seen or not."""
        if frame.quote_encap == encaps.NONE:
            return
        src = self._address(frame.quote_family, frame.quote_src, outcome)
        dst = self._address(frame.quote_family, frame.quote_dst, outcome)
        swapped = frame.quote_src > frame.quote_dst
        tunnel = self._tunnel(frame.quote_encap, src, dst, swapped, frame.ts_ns, outcome)
        if tunnel >= 0:
            self.tunnels.rows[tunnel].icmp_errors += 1

    def _account_tunnel(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 4."""
        if frame.encap == encaps.NONE:
            return
        outcome.pa_src = self._address(frame.pa_family, frame.pa_src, outcome)
        outcome.pa_dst = self._address(frame.pa_family, frame.pa_dst, outcome)
        outcome.tunnel_side = side = int(frame.pa_src > frame.pa_dst)
        outcome.tunnel = self._tunnel(frame.encap, outcome.pa_src, outcome.pa_dst, bool(side), frame.ts_ns, outcome)
        if outcome.tunnel < 0:
            outcome.pa_src = outcome.pa_dst = -1
            return
        tunnel = self.tunnels.rows[outcome.tunnel]
        tunnel.packets[side] += 1
        tunnel.wire_bytes[side] += frame.wire_len
        tunnel.max_wire_len = max(tunnel.max_wire_len, frame.wire_len)
        tunnel.fragments += frame.underlay_fragment is not None
        if frame.pa_ttl >= 0:
            tunnel.ttls[side] |= 1 << frame.pa_ttl
        if frame.pa_tos >= 0:
            tunnel.dscp |= 1 << (frame.pa_tos >> 2)
        tunnel.times.see(frame.ts_ns)

    def _address(self, family: int, ip: bytes, outcome: Outcome) -> int:
        address = (family, ip)
        return self._row(self.addresses, address, lambda: address, outcome)

    def _tunnel(self, encap: int, src: int, dst: int, swapped: bool, ts_ns: int, outcome: Outcome) -> int:
        """Looks a tunnel up or makes it; `swapped`: the destination is the lower address. -1: no room."""
        if src < 0 or dst < 0:
            return -1
        a, b = (dst, src) if swapped else (src, dst)
        return self._row(self.tunnels, (encap, a, b), lambda: Tunnel(encap, a, b, int(swapped), Times(ts_ns)), outcome)

    def _find_flow(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 5: the newest flow of the key, or a new one."""
        layers = key_stack(frame.layers)
        stack = self._row(self.stacks, layers, lambda: layers, outcome)
        if stack < 0:
            return
        key = self._flow_key(frame, stack, outcome)
        number = self.flows.find(key)
        if number < 0 or self._has_ended(self.flows.rows[number], frame):
            number = self.flows.add(key, lambda: self._new_flow(frame, stack, outcome))
            if number < 0:
                self._no_room(self.flows.name, outcome)
        outcome.flow, outcome.side = number, frame.side

    def _flow_key(self, frame: FrameRecord, stack: int, outcome: Outcome) -> Hashable:
        tunnel = _tunnel_in_key(frame, outcome)
        if frame.family == 0:
            return (
                stack,
                tunnel,
                frame.vlans,
                0,
                frame.protocol,
                frame.ethertype,
                _by_side(frame.side, frame.src_mac, frame.dst_mac),
            )
        addresses = _by_side(frame.side, frame.src, frame.dst)
        return stack, tunnel, frame.vlans, frame.family, frame.protocol, addresses, _ports(frame)

    def _has_ended(self, flow: Flow, frame: FrameRecord) -> bool:
        """Whether a frame of this key belongs to a new flow."""
        if flow.is_tcp:
            return tcp.starts_connection(flow, frame.side, frame)
        timeout = self._options.idle_timeout_ns
        return timeout > 0 and frame.ts_ns - flow.times.last_ns > timeout

    def _new_flow(self, frame: FrameRecord, stack: int, outcome: Outcome) -> Flow:
        full_stack = self._row(self.stacks, frame.layers, lambda: frame.layers, outcome)
        return Flow(
            stack=stack,
            tunnel=outcome.tunnel,
            family=frame.family,
            protocol=frame.protocol,
            ethertype=frame.ethertype,
            vlans=frame.vlans,
            addresses=_by_side(frame.side, frame.src, frame.dst),
            ports=_ports(frame),
            macs=_by_side(frame.side, frame.src_mac, frame.dst_mac),
            full_stack=full_stack if full_stack >= 0 else stack,
            encap=frame.encap,
            vsid=frame.vsid,
            initiator=frame.side,
            times=Times(frame.ts_ns),
        )

    def _count_in_flow(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 5: counters."""
        if outcome.flow < 0:
            return
        flow = self.flows.rows[outcome.flow]
        side = flow.sides[outcome.side]
        side.packets += 1
        side.bytes += frame.inner_len
        side.wire_bytes += frame.wire_len
        if frame.tos >= 0:
            side.dscp |= 1 << (frame.tos >> 2)
        flow.times.see(frame.ts_ns)

    def _analyse(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 6."""
        if outcome.flow < 0:
            return
        flow = self.flows.rows[outcome.flow]
        before = flow.sides[outcome.side].retransmissions
        outcome.anomalies |= tcp.analyse(flow, outcome.side, frame, self._options)
        outcome.retransmissions = flow.sides[outcome.side].retransmissions - before

    def _account_placement(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 7: which way the flow went; beyond the cap of a flow, one row per side takes the rest."""
        if outcome.flow < 0 or outcome.tunnel < 0:
            return
        path = frame.path
        path_number = self._row(self.paths, path, lambda: path, outcome) if path is not None else -1
        way = (outcome.tunnel, outcome.pa_src, outcome.pa_dst, frame.flow_id, path_number)
        key = (outcome.flow, outcome.side, way)
        number = self.placements.find(key)
        if number < 0:
            flow = self.flows.rows[outcome.flow]
            if flow.placements < self._options.placements_per_flow:
                number = self._new_placement(frame, outcome, way)
                flow.placements += number >= 0
            else:
                outcome.anomalies |= 1 << anomalies.PLACEMENTS_OVERFLOW
                number = self._new_placement(frame, outcome, (-1, -1, -1, -1, -1))
        outcome.placement = number
        if number >= 0:
            placement = self.placements.rows[number]
            placement.packets += 1
            placement.wire_bytes += frame.wire_len
            placement.times.see(frame.ts_ns)

    def _new_placement(self, frame: FrameRecord, outcome: Outcome, way: tuple[int, int, int, int, int]) -> int:
        tunnel, pa_src, pa_dst, flow_id, path = way
        return self._row(
            self.placements,
            (outcome.flow, outcome.side, way),
            lambda: Placement(outcome.flow, tunnel, outcome.side, pa_src, pa_dst, flow_id, path, Times(frame.ts_ns)),
            outcome,
        )

    def _account_endpoint(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 8."""
        if outcome.flow < 0:
            return
        has_ip = frame.ca_family != 0 and frame.ca_ip != NO_ADDRESS
        if frame.ca_mac == -1 and not has_ip:
            return
        family, ip = (frame.ca_family, frame.ca_ip) if has_ip else (0, NO_ADDRESS)
        tunnel = _tunnel_in_key(frame, outcome)
        number = self._row(
            self.endpoints,
            (frame.encap, frame.vsid, tunnel, frame.ca_mac, family, ip),
            lambda: Endpoint(frame.encap, frame.vsid, tunnel, frame.ca_mac, family, ip, Times(frame.ts_ns)),
            outcome,
        )
        if number < 0:
            return
        endpoint = self.endpoints.rows[number]
        endpoint.packets += 1
        endpoint.times.see(frame.ts_ns)
        if outcome.pa_src >= 0:
            self._place_endpoint(number, endpoint, outcome.pa_src)

    def _place_endpoint(self, number: int, endpoint: Endpoint, pa: int) -> None:
        """The PA that an endpoint was seen behind."""
        endpoint.moves += endpoint.last_pa not in (-1, pa)
        endpoint.last_pa = pa
        if pa not in endpoint.pas and len(endpoint.pas) < self._options.pas_per_endpoint:
            endpoint.pas.append(pa)
            self.endpoint_pas.append((number, pa))

    def _account_timeline(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 9."""
        series = (frame.encap, frame.vsid, outcome.tunnel)
        outcome.series = self._row(self.series, series, lambda: series, outcome)
        if outcome.series >= 0:
            counts = (1, frame.inner_len, frame.wire_len, outcome.retransmissions)
            self.timeline.add(outcome.series, frame.ts_ns, counts)

    # --- step 10: anomalies; room in tables ------------------------------------------------------------------------

    def _count_anomalies(self, frame: FrameRecord, outcome: Outcome) -> None:
        """Step 10."""
        if outcome.flow >= 0:
            self.flows.rows[outcome.flow].anomalies |= outcome.anomalies
        if outcome.tunnel >= 0:
            self.tunnels.rows[outcome.tunnel].anomalies |= outcome.anomalies

        mask, code = outcome.anomalies, 0
        while mask:
            if mask & 1:
                self._count_anomaly(code, frame.number, outcome)
            mask, code = mask >> 1, code + 1

    def _count_anomaly(self, code: int, number: int, outcome: Outcome) -> None:
        row = self.anomalies.get((code, outcome.tunnel))
        if row is None:
            row = AnomalyRow(code, outcome.tunnel, outcome.encap, outcome.vsid, outcome.flow, number, number)
            self.anomalies[code, outcome.tunnel] = row
        row.count += 1
        row.first_frame = min(row.first_frame, number)
        row.last_frame = max(row.last_frame, number)

    def _row(self, table: Table[Row], key: Hashable, make: Callable[[], Row], outcome: Outcome) -> int:
        """Number of the row of this key, made if needed; -1 if there is no room, which the frame is told."""
        number = table.find_or_add(key, make)
        if number < 0:
            self._no_room(table.name, outcome)
        return number

    def _no_room(self, table: str, outcome: Outcome) -> None:
        outcome.anomalies |= 1 << anomalies.TABLE_OVERFLOW
        if table not in outcome.full:
            outcome.full.add(table)
            self.count_overflow(table)

    def count_overflow(self, table: str) -> None:
        """One more frame that found no room in a table."""
        self.overflow[table] = self.overflow.get(table, 0) + 1


def _by_side(side: int, src: Item, dst: Item) -> tuple[Item, Item]:
    """What belongs to side 0 and to side 1 of a flow."""
    return (dst, src) if side else (src, dst)


def _ports(frame: FrameRecord) -> tuple[int, int]:
    """Ports by side. ICMP has its echo identifier in the first place, whatever the direction."""
    if frame.protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        return frame.src_port, frame.dst_port
    return _by_side(frame.side, frame.src_port, frame.dst_port)


def _tunnel_in_key(frame: FrameRecord, outcome: Outcome) -> int:
    """Where there is no vsid the tunnel stands in its place, so that tunnels never share flows or endpoints."""
    return outcome.tunnel if frame.vsid == -1 else -1
