"""What is encrypted is said to be so."""

from __future__ import annotations

import struct

import nvgre_inspect
from nvgre_inspect.display import states


def esp(number):
    """An Ethernet frame with an ESP packet whose inside nobody can see."""
    payload = struct.pack(">II", 0x1001, number) + bytes(range(40, 104))
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, 50, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    )
    return bytes(12) + b"\x08\x00" + header + payload


def test_encrypted_flows_are_counted(tmp_path):
    frames = [esp(number) for number in range(3)]
    records = b"".join(struct.pack("<IIII", second, 0, len(f), len(f)) + f for second, f in enumerate(frames))
    path = tmp_path / "esp.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + records)
    with nvgre_inspect.open(path) as session:
        view = session.read().snapshot()
        assert states.encrypted(view.state) == "all flows are encrypted (ESP): what is inside cannot be seen"
        words = states.nothing(view, "tunnels", 0, "", read_filter=None, interface=None)
        assert words == (
            "no tunnels here; seen: esp 100 %; all flows are encrypted (ESP): what is inside cannot be seen"
        )


def test_nothing_encrypted_nothing_said():
    from tests.unit.flows.state_builder import state

    assert states.encrypted(state()) is None
