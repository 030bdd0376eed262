"""A gateway without a system: devices and underlay are made up."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from gateway_parts import MAC, OTHER_MAC, VSID, FakeTap, FakeUnderlay, frame, make_policy

from dissectors import offsets
from dissectors.icmp import ICMP
from dissectors.ipv4 import IPv4
from nvgre_inspect.encapsulation import Decapsulator, Encapsulator
from nvgre_inspect.gateway import roles
from nvgre_inspect.gateway.answers import AT_ONCE, AnswerLimit
from nvgre_inspect.gateway.endpoint import Gateway
from nvgre_inspect.gateway.underlay import Arrived, parse_ipv4

STRANGER = bytes.fromhex("0200000001ff")


class Running:
    """A gateway in a thread of its own."""

    def __init__(self, policy, *, vsids=(VSID,), mtu=1500, tap_mtu=1458, compiled=False):
        self.underlay = FakeUnderlay(mtu)
        self.taps = [FakeTap(f"tap{vsid}", tap_mtu) for vsid in vsids]
        ports = roles.ports_of(policy, [(vsid, f"tap{vsid}") for vsid in vsids])
        self.gateway = Gateway(
            roles.fitted(policy, mtu),
            policy.hosts[0],
            list(zip(ports, self.taps, strict=True)),
            self.underlay,
            compiled=compiled,
        )
        self._thread = threading.Thread(target=self.gateway.run)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Everything that was put in is through."""
        self._thread.start()
        while self.underlay.comes or any(tap.sends for tap in self.taps):
            self._thread.join(0.001)
            assert self._thread.is_alive()
        self.gateway.stop()
        self._thread.join(120)  # kernels may have to be compiled
        self.gateway.close()

    @property
    def port(self):
        return self.gateway.totals.ports[0]


def inside(packet: bytes) -> bytes:
    """The tenant's frame in an IP packet."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return Decapsulator().decapsulate(bytes(12) + kind + packet).frame


def packet_for_us(inner: bytes, **options) -> Arrived:
    """What the other host sends."""
    outer = Encapsulator(make_policy(**options)).encapsulate(inner).frames[0]
    return parse_ipv4(memoryview(outer[offsets.ETH_LEN :]))


@pytest.mark.parametrize("compiled", [False, True])
def test_out_both_families(version, compiled):
    policy = make_policy(version)
    with Running(policy, compiled=compiled) as run:
        run.taps[0].put(frame(1), frame(2))
        run.taps[0].put(frame(3))
    assert [inside(packet) for packet, _ in run.underlay.sent] == [frame(1), frame(2), frame(3)]
    assert {dst for _, dst in run.underlay.sent} == {policy.hosts[1].pa.packed}
    assert (run.port.out.taken, run.port.out.packets) == (3, 3)
    assert run.port.out.bytes == sum(len(packet) for packet, _ in run.underlay.sent)


def test_in():
    with Running(make_policy()) as run:
        run.underlay.put(packet_for_us(frame(5, dst=MAC, src=OTHER_MAC)))
    assert run.taps[0].got == [frame(5, dst=MAC, src=OTHER_MAC)]
    assert (run.port.back.taken, run.port.back.packets, run.port.back.bytes) == (1, 1, len(frame(5)))
    assert run.gateway.totals.dropped == 3


def test_subnets_stay_apart():
    policy = make_policy(vsids=(5001, 5002))
    with Running(policy, vsids=(5001, 5002)) as run:
        run.taps[1].put(frame(9))
        for vsid, size in ((5001, 1), (5002, 2)):
            run.underlay.put(Arrived(*packet_for_us(frame(size, dst=MAC, src=OTHER_MAC), vsids=(vsid,))))
    assert [len(tap.got) for tap in run.taps] == [1, 1]
    assert run.taps[1].got == [frame(2, dst=MAC, src=OTHER_MAC)]
    ((packet, _),) = run.underlay.sent
    assert packet[20:28] == bytes.fromhex("20006558") + (5002).to_bytes(3, "big") + packet[27:28]


def test_unknown_vsids_are_counted_and_told():
    with Running(make_policy()) as run:
        for vsid in (6000, 6000, *range(7000, 7020)):
            run.underlay.put(packet_for_us(frame(dst=MAC, src=OTHER_MAC), vsids=(vsid,)))
    assert run.taps[0].got == []
    assert run.gateway.totals.left_out == {"unknown-vsid": 22}
    assert run.gateway.totals.other_vsids[6000] == 2
    assert len(run.gateway.totals.other_vsids) == 8  # an attacker does not fill our memory


def test_unknown_machines_are_counted_and_told():
    # Not IP, or an address would say where they are (docs/encapsulation.md).
    rest = b"\x88\xb5" + bytes(46)
    with Running(make_policy()) as run:
        run.taps[0].put(b"\xff" * 6 + STRANGER + rest, MAC + b"\x02" * 6 + rest, STRANGER + MAC + rest)
    assert run.port.out.left_out == {"unknown-sender": 2, "unknown-destination": 1}
    assert run.port.strangers == {
        "unknown-sender": {STRANGER: None, b"\x02" * 6: None},
        "unknown-destination": {STRANGER: None},
    }


def test_a_sender_that_is_elsewhere():
    """Nobody sends in another host's name."""
    with Running(make_policy()) as run:
        run.taps[0].put(frame(dst=MAC, src=OTHER_MAC))
    assert run.underlay.sent == []
    assert run.port.out.left_out == {"elsewhere": 1}


def test_what_the_underlay_refuses():
    with Running(make_policy()) as run:
        run.underlay.refuses = "underlay-busy"
        run.taps[0].put(frame(), frame())
    assert run.port.out.left_out == {"underlay-busy": 2}
    assert run.port.out.packets == 0


def test_what_a_device_refuses():
    with Running(make_policy(), tap_mtu=100) as run:
        run.underlay.put(packet_for_us(frame(100, dst=MAC, src=OTHER_MAC)))
    assert run.port.back.left_out == {"longer-than-tap": 1}
    with Running(make_policy()) as run:
        run.taps[0].takes = False
        run.underlay.put(packet_for_us(frame(100, dst=MAC, src=OTHER_MAC)))
    assert run.port.back.left_out == {"refused": 1}


def test_over_the_mtu_of_the_interface_nothing_is_sent():
    with Running(make_policy()) as run:
        run.taps[0].put(frame(1500 - 42 - 28 - 14 + 15), frame(1500 - 42 - 28))
    assert [len(packet) for packet, _ in run.underlay.sent] == [1500]
    assert run.port.out.left_out == {"over-mtu": 1}


def test_answers_to_what_is_too_long():
    with Running(make_policy(mtu=1400, over_mtu="icmp")) as run:
        run.taps[0].put(frame(1400))
    (answer,) = run.taps[0].got
    assert answer[:14] == MAC + OTHER_MAC + b"\x08\x00"
    icmp = ICMP(bytes(IPv4(answer[14:]).data))
    assert (icmp.type, icmp.code, int.from_bytes(icmp.rest, "big")) == (3, 4, 1400 - 42)
    assert (run.port.answers, run.port.answers_withheld) == (1, 0)


def test_answers_are_limited():
    with Running(make_policy(mtu=1400, over_mtu="icmp")) as run:
        run.taps[0].put(*[frame(1400)] * (AT_ONCE + 20))
    assert AT_ONCE <= run.port.answers < AT_ONCE + 20
    assert run.port.answers + run.port.answers_withheld == AT_ONCE + 20


def test_the_limit_fills_up_again():
    now = [0.0]
    limit = AnswerLimit(lambda: now[0])
    assert sum(limit.allows() for _ in range(100)) == AT_ONCE
    now[0] = 0.0105
    assert sum(limit.allows() for _ in range(100)) == 10
    now[0] = 100
    assert sum(limit.allows() for _ in range(100)) == AT_ONCE


def test_statistics_come_in_time():
    told = threading.Semaphore(0)
    policy = make_policy()
    tap, underlay = FakeTap(), FakeUnderlay()
    ports = roles.ports_of(policy, [(None, "tap")])
    with Gateway(roles.fitted(policy, 1500), policy.hosts[0], [(ports[0], tap)], underlay, compiled=False) as gateway:
        thread = threading.Thread(target=gateway.run, kwargs={"every_s": 0.01, "tell": told.release})
        thread.start()
        assert told.acquire(timeout=10)
        assert told.acquire(timeout=10)
        gateway.stop()
        thread.join(10)
        assert not thread.is_alive()


def test_random_frames_of_a_tenant_do_no_harm():
    noise = np.random.default_rng(7)
    frames = [noise.bytes(int(size)) for size in noise.integers(1, 200, 300)]
    frames += [MAC[:6] + OTHER_MAC + kind + noise.bytes(60) for kind in (b"\x08\x00", b"\x86\xdd", b"\x81\x00") * 50]
    for compiled in (False, True):
        with Running(make_policy(), compiled=compiled) as run:
            run.taps[0].put(*frames)
        assert run.port.out.taken == len(frames)
        assert run.port.out.packets + run.port.out.left_out.total() == len(frames)
