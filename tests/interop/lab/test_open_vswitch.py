"""What Open vSwitch encapsulated is, without its headers, what the VMs sent and got."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest
import tshark

pytestmark = [pytest.mark.interop, pytest.mark.slow, tshark.needs_tshark]
#: (display filter of a tenant, bytes of outer headers) by encapsulation.
TENANTS = {
    "nvgre": (tshark.of_vsid, 42),
    "vxlan": (lambda vni: f"vxlan.vni == {vni}", 50),
    "geneve": (lambda vni: f"geneve.vni == {vni}", 50),
}


def frames(path: Path) -> list[bytes]:
    """The frames of a little-endian pcap, as tcpdump and editcap write it here."""
    data, at, found = path.read_bytes(), 24, []
    while at + 16 <= len(data):
        (caplen,) = struct.unpack_from("<I", data, at + 8)
        found.append(data[at + 16 : at + 16 + caplen])
        at += 16 + caplen
    return found


def data_frames(path: Path) -> Counter[bytes]:
    """TCP and UDP over IPv4: what both captures must have seen from its first to its last packet."""
    return Counter(frame for frame in frames(path) if frame[12:14] == b"\x08\x00" and frame[23] in (6, 17))


@pytest.mark.parametrize(("tenant", "vm"), [(5001, "a1"), (5002, "a2")])
def test_inner_frames_are_the_vms_own(points: tuple[str, Path], tenant: int, vm: str, tmp_path: Path) -> None:
    encapsulation, folder = points
    select, header_bytes = TENANTS[encapsulation]
    inner = tshark.decapsulate(folder / "hostA.pcap", tmp_path / "inner.pcap", select(tenant), header_bytes)
    carried, spoken = data_frames(inner), data_frames(folder / f"{vm}.pcap")
    assert sum(spoken.values()) > 50
    assert carried == spoken
