"""The conversation of a packet, found from records alone, is that of its flow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.wireshark.conversation import same_conversation
from tests.unit.reference.frames import CA_A, CA_B, PA_A, PA_B, batch, eth, ip4, nvgre, udp

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.mark.parametrize("name", ["fabric.pcapng", "overlapping-tenants.pcap", "neighbours.pcap", "nested-vxlan.pcap"])
def test_all_packets_of_a_flow_and_none_of_another_conversation(name: str) -> None:
    with open_session(SAMPLES / name, options=SessionOptions(engine="reference")) as session:
        (part,) = session.frames()
        session.read()
        flows = session.flows
        state = session.snapshot().state
    frame_flow = state.frame_flow
    columns = ["encap", "vsid", "vlan", "protocol", "src_ip", "src_port", "dst_ip", "dst_port"]
    rows = flows[columns].astype(str).to_numpy().tolist()
    macs = flows[["src_mac", "dst_mac"]].astype(str).to_numpy().tolist()

    def conversation(flow: int) -> tuple[object, ...]:
        encap, vsid, vlan, protocol, src, src_port, dst, dst_port = rows[flow]
        ends = frozenset(macs[flow]) if src == "<NA>" else frozenset([(src, src_port), (dst, dst_port)])
        return int(state.flows["stack"][flow]), encap, vsid, vlan, protocol, ends

    first = np.unique(frame_flow[frame_flow >= 0], return_index=True)[1]
    assert len(first) > 5
    for row in np.flatnonzero(frame_flow >= 0)[first].tolist():
        mine = np.flatnonzero(same_conversation(part.records, part.records[row]))
        flow = int(frame_flow[row])
        assert set(np.flatnonzero(frame_flow == flow)) <= set(mine)
        others = {conversation(int(frame_flow[i])) for i in mine if frame_flow[i] >= 0}
        assert others == {conversation(flow)}


def test_the_same_addresses_and_ports_in_another_tenant_or_the_other_way_round() -> None:
    def frame(vsid: int, src: str, dst: str, ports: tuple[int, int]) -> bytes:
        inner = eth(ip4(udp(b"hello", ports[1], ports[0]), 17, src, dst))
        return eth(ip4(nvgre(inner, vsid), 47, PA_A, PA_B))

    frames = [
        frame(5001, CA_A, CA_B, (1000, 80)),
        frame(5001, CA_B, CA_A, (80, 1000)),
        frame(5002, CA_A, CA_B, (1000, 80)),
        frame(5001, CA_A, CA_B, (80, 1000)),
        frame(5001, CA_A, CA_B, (1001, 80)),
        frame(5001, CA_A, "10.0.0.3", (1000, 80)),
    ]
    records = empty_records(len(frames))
    decode(batch(frames), DecodeOptions(), records)
    assert same_conversation(records, records[0]).tolist() == [True, True, False, False, False, False]
