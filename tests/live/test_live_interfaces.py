"""The interfaces of a namespace as the kernel tells them, and what libpcap tells of them."""

from __future__ import annotations

import struct

import pytest

from dissectors import offsets
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live import interfaces, rtnetlink
from nvgre_inspect.capture.live.device import linktype_of
from nvgre_inspect.capture.live.interfaces import LiveInterface, find, list_interfaces
from nvgre_inspect.capture.live.rtnetlink import Interfaces, Link, LinkChanges
from nvgre_inspect.traffic import sending
from tests.builders.namespaces import VethPair


def test_all_that_is_known(veth_pair: VethPair) -> None:
    namespace = veth_pair.namespace
    namespace.ip("addr", "add", "192.0.2.1/24", "dev", "out0")
    namespace.ip("addr", "add", "192.0.2.9", "peer", "192.0.2.10/32", "dev", "out0")
    namespace.ip("link", "set", "in0", "alias", "the far end")
    namespace.ip("link", "set", "in0", "down")
    namespace.ip("tuntap", "add", "tun0", "mode", "tun")
    with namespace.entered():
        found = {one.name: one for one in list_interfaces()}
    assert found["lo"] == LiveInterface("lo", "", False, False, True, (), offsets.DLT_ETHERNET, 65536)
    addresses = ("192.0.2.1/24", "192.0.2.9/32")
    assert found["out0"] == LiveInterface("out0", "veth", True, False, False, addresses, offsets.DLT_ETHERNET, 9000)
    assert found["in0"] == LiveInterface("in0", "the far end", False, False, False, (), offsets.DLT_ETHERNET, 9000)
    assert found["tun0"].linktype == offsets.DLT_RAW


def test_libpcap_tells_the_same(veth_pair: VethPair) -> None:
    pytest.importorskip("cypcap")
    veth_pair.namespace.ip("addr", "add", "192.0.2.1/24", "dev", "out0")
    veth_pair.namespace.ip("addr", "add", "2001:db8::1/64", "dev", "lo", "nodad")
    with veth_pair.namespace.entered():
        ours = {one.name: one for one in list_interfaces()}
        theirs = {one.name: one for one in interfaces._of_libpcap()}
    for name in ("out0", "in0", "lo"):
        one, other = ours[name], theirs[name]
        assert (one.up, one.running, one.loopback, one.addresses) == (
            other.up,
            other.running,
            other.loopback,
            other.addresses,
        )
    assert theirs["lo"].addresses


def test_an_interface_is_found_by_each_of_its_names(veth_pair: VethPair) -> None:
    for name in ("enp0s3", "a-name-of-more-than-15-letters"):
        veth_pair.namespace.ip("link", "property", "add", "dev", "in0", "altname", name)
    with veth_pair.namespace.entered():
        known = rtnetlink.links()
        sent_on = sending.find_interface("enp0s3")
    assert [link.index for link in known] == sorted(link.index for link in known)
    assert {link.name for link in known} == {"lo", "out0", "in0"}
    for name in ("in0", "enp0s3", "a-name-of-more-than-15-letters"):
        assert find(name, known).name == "in0"
    assert sent_on == sending.Interface("in0", 9000, True)
    with pytest.raises(CaptureError, match=r"^no interface 'enp0s'; did you mean enp0s3\?$"):
        find("enp0s", known)


def test_a_kernel_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_groups: int) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(rtnetlink, "_open", silent)
    for ask in (rtnetlink.links, list_interfaces):
        with pytest.raises(CaptureError, match=r"^the kernel does not tell its interfaces: timed out$"):
            ask()
    with pytest.raises(sending.SendError, match=r"^the kernel does not tell its interfaces: timed out$"):
        sending.find_interface("lo")


def test_changes_are_told(veth_pair: VethPair) -> None:
    with veth_pair.namespace.entered():
        changes = LinkChanges()
    assert not changes.drain()
    veth_pair.namespace.ip("link", "set", "in0", "down")
    assert changes.drain()
    assert not changes.drain()
    changes.close()


def test_questions(veth_pair: VethPair) -> None:
    """The answers are those of the namespace in which the socket was made."""
    with veth_pair.namespace.entered():
        asked = Interfaces()
    link = asked.named("in0")
    assert link is not None
    assert (link.name, link.kind, link.mtu, link.is_up, link.device_type) == ("in0", "veth", 9000, True, 1)
    assert asked.at(link.index) == link
    assert asked.at(9999) is None
    assert asked.named("nothing0") is None
    veth_pair.namespace.ip("link", "del", "in0")
    assert asked.at(link.index) is None
    asked.close()


def test_messages_that_lie_about_their_length() -> None:
    whole = struct.pack("=IHHII", 20, 16, 0, 1, 0) + bytes(4)
    assert list(rtnetlink._messages(whole)) == [(16, 1, bytes(4))]
    for length in (0, 3, 15, 1 << 31):
        messages = list(rtnetlink._messages(struct.pack("=IHHII", length, 16, 0, 1, 0) + bytes(4)))
        assert messages in ([], [(16, 1, bytes(4))])
    for length in (0, 3, 0xFFFF):
        assert len(list(rtnetlink._attributes(struct.pack("=HH", length, 3) + b"eth0"))) <= 1


@pytest.mark.parametrize(
    ("device_type", "linktype"),
    [
        (1, offsets.DLT_ETHERNET),
        (772, offsets.DLT_ETHERNET),
        (65534, offsets.DLT_RAW),
        (768, offsets.DLT_RAW),
        (776, offsets.DLT_RAW),
        (778, offsets.DLT_SLL2),  # GRE
        (512, offsets.DLT_SLL2),  # PPP
        (803, 127),
    ],
)
def test_link_types(device_type: int, linktype: int) -> None:
    assert linktype_of(Link(1, "x0", device_type, 1500, True, True, False, 0, "", "")) == linktype
    assert linktype_of(None) == offsets.DLT_SLL2
