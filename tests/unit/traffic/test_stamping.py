"""Stamping: the captures of the benchmark, their health by our own tables, and their profiles."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.output import Output
from nvgre_inspect.session import open_session
from nvgre_inspect.traffic.stamping import Profile, ProfileError, pieces, write

PROFILE = Profile(packets=6_000, flows=150, vsids=7)
TROUBLES = ("retransmissions", "out_of_order", "lost_segments", "acked_unseen", "duplicates", "resets", "zero_windows")


def digest(profile: Profile) -> str:
    found = hashlib.sha256()
    for piece in pieces(profile):
        found.update(piece.tobytes())
    return found.hexdigest()


def test_the_same_profile_gives_the_same_bytes() -> None:
    # Figures of different versions are comparable as long as this does not change.
    assert digest(PROFILE) == "a2aca463b583f7f7d4d1c9774ccca4ffb576246000532b032b814570d1a6d419"
    assert digest(PROFILE._replace(seed=1)) != digest(PROFILE)
    assert digest(PROFILE._replace(seed=1)) == digest(PROFILE._replace(seed=1))


def test_it_is_healthy_tcp_of_tenants_with_equal_addresses(tmp_path: Path) -> None:
    path = tmp_path / "bench.pcap"
    write(Output(path), PROFILE)
    with open_session(path) as session:
        flows, tenants, captures = session.flows, session.tenants, session.captures
        assert len(session.findings) == 0
    assert captures["packets"].tolist() == [PROFILE.packets]
    assert len(flows) == PROFILE.flows
    assert tenants["vsid"].tolist() == list(range(5001, 5008))
    assert set(flows["state"]) == {"closed"}
    for trouble in TROUBLES:
        assert flows[[f"{trouble}_fwd", f"{trouble}_rev"]].to_numpy().sum() == 0, trouble
    keys = ["src_ip", "src_port", "dst_ip"]
    assert len(flows[[*keys, "vsid"]].drop_duplicates()) == len(flows)
    assert len(flows[keys].drop_duplicates()) < len(flows) / 5


def test_pieces_do_not_grow_with_the_capture() -> None:
    largest = [max(len(piece) for piece in pieces(Profile(packets, 100, 4))) for packets in (40_000, 120_000)]
    assert largest[1] < largest[0] * 1.1
    assert largest[1] < 32 << 20


@pytest.mark.parametrize("packets", [1, 7, 160, 16_384, 16_385])
def test_any_number_of_packets(packets: int) -> None:
    data = b"".join(piece.tobytes() for piece in pieces(Profile(packets, 3, 2)))
    at, count = 24, 0
    while at < len(data):
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        count += 1
    assert (at, count) == (len(data), packets)


def test_profiles_are_read() -> None:
    assert Profile.parse("10_000,20,3", seed=4) == Profile(10_000, 20, 3, 4)
    assert Profile.parse("9000") == Profile(9000)


@pytest.mark.parametrize("text", ["", "x", "1,2,3,4", "-5", "0", "1000,0", "1000,5,0", "1000,80001,2", "9,9,99999999"])
def test_profiles_that_cannot_be(text: str) -> None:
    with pytest.raises(ProfileError, match=r"between 1 and|is not PACKETS"):
        Profile.parse(text)


def test_nothing_is_left_behind_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ProfileError):
        write(Output(tmp_path / "a.pcap"), Profile(packets=0))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "b.pcap").touch()
    with pytest.raises(CaptureError, match="exists"):
        write(Output(tmp_path / "b.pcap"), PROFILE)
