"""What versions of tshark print differently becomes the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nvgre_inspect.wireshark import versions


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("1", "1"),
        ("True", "1"),  # 4.4
        ("False", "0"),
        ("1418145370.000000000", "1418145370.000000000"),
        ("2014-12-09T17:16:10.000000001Z", "1418145370.000000001"),  # 4.4, here and there
        ("2014-12-09T17:16:10Z", "1418145370.000000000"),
        ("1969-12-31T23:59:59.5Z", "-1.500000000"),
        ("-0.(2078753920 nanoseconds)", "-0.2078753920"),  # 4.6
        ("1418145370.(1000000000 nanosec", "1418145370.1000000000"),
        ("GET (1 nano)", "GET (1 nano)"),
        ("eth:ethertype:ip", "eth:ethertype:ip"),
        ("::129.0.0.0", "::8100:0"),  # RFC 5952 section 5 leaves the choice
        ("::not.an.address", "::not.an.address"),
        ("0x00006558", "0x6558"),  # 3.4
        ("0x0000000c", "0x0c"),
        ("0x00000000", "0x00"),
        ("0x6558", "0x6558"),
        ("0x0000", "0x0000"),
        ("0x00138907", "0x00138907"),
    ],
)
def test_values_of_all_versions_are_one(printed: str, value: str) -> None:
    assert versions.plain(printed) == value


@pytest.mark.parametrize(
    ("printed", "v4", "v6", "named"),
    [
        ("eth:ethertype:ip:udp:mpls:ip:tcp", 2, 0, "eth:ethertype:ip:udp:mpls:ip:tcp"),
        ("eth:ethertype:ip:udp:mpls:tcp", 2, 0, "eth:ethertype:ip:udp:mpls:ip:tcp"),
        ("eth:ethertype:ip:udp:mpls:tcp", 1, 1, "eth:ethertype:ip:udp:mpls:ipv6:tcp"),
        ("eth:ethertype:mpls", 1, 0, "eth:ethertype:mpls:ip"),
        ("eth:ethertype:mpls:icmp:ip:udp", 2, 0, "eth:ethertype:mpls:ip:icmp:ip:udp"),
        ("eth:ethertype:ip:udp:mpls:pwethnocw:eth:ethertype:data", 1, 0, None),
        ("eth:ethertype:ip:udp:mpls:data", 1, 0, None),
        ("eth:ethertype:mpls:udp:mpls:tcp", 1, 1, "eth:ethertype:mpls:ip:udp:mpls:ipv6:tcp"),
        ("eth:ethertype:mpls:ipv6:ip", 0, 2, "eth:ethertype:mpls:ipv6:ipv6:ip"),
        # A quoted header that is cut off is no layer of its own: nothing is made up where there is no MPLS.
        ("eth:ethertype:ip:icmp", 2, 0, None),
    ],
)
def test_ip_behind_mpls_is_named(printed: str, v4: int, v6: int, named: str | None) -> None:
    row = {"frame.protocols": [printed], "ip.src": ["10.0.0.1"] * v4, "ipv6.src": ["::1"] * v6}
    versions.name_layers_behind_mpls(row)
    assert row["frame.protocols"] == [named or printed]


def test_rows_without_layers_stay_as_they_are() -> None:
    for row in ({}, {"frame.protocols": []}, {"frame.protocols": ["eth:mpls"]}):
        before = dict(row)
        versions.name_layers_behind_mpls(row)
        assert row == before


@pytest.mark.skipif(os.name != "posix", reason="stands in for tshark with a shell script")
@pytest.mark.parametrize(
    ("version", "mask", "in_bytes", "asked"),
    [
        ("3.4.10", "0x0", True, True),
        ("3.6.2", "0x1fff", False, True),
        ("of no number", "0x0", True, True),
        ("4.0.17", "0x1fff", False, False),
        ("4.6.9", "0x1fff", False, False),
    ],
)
def test_only_old_ones_are_asked_how_they_print_offsets(
    tmp_path: Path, version: str, mask: str, in_bytes: bool, asked: bool
) -> None:
    program, note = tmp_path / "tshark", tmp_path / "note"
    field = rf"F\tFragment offset\tip.frag_offset\tFT_UINT16\tip\tBASE_DEC\t{mask}\t\n"
    said = f"echo 'TShark (Wireshark) {version}'"
    program.write_text(
        f"""#!/bin/sh\ncase "$*" in --version) {said};; '-G fields') touch {note}; printf '{field}';; esac\n"""
    )
    program.chmod(0o755)
    assert versions.offsets_in_bytes(str(program)) is in_bytes
    assert note.exists() is asked
