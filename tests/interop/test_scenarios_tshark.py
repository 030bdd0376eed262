"""tshark on the scenarios of samples/scenarios: nothing malformed, no wrong checksum but those that were injected, and
in healthy ones no retransmission, tenant by tenant.
"""

from __future__ import annotations

import re

import pytest
import tshark

from tests.builders.played import HEALTHY, NAMES, Player

pytestmark = [pytest.mark.interop, tshark.needs_tshark]

#: What an offloading interface leaves to be filled in, tshark 4.4 takes for right, and says so.
LEFT_TO_OFFLOAD = "Partial (pseudo header) checksum"
TROUBLES = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment")


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Player:
    return Player(tmp_path_factory.mktemp("played-for-tshark"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_malformed_and_checksums_are_wrong_only_where_that_was_injected(player, name):
    scenario = player(name)
    names = [
        *tshark.CHECKSUMS,
        "_ws.malformed",
        "_ws.expert.message",
        "ip.flags.mf",
        "ip.frag_offset",
        "ipv6.fragment",
        "frame.protocols",
    ]
    wrong = set()
    for row in tshark.fields(scenario.capture, names, options=(*tshark.STATELESS, *tshark.CHECKED)):
        in_parts = "1" in row["ip.flags.mf"] or any(int(part) for part in row["ip.frag_offset"])
        if in_parts or row["ipv6.fragment"] or re.search("icmp(v6)?:ip", row["frame.protocols"][0]):
            continue  # what comes in parts, or is quoted in part, cannot be summed up
        assert not row["_ws.malformed"], row
        partial = any(LEFT_TO_OFFLOAD in message for message in row["_ws.expert.message"])
        if partial or any(tshark.BAD in row[status] for status in tshark.CHECKSUMS):
            wrong.add(int(row["frame.number"][0]))
    injected = scenario.frames_of("bad-checksum")
    assert wrong <= injected
    assert bool(wrong) == bool(injected)


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_tenants_have_no_retransmission(player, name, tmp_path):
    scenario = player(name)
    for point in scenario.scenario.points:
        for tenant in scenario.scenario.tenants:
            if point.vnic is not None:
                continue  # what one machine sees is part of what its host's uplink sees
            select = f'{tshark.of_vsid(tenant.vsid)} && frame.interface_name == "{point.name}"'
            alone = tshark.decapsulate(scenario.capture, tmp_path / f"{point.name}-{tenant.vsid}.pcap", select, 42)
            for stream in tshark.tcp_analysis(alone).values():
                for ends, words in stream.items():
                    assert not any(words[word] for word in TROUBLES), (point.name, tenant.vsid, ends, words)
