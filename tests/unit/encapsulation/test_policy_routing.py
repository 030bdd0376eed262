"""Who goes where: each step of docs/encapsulation.md, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.outer import next_hop
from nvgre_inspect.encapsulation.policy import Address, Encapsulation, Entry, Host, Policy, Subnet
from nvgre_inspect.encapsulation.reasons import SKIPPED
from nvgre_inspect.encapsulation.routing import Leg, Router

A, B, C, D, ROUTER = (bytes((0, 0x15, 0x5D, 0, 0, i)) for i in (1, 2, 3, 4, 9))
BROADCAST = b"\xff" * 6
PA1, PA2, PA3, PA6 = map(ip_address, ("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::6"))
CA1, CA2, CA3, CA4 = map(ip_address, ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"))
GROUP = ip_address("239.1.1.1")
UNKNOWN = b"\x00\x15\x5d\x00\x00\x77"
HOST1, HOST2, HOST3, HOST6 = (Host(pa, b"\2\0\0\0\0" + bytes((i,))) for i, pa in enumerate((PA1, PA2, PA3, PA6), 1))
BLUE = Subnet(
    5001,
    (Entry(PA2, B, (CA2,)), Entry(PA1, A, (CA1,)), Entry(PA3, None, (CA3,)), Entry(PA1, D, (CA4,))),
)
RED = Subnet(5002, (Entry(PA2, A, (CA1,)), Entry(PA1, C, ())))


def router(*subnets: Subnet, hosts: tuple[Host, ...] = (HOST3, HOST1, HOST2)) -> Router:
    return Router(Policy(Encapsulation(), hosts, subnets))


def route(
    subnet: Subnet, dst: bytes, *, src: bytes = A, src_ca: Address | None = None, dst_ca: Address | None = None
) -> list[str] | str:
    """The receiving PAs."""
    found = router(subnet).route(subnet, src, dst, src_ca, dst_ca)
    if isinstance(found, str):
        assert found in SKIPPED
        return found
    return [str(leg.dst) for leg in found]


# --- the subnet ---------------------------------------------------------------------------------------------------


def test_the_subnet_is_the_given_one_then_the_recorded_one_then_the_senders() -> None:
    asked = router(BLUE, RED)
    recorded = Origin("nvgre", 5002, PA1, PA2)
    assert asked.tenant(recorded, 5001, A, None) == BLUE
    assert asked.tenant(recorded, None, D, None) == RED
    assert asked.tenant(None, None, D, None) == BLUE
    assert asked.tenant(None, None, UNKNOWN, CA2) == BLUE
    assert asked.tenant(None, None, b"", CA4) == BLUE


def test_no_subnet_or_several() -> None:
    asked = router(BLUE, RED)
    assert asked.tenant(None, 7777, A, None) == "no-subnet"
    assert asked.tenant(Origin("nvgre", 7777, PA1, PA2), None, D, None) == "no-subnet"
    assert asked.tenant(None, None, UNKNOWN, None) == "no-subnet"
    assert asked.tenant(None, None, UNKNOWN, ip_address("10.9.9.9")) == "no-subnet"
    assert asked.tenant(None, None, A, None) == "ambiguous-tenant"
    assert asked.tenant(None, None, UNKNOWN, CA1) == "ambiguous-tenant"


def test_recorded_without_identifier() -> None:
    recorded = Origin("ipip", None, PA1, PA2)
    one, other = Subnet(None, (Entry(PA1, None, (CA1,)),)), Subnet(None, (Entry(PA1, None, (CA2,)),))
    assert router(one).tenant(recorded, None, b"", CA3) == one
    assert router(one, other).tenant(recorded, None, b"", CA2) == other
    assert router(one, other).tenant(recorded, None, b"", CA3) == "no-subnet"
    assert router(BLUE).tenant(recorded, None, A, None) == BLUE


# --- the way ------------------------------------------------------------------------------------------------------


def test_unicast_goes_by_mac_address_then_by_customer_address() -> None:
    assert route(BLUE, B) == ["192.0.2.2"]
    assert route(BLUE, B, dst_ca=CA3) == ["192.0.2.2"]
    assert route(BLUE, ROUTER, dst_ca=CA3) == ["192.0.2.3"]
    assert route(BLUE, b"", dst_ca=CA2, src=b"", src_ca=CA1) == ["192.0.2.2"]


def test_the_sender_is_found_by_mac_address_then_by_customer_address() -> None:
    assert route(BLUE, A, src=B) == ["192.0.2.1"]
    assert route(BLUE, A, src=ROUTER, src_ca=CA3) == ["192.0.2.1"]
    assert route(BLUE, A, src=UNKNOWN, src_ca=ip_address("10.9.9.9")) == "unknown-sender"
    assert route(BLUE, BROADCAST, src=UNKNOWN) == "unknown-sender"


def test_copies_go_to_all_others_in_the_order_of_the_hosts() -> None:
    assert route(BLUE, BROADCAST) == ["192.0.2.3", "192.0.2.2"]
    assert route(BLUE, b"\x33\x33\0\0\0\1", src=B) == ["192.0.2.3", "192.0.2.1"]
    assert route(BLUE, b"", src=b"", src_ca=CA1, dst_ca=ip_address("224.0.0.5")) == ["192.0.2.3", "192.0.2.2"]
    assert route(BLUE, b"", src=b"", src_ca=CA1, dst_ca=ip_address("255.255.255.255")) == ["192.0.2.3", "192.0.2.2"]


def test_broadcast_to_a_group_or_to_nobody() -> None:
    assert route(replace(BLUE, bum=GROUP), BROADCAST) == ["239.1.1.1"]
    assert route(replace(BLUE, bum="drop"), BROADCAST) == "bum"
    assert route(replace(BLUE, entries=BLUE.entries[1:2]), BROADCAST) == "same-host"


def test_unknown_unicast() -> None:
    assert route(BLUE, UNKNOWN, dst_ca=ip_address("10.9.9.9")) == "unknown-destination"
    assert route(replace(BLUE, unknown="flood"), UNKNOWN) == ["192.0.2.3", "192.0.2.2"]
    assert route(replace(BLUE, unknown="flood", bum=GROUP), UNKNOWN) == ["239.1.1.1"]


def test_behind_the_same_provider_address() -> None:
    assert route(BLUE, D) == "same-host"


def test_families_do_not_mix() -> None:
    mixed = Subnet(5001, (Entry(PA1, A), Entry(PA6, B), Entry(PA2, C)))
    asked = router(mixed, hosts=(HOST1, HOST2, HOST6))
    assert asked.route(mixed, A, B, None, None) == "family-mismatch"
    assert asked.route(mixed, A, BROADCAST, None, None) == "family-mismatch"
    assert asked.route(mixed, A, C, None, None) == (Leg(HOST1, PA2, HOST2),)
    assert asked.leg(PA1, PA6) == "family-mismatch"


def test_subnets_that_are_equal_but_for_their_place() -> None:
    one, other = Subnet(None, (Entry(PA1, None, (CA1,)),)), Subnet(None, (Entry(PA1, None, (CA1,)),))
    asked = router(one, other)
    assert asked.tenant(None, None, b"", CA1) == "ambiguous-tenant"
    for subnet in (one, other):
        assert asked.route(subnet, b"", b"", CA1, CA2) == "unknown-destination"


# --- legs ---------------------------------------------------------------------------------------------------------


def leg(asked: Router, src: Address, dst: Address) -> Leg:
    found = asked.leg(src, dst)
    assert isinstance(found, Leg)
    return found


def test_hosts_that_the_policy_does_not_have_get_a_mac_address() -> None:
    asked = router(BLUE)
    assert leg(asked, PA1, ip_address("198.51.100.7")) == Leg(
        HOST1, ip_address("198.51.100.7"), Host(ip_address("198.51.100.7"), bytes.fromhex("0200c6336407"))
    )
    assert leg(asked, PA6, ip_address("2001:db8::a:b")).src == Host(PA6, bytes.fromhex("020000000006"))


@pytest.mark.parametrize(
    ("host", "mac"),
    [
        (HOST1, HOST2.mac),
        (replace(HOST1, next_hop=ROUTER), ROUTER),
        (replace(HOST1, next_hop=ROUTER, next_hops={PA2: D}), D),
        (replace(HOST1, next_hop=ROUTER, next_hops={PA3: D}), ROUTER),
    ],
)
def test_next_hops(host: Host, mac: bytes) -> None:
    assert next_hop(leg(router(BLUE, hosts=(host, HOST2, HOST3)), PA1, PA2)) == mac


def test_a_group_is_nobody() -> None:
    found = leg(router(BLUE, hosts=(replace(HOST1, next_hop=ROUTER),)), PA1, GROUP)
    assert found.dst_host is None
    assert next_hop(found) == bytes.fromhex("01005e010101")
