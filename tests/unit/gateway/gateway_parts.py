"""A policy of two hosts, frames of its tenant, and a TAP device and an underlay without a system."""

from __future__ import annotations

import ipaddress
import os
from collections import deque

import numpy as np

from dissectors.ipv4 import IPv4
from dissectors.udp import UDP
from nvgre_inspect.encapsulation import Encapsulation, Entry, Host, Policy, Subnet
from nvgre_inspect.gateway.underlay import Arrived

HERE, THERE = ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("192.0.2.2")
MAC, OTHER_MAC = bytes.fromhex("020000000101"), bytes.fromhex("020000000102")
VSID = 5001


def make_policy(version: int = 4, *, vsids: tuple[int, ...] = (VSID,), **options: object) -> Policy:
    pas = (HERE, THERE) if version == 4 else tuple(map(ipaddress.ip_address, ("2001:db8::1", "2001:db8::2")))
    hosts = tuple(Host(pa, bytes((2, 0, 0, 0, 0, i))) for i, pa in enumerate(pas, 1))
    entries = (
        Entry(pas[0], MAC, (ipaddress.ip_address("10.0.0.1"),)),
        Entry(pas[1], OTHER_MAC, (ipaddress.ip_address("10.0.0.2"),)),
    )
    return Policy(Encapsulation(**options), hosts, tuple(Subnet(vsid, entries) for vsid in vsids))


def frame(size: int = 20, *, dst: bytes = OTHER_MAC, src: bytes = MAC, ecn: int = 0) -> bytes:
    """An Ethernet frame with a UDP packet of `size` bytes of data."""
    udp = UDP(sport=4000, dport=5000, data=bytes(size))
    ip = IPv4(src=bytes((10, 0, 0, 1)), dst=bytes((10, 0, 0, 2)), protocol=17, df=1, data=b"")
    ip.ecn = ecn
    udp.compute(ip.pseudo_header(17, 8 + size))
    ip.data = bytes(udp)
    ip.compute()
    return dst + src + b"\x08\x00" + bytes(ip)


class FakeTap:
    """Frames that a tenant sends, and those that it gets."""

    def __init__(self, name="blue0", mtu=1458):
        self.name, self.mtu, self.notes = name, mtu, []
        self.sends, self.got = deque(), []
        self.takes = True
        self.buffer = np.zeros(1 << 20, np.uint8)
        self._ready, self._signal = os.pipe()

    def put(self, *frames):
        self.sends.extend(frames)
        os.write(self._signal, b"\0")

    def fileno(self):
        return self._ready

    def read(self):
        os.read(self._ready, 1)
        frames = list(self.sends)
        self.sends.clear()
        data = b"".join(frames)
        self.buffer[: len(data)] = np.frombuffer(data, np.uint8)
        return [len(frame) for frame in frames]

    def write(self, frame):
        if self.takes:
            self.got.append(bytes(frame))
        return self.takes

    def close(self):
        os.close(self._ready)
        os.close(self._signal)


class FakeUnderlay:
    """Packets that were sent, and those that come."""

    def __init__(self, mtu=1500):
        self.mtu, self.sent, self.comes = mtu, [], deque()
        self.refuses = None
        self._ready, self._signal = os.pipe()

    def put(self, *packets: Arrived):
        self.comes.extend(packets)
        os.write(self._signal, b"\0")

    def fileno(self):
        return self._ready

    def receive(self):
        if self.comes:
            return self.comes.popleft()
        os.read(self._ready, 1)
        return None

    def send(self, packet, dst):
        if self.refuses is None:
            self.sent.append((bytes(packet), dst))
        return self.refuses

    def drops(self):
        return 3

    def notes(self):
        return []

    def close(self):
        os.close(self._ready)
        os.close(self._signal)
