"""Who of the policy this machine is, and what a gateway makes of a policy."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import sys

import pytest
from gateway_parts import make_policy

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.encapsulation import Host, Policy
from nvgre_inspect.encapsulation.policy_rules import problems_of
from nvgre_inspect.gateway import device, roles

LOOPBACK = Host(ipaddress.ip_address("127.0.0.1"), bytes(6))
NOT_HERE = Host(ipaddress.ip_address("192.0.2.77"), bytes(6))


def test_ports():
    policy = make_policy(vsids=(5001, 5002))
    ports = roles.ports_of(policy, [(5002, "red0"), (5001, "blue0")])
    assert [(port.subnet.vsid, port.tap) for port in ports] == [(5002, "red0"), (5001, "blue0")]
    assert roles.ports_of(make_policy(), [(None, "blue0")])[0].subnet.vsid == 5001


@pytest.mark.parametrize(
    ("vsids", "taps", "words"),
    [
        ((5001, 5002), [(None, "blue0")], "for which subnet? --tap VSID=blue0; the policy has 5001, 5002"),
        ((), [(None, "blue0")], "the policy has none"),
        ((5001,), [(6000, "blue0")], "has no subnet 6000; it has 5001"),
        ((5001,), [(5001, "blue0"), (5001, "red0")], "subnet 5001 is there twice"),
        ((5001, 5002), [(5001, "blue0"), (5002, "blue0")], "the device blue0 is there twice"),
    ],
)
def test_ports_that_do_not_fit(vsids, taps, words):
    with pytest.raises(CaptureError) as error:
        roles.ports_of(make_policy(vsids=vsids), taps)
    assert words in str(error.value)


def test_other_encapsulations_are_refused():
    with pytest.raises(CaptureError, match=r"speaks nvgre only.*vxlan"):
        roles.check_kind(make_policy(kind="vxlan"))
    roles.check_kind(make_policy())


def test_the_host_is_the_one_with_an_address_of_this_machine():
    policy = Policy(hosts=(NOT_HERE, LOOPBACK))
    assert roles.find_host(policy, "lo") is LOOPBACK
    with pytest.raises(CaptureError, match=r"192\.0\.2\.77\): ip address add 192\.0\.2\.77/24 dev eth9"):
        roles.find_host(policy, "eth9", NOT_HERE.pa)
    with pytest.raises(CaptureError, match=r"the policy has no host 192\.0\.2\.78"):
        roles.find_host(policy, "eth9", ipaddress.ip_address("192.0.2.78"))
    with pytest.raises(CaptureError, match="the policy has no hosts"):
        roles.find_host(Policy(), "eth9")


def test_several_hosts_of_one_machine():
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux answers for all of 127.0.0.0/8")
    other = dataclasses.replace(LOOPBACK, pa=ipaddress.ip_address("127.0.0.2"))
    policy = Policy(hosts=(LOOPBACK, other))
    with pytest.raises(CaptureError, match=r"--pa ADDRESS says which"):
        roles.find_host(policy, "lo")
    assert roles.find_host(policy, "lo", other.pa) is other


@pytest.mark.parametrize(
    ("options", "mtu", "over"),
    [
        ({}, 1500, "drop"),
        ({"mtu": 1400, "over_mtu": "icmp"}, 1400, "icmp"),
        ({"mtu": 9000, "over_mtu": "icmp"}, 1500, "icmp"),
        ({"mtu": 1400, "over_mtu": "send"}, 1400, "send"),
        ({"mtu": 9000, "over_mtu": "send"}, 1500, "drop"),  # the interface takes no more, whatever the policy wants
    ],
)
def test_nothing_is_longer_than_the_interface_takes(options, mtu, over):
    fitted = roles.fitted(make_policy(vlan=7, vlan_priority=3, **options), 1500)
    assert (fitted.encapsulation.mtu, fitted.encapsulation.over_mtu) == (mtu, over)
    assert fitted.encapsulation.vlan is None
    assert problems_of(fitted) == []


def test_the_mtu_of_devices(version):
    policy = make_policy(version)
    overhead = 42 if version == 4 else 62
    assert roles.tap_mtu(roles.fitted(policy, 1500), policy.hosts[0]) == 1500 - overhead
    assert roles.tap_mtu(roles.fitted(policy, 9000), policy.hosts[0]) == 1500


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a b", "tap%d", "tap:1", "a\x1b[m", "sixteen-letters-", "ü" * 8]
)
def test_names_that_no_device_has(name):
    with pytest.raises(CaptureError):
        device.check_name(name)


@pytest.mark.parametrize("name", ["tap0", "fifteen-letters", "blue.5001", "ü" * 7])
def test_names_that_a_device_may_have(name):
    device.check_name(name)


def test_a_device_that_is_not_there():
    if not sys.platform.startswith("linux"):
        pytest.skip("Linux only")
    with pytest.raises(CaptureError, match=r"no interface 'nosuch0'; there are: .*lo"):
        device.link_of("nosuch0")
    assert device.link_of("lo").mtu >= 1500
    assert "lo" in [name for _, name in socket.if_nameindex()]
    assert device.merges_received("nosuch0") is False


def test_elsewhere_than_on_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CaptureError, match="a gateway works on Linux only"):
        device.check_system("a gateway")
