"""ARP and RARP."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import offsets
from dissectors.arp import ARP
from tests.unit.dissectors.header_contract import PAYLOAD, HeaderContract, exercise

SHA, THA = bytes.fromhex("0a1b2c3d4e5f"), bytes.fromhex("0200deadbeef")
SPA, TPA = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])


class TestARP(HeaderContract):
    cls = ARP
    raw = bytes.fromhex("0001 0800 06 04 0002") + SHA + SPA + THA + TPA
    values: ClassVar = {
        "hardware_type": 1,
        "protocol_type": 0x0800,
        "hardware_size": 6,
        "protocol_size": 4,
        "operation": 2,
        "sha": SHA,
        "spa": SPA,
        "tha": THA,
        "tpa": TPA,
    }
    derived: ClassVar = {"is_ethernet_ipv4": True}
    header_len = offsets.ARP_LEN
    info = "10.0.0.1 is at 0a:1b:2c:3d:4e:5f"

    def test_offsets(self) -> None:
        places = {field.name: field.start for field in ARP(self.raw).fields()}
        assert places["arp.src.hw_mac"] == offsets.ARP_SHA
        assert places["arp.src.proto_ipv4"] == offsets.ARP_SPA
        assert places["arp.dst.hw_mac"] == offsets.ARP_THA
        assert places["arp.dst.proto_ipv4"] == offsets.ARP_TPA


@pytest.mark.parametrize(
    ("packet", "info"),
    [
        (ARP(operation=1, sha=SHA, spa=SPA, tpa=TPA), "Who has 10.0.0.2? Tell 10.0.0.1"),
        (ARP(operation=1, sha=SHA, spa=bytes(4), tpa=TPA), "Who has 10.0.0.2? (ARP Probe)"),
        (ARP(operation=1, sha=SHA, spa=SPA, tpa=SPA), "ARP Announcement for 10.0.0.1"),
        (ARP(operation=2, sha=SHA, spa=SPA, tha=THA, tpa=TPA), "10.0.0.1 is at 0a:1b:2c:3d:4e:5f"),
        (ARP(operation=2, sha=SHA, spa=SPA, tha=b"\xff" * 6, tpa=SPA), "Gratuitous ARP for 10.0.0.1 (Reply)"),
        (ARP(operation=3, sha=SHA, tha=THA), "Who is 02:00:de:ad:be:ef? Tell 0a:1b:2c:3d:4e:5f"),
        (ARP(operation=4, tha=THA, tpa=TPA), "02:00:de:ad:be:ef is at 10.0.0.2"),
        (ARP(operation=9), "ARP inverse reply"),
        (ARP(operation=77), "ARP operation 77"),
        (ARP(hardware_type=6), "ARP request, protocol IPv4 (0x0800)"),
    ],
)
def test_info(packet: ARP, info: str) -> None:
    assert packet.info() == info


@pytest.mark.parametrize(("hardware_size", "protocol_size"), [(0, 0), (0, 4), (20, 16), (255, 255), (6, 0)])
def test_addresses_of_any_size(hardware_size: int, protocol_size: int) -> None:
    sizes = (hardware_size, protocol_size) * 2
    raw = bytes.fromhex("0020 86dd") + bytes([*sizes[:2], 0, 1]) + b"".join(b"\xa5" * size for size in sizes) + PAYLOAD
    header = ARP(raw)
    assert tuple(map(len, (header.sha, header.spa, header.tha, header.tpa))) == sizes
    assert header.header_len == 8 + sum(sizes)
    assert header.data == PAYLOAD
    assert bytes(header) == raw
    assert not header.is_ethernet_ipv4
    exercise(header)


def test_compute() -> None:
    header = ARP(sha=b"\x01" * 8, tha=bytes(8), spa=b"\x02" * 16, tpa=bytes(16))
    header.compute()
    assert (header.hardware_size, header.protocol_size) == (8, 16)
    assert ARP(bytes(header)).spa == b"\x02" * 16
