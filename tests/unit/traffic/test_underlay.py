"""Hosts and fabric: who gets which frame, what tunnels may not carry, MTUs and the errors about them, ECMP."""

from __future__ import annotations

import dataclasses
from collections import Counter
from ipaddress import ip_address

import pytest

from dissectors import offsets
from dissectors.ethernet import Ethernet
from dissectors.icmp import ICMP, ICMPv6
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from nvgre_inspect.encapsulation import mtu
from nvgre_inspect.encapsulation.ecn import CE, ECT0, ECT1, NOT_ECT
from nvgre_inspect.encapsulation.inner_frame import read
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.traffic import icmp
from nvgre_inspect.traffic.fabric import LEAF_MAC
from nvgre_inspect.traffic.mapping import with_moved
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.scenario import HostSpec, LinkSpec, PathSpec, Scenario, Tenant
from tests.builders import networks, overlay
from tests.builders.networks import IDEAL, MACS, VSID, Listening

UNICAST = overlay.udp_frame()
BROADCAST = overlay.arp_frame()
UNKNOWN = bytes.fromhex("00155d0000ff") + MACS[0] + b"\x88\xb5" + bytes(50)


def between(receiver: str, sender: str = "A") -> bytes:
    """A frame that is not IP."""
    macs = dict(zip(networks.MACHINES, MACS, strict=True))
    return macs[receiver] + macs[sender] + b"\x88\xb5" + bytes(50)


def reasons(listening: Listening) -> Counter[str]:
    total: Counter[str] = Counter(listening.network.fabric.skipped)
    for host in listening.network.hosts.values():
        total += host.skipped
    return total


# Who gets what


def test_a_frame_for_one_goes_to_its_machine_alone():
    listening = Listening(networks.scenario())
    listening.send(UNICAST)
    assert [(name, frame) for _, _, name, frame in listening.heard] == [("B", UNICAST)]
    assert not reasons(listening)


def test_a_broadcast_goes_to_all_others_once():
    listening = Listening(networks.scenario())
    sent = listening.sent()
    listening.send(BROADCAST)
    assert sorted(name for _, _, name, _ in listening.heard) == ["B", "C"]
    assert len(sent) == 2  # n-way unicast


def test_machines_of_one_host_talk_without_the_underlay():
    tenant = Tenant(vsid=VSID, vms=networks.machines(("a", "a", "b")))
    listening = Listening(networks.scenario(tenants=(tenant,)))
    sent = listening.sent()
    listening.send(UNICAST)
    assert listening.frames_of("B") == [UNICAST]
    assert sent == []
    listening.send(BROADCAST)
    assert listening.frames_of("B") == [UNICAST, BROADCAST]
    assert listening.frames_of("C") == [BROADCAST]
    assert listening.frames_of("A") == []


def test_frames_between_machines_of_one_host_come_later_than_they_were_sent():
    tenant = Tenant(vsid=VSID, vms=networks.machines(("a", "a", "b")))
    listening = Listening(networks.scenario(tenants=(tenant,)))
    listening.send(UNICAST)
    assert listening.heard[0][0] > 0


def test_tenants_with_the_same_addresses_hear_only_their_own():
    tenants = (Tenant(vsid=VSID, vms=networks.machines()), Tenant(vsid=5002, vms=networks.machines()))
    listening = Listening(networks.scenario(tenants=tenants))
    listening.send(UNICAST, vsid=5002)
    assert [(vsid, name) for _, vsid, name, _ in listening.heard] == [(5002, "B")]


def test_a_multicast_group_of_the_underlay_reaches_hosts_with_the_tenant():
    group = ip_address("239.0.19.137")
    tenants = (Tenant(vsid=VSID, vms=networks.machines()[:2], bum=group), Tenant(vsid=5002, vms=networks.machines()))
    listening = Listening(networks.scenario(tenants=tenants))
    sent, at_c = listening.sent(), listening.arriving("c")
    listening.send(BROADCAST)
    assert [(vsid, name) for _, vsid, name, _ in listening.heard] == [(VSID, "B")]
    assert len(sent) == 1
    assert Ethernet(sent[0]).dst == bytes.fromhex("01005e001389")
    assert at_c == []


@pytest.mark.parametrize(
    ("changes", "frame", "counted"),
    [
        ({"bum": "drop"}, BROADCAST, {"bum": 1}),
        ({}, UNKNOWN, {"unknown-destination": 1}),
        # It reaches both other hosts, where nobody has that address.
        ({"unknown": "flood"}, UNKNOWN, {"unknown-destination": 2}),
    ],
    ids=["broadcast", "unknown", "flooded"],
)
def test_what_goes_nowhere_is_counted(changes, frame, counted):
    tenant = Tenant(vsid=VSID, vms=networks.machines(), **changes)
    listening = Listening(networks.scenario(tenants=(tenant,)))
    listening.send(frame)
    assert listening.heard == []
    assert reasons(listening) == counted


def test_a_machine_that_moved_is_found_by_those_who_know():
    listening = Listening(networks.scenario())
    network = listening.network
    vnic = network.vnics[VSID, "B"]
    network.hosts["b"].unplug(vnic)
    listening.send(between("A", "B"), sender="B")  # it is nowhere: nothing is sent
    network.hosts["c"].plug(vnic)
    listening.send(UNICAST)
    assert listening.frames_of("B") == []
    assert reasons(listening) == {"no-subnet": 1}
    moved = with_moved(network.policy, VSID, MACS[1], network.hosts["c"].spec.pa)
    network.hosts["a"].set_policy(moved)
    listening.send(UNICAST)
    assert listening.frames_of("B") == [UNICAST]
    # What it sends comes from where it is now, whatever the policy of that host has.
    arrived = listening.arriving("a")
    listening.send(between("A", "B"), sender="B")
    assert [packet.src_pa for packet in arrived] == [network.hosts["c"].spec.pa]


# What hosts do with what comes


def with_tunnel(listening: Listening, **values: object) -> None:
    """Change packets on the path."""

    def hook(packet: Packet, where: str, now_ns: int) -> list[tuple[int, Packet]]:
        for name, value in values.items():
            setattr(packet, name, value)
        return [(0, packet)]

    listening.network.stages.add("path", hook)


def test_a_packet_of_another_virtual_network_is_nobodys():
    listening = Listening(networks.scenario())
    with_tunnel(listening, vsid=5009)
    listening.send(UNICAST)
    assert listening.heard == []
    assert reasons(listening) == {"no-subnet": 1}


def test_a_tag_inside_is_dropped():
    listening = Listening(networks.scenario())
    with_tunnel(listening, inner=UNICAST[:12] + bytes.fromhex("8100000a") + UNICAST[12:])
    listening.send(UNICAST)
    assert listening.heard == []
    assert reasons(listening) == {"inner-vlan": 1}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("inner", "outer", "result"),
    [(NOT_ECT, NOT_ECT, NOT_ECT), (NOT_ECT, CE, None), (ECT0, CE, CE), (ECT0, ECT1, ECT1), (ECT1, ECT0, ECT1)],
)
def test_congestion_marks_go_inside(inner, outer, result, family):
    listening = Listening(networks.scenario())
    with_tunnel(listening, tos=outer)
    listening.send(overlay.udp_frame(tos=inner, family=family))
    expected = [] if result is None else [overlay.udp_frame(tos=result, family=family)]
    assert listening.frames_of("B") == expected
    assert reasons(listening)["congestion"] == (result is None)


def test_marks_around_what_is_not_ip_are_ignored():
    listening = Listening(networks.scenario())
    with_tunnel(listening, tos=CE)
    listening.send(between("B"))
    assert listening.frames_of("B") == [between("B")]


# MTUs


def narrow(path_mtu: int, *, family: int = 4, **options: object) -> Scenario:
    """Wide uplinks, and a path that is not."""
    return networks.scenario(
        family=family,
        encapsulation=Encapsulation(**options),
        paths=(PathSpec(name="only", link=dataclasses.replace(IDEAL, mtu=path_mtu)),),
    )


@pytest.mark.parametrize(("family", "overhead"), [(4, 42), (6, 62)])
def test_a_narrow_path_tells_the_host_which_tells_the_machine(family, overhead):
    listening = Listening(narrow(1400, family=family, over_mtu="icmp", mtu=9000))
    arrived = listening.arriving("a")
    frame = overlay.frame_of_length(1450, family=family, **({"fragment": 0x4000} if family == 4 else {}))
    listening.send(frame)
    assert listening.heard == []
    (error,) = arrived
    assert error.plain
    assert icmp.path_mtu(error.plain) == (listening.network.hosts["b"].spec.pa, 1400)
    # From now on the host knows, and does what its policy says.
    listening.send(frame)
    (answer,) = listening.frames_of("A")
    room = 1400 - overhead
    assert answer == mtu.answer(read(frame, len(frame)), room)
    fitting = overlay.frame_of_length(14 + room, family=family)
    listening.send(fitting)
    assert listening.frames_of("B") == [fitting]


def test_errors_about_packets_quote_them():
    listening = Listening(narrow(1400))
    sent, arrived = listening.sent(), listening.arriving("a")
    listening.send(overlay.frame_of_length(1450))
    (error,) = arrived
    ip = IPv4(error.plain)
    message = ICMP(bytes(ip.data))
    assert ip.checksum_ok
    assert len(error.plain) == 576
    assert (message.type, message.code, message.mtu) == (offsets.ICMP_UNREACHABLE, icmp.FRAGMENTATION_NEEDED, 1400)
    # As the router had it: its leaf had taken one from the TTL.
    quoted, original = IPv4(bytes(message.data)), IPv4(sent[0][14:])
    assert quoted.ttl == original.ttl - 1
    assert bytes(quoted.data) == bytes(original.data)[: len(bytes(quoted.data))]
    frame = listening.network.renderer.frame(error)
    assert Ethernet(frame).dst == listening.network.hosts["a"].spec.mac


def test_errors_are_not_sent_about_errors_groups_and_fragments():
    listening = Listening(narrow(1400))
    network = listening.network
    arrived = listening.arriving("a")
    host = network.hosts["a"]
    error = Packet(
        b"", -1, 1, 0, leg=host.leg(network.hosts["b"].spec.pa), plain=icmp.refused(bytes(1500), host.spec.pa)
    )
    error.path = "only"
    network.fabric.refuse(error, 500)
    group = Packet(overlay.udp_frame(), VSID, 2, 0, leg=host.leg(ip_address("239.0.0.1")), vsid=VSID, path="only")
    network.fabric.refuse(group, 500)
    listening.run()
    assert arrived == []
    assert network.fabric.skipped == {"over-mtu": 2}


def test_without_df_a_narrow_path_fragments_and_the_host_puts_together():
    listening = Listening(narrow(1000, df=False, over_mtu="send"))
    arrived = listening.arriving("b")
    frame = overlay.frame_of_length(1450)
    listening.send(frame)
    assert [packet.fragment is not None for packet in arrived] == [True, True]
    assert listening.frames_of("B") == [frame]


def test_a_fragment_that_is_lost_loses_the_packet():
    listening = Listening(narrow(1000, df=False, over_mtu="send"))
    frame = overlay.frame_of_length(1450)
    uplink = listening.network.fabric.paths["only"].links[listening.network.hosts["b"].spec.pa]
    send = uplink.send
    uplink.send = lambda packet, length: packet.fragment.offset and send(packet, length)
    listening.send(frame)
    assert listening.heard == []
    uplink.send = send
    listening.send(frame)
    assert listening.frames_of("B") == [frame]


@pytest.mark.parametrize(
    ("options", "skipped"),
    [({}, {"over-mtu": 1}), ({"over_mtu": "send", "mtu": 1000}, {"over-mtu": 1})],
)
def test_what_the_uplink_does_not_carry_is_not_sent(options, skipped):
    link = LinkSpec(bandwidth_bps=0, delay_ns=0, mtu=1400)
    listening = Listening(networks.scenario(link=link, encapsulation=Encapsulation(**options)))
    sent = listening.sent()
    listening.send(overlay.frame_of_length(1450))
    assert sent == []
    assert reasons(listening) == skipped
    assert listening.heard == []


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", [offsets.IPPROTO_GRE, offsets.IPPROTO_UDP])
def test_refusals_name_what_is_refused(family, protocol):
    sender = ip_address(overlay.PAS[family][1])
    head = IPv4 if family == 4 else IPv6
    addresses = {"src": ip_address(overlay.PAS[family][0]).packed, "dst": sender.packed}
    field = "protocol" if family == 4 else "next_header"
    quoted = bytes(head(**addresses, **{field: protocol}, data=bytes(40)))
    answer = head(icmp.refused(quoted, sender))
    message = (ICMP if family == 4 else ICMPv6)(bytes(answer.data))
    expected = {
        (4, offsets.IPPROTO_GRE): (3, 2),
        (4, offsets.IPPROTO_UDP): (3, 3),
        (6, offsets.IPPROTO_GRE): (4, 1),
        (6, offsets.IPPROTO_UDP): (1, 4),
    }[family, protocol]
    assert (message.type, message.code) == expected
    assert answer.dst == addresses["src"]
    assert icmp.path_mtu(bytes(answer)) is None


# Fabric


def fabric(paths: int, hops: int = 1) -> Listening:
    specs = tuple(PathSpec(name=f"s{i}", link=IDEAL, hops=hops) for i in range(paths))
    return Listening(networks.scenario(paths=specs))


def test_a_flow_stays_on_its_path_and_flows_spread_over_all():
    listening = fabric(4)
    arrived = listening.arriving("b")
    for port in range(400):
        for _ in range(2):
            listening.send(overlay.udp_frame(ports=(1000 + port, 80)))
    paths = [packet.path for packet in arrived]
    assert paths[::2] == paths[1::2]
    spread = Counter(paths[::2])
    # 255 FlowIDs on 4 paths.
    assert set(spread) == {"s0", "s1", "s2", "s3"}
    assert min(spread.values()) > 60
    by_entropy = {packet.entropy: packet.path for packet in arrived}
    assert all(packet.path == by_entropy[packet.entropy] for packet in arrived)


@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_every_router_takes_one_from_the_ttl(hops):
    listening = fabric(1, hops)
    middle: list[int] = []
    listening.network.fabric.paths["s0"].tap = lambda packet: middle.append(packet.ttl)
    arrived = listening.arriving("b")
    listening.send(UNICAST)
    assert arrived[0].ttl == 64 - hops
    assert middle == [64 - (hops + 1) // 2]


def test_hosts_send_to_their_router_where_there_is_one():
    for hops, mac in ((1, LEAF_MAC), (0, overlay.mac(overlay.NVE_MACS[1]))):
        listening = fabric(1, hops)
        sent = listening.sent()
        listening.send(UNICAST)
        assert Ethernet(sent[0]).dst == mac


def test_packets_to_a_host_that_is_not_there_end_in_the_fabric():
    listening = Listening(networks.scenario())
    moved = with_moved(listening.network.policy, VSID, MACS[1], ip_address("192.0.2.77"))
    listening.network.hosts["a"].set_policy(moved)
    listening.send(UNICAST)
    assert reasons(listening) == {"no-such-host": 1}


def test_routers_have_addresses_of_the_underlays_ip_version():
    specs = (
        PathSpec(name="s0", link=IDEAL),
        PathSpec(name="s1", link=IDEAL, address=ip_address("198.51.100.99")),
    )
    paths = Listening(networks.scenario(paths=specs)).network.fabric.paths
    assert [str(path.address(4)) for path in paths.values()] == ["198.51.100.1", "198.51.100.99"]
    assert [str(path.address(6)) for path in paths.values()] == ["2001:db8:ffff::1", "2001:db8:ffff::2"]


def test_identifications_count_packets_of_a_host_whatever_they_carry():
    tenants = (Tenant(vsid=VSID, vms=networks.machines()), Tenant(vsid=5002, vms=networks.machines()))
    listening = Listening(networks.scenario(tenants=tenants))
    sent = listening.sent()
    for vsid in (VSID, 5002):
        listening.send(UNICAST, vsid=vsid)
        listening.send(BROADCAST, vsid=vsid)
    assert [IPv4(frame[14:]).id for frame in sent] == list(range(6))


def test_hosts_are_told_apart_by_their_own_bandwidth():
    slow = dataclasses.replace(IDEAL, bandwidth_bps=1_000_000)
    base = networks.scenario()
    hosts = [dataclasses.replace(host, link=slow) if host.name == "b" else host for host in base.hosts]
    listening = Listening(dataclasses.replace(base, hosts=tuple(hosts)))
    assert isinstance(listening.network.hosts["b"].spec, HostSpec)
    listening.send(UNICAST)
    wire = len(UNICAST) + 42
    assert listening.heard[0][0] == wire * 8 * 1000
