"""Registry: what is refused, and that every refusal is one line that names its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from dissectors import registry
from dissectors.base import Header
from dissectors.dispatch import FixedHeader
from dissectors.registry import Dissector, DissectorError, Registry, load_file
from dissectors.stack import dissect
from tests.unit.reference.frames import eth, ip4, tcp, udp


class Probe(Header):
    """Two bytes."""

    TITLE = "Probe"
    PROTOCOL = "probe"
    __hdr__ = (("number", "H", 0),)


def test_a_class_alone_shows_in_trees() -> None:
    built = Registry().add(Dissector(Probe, udp_ports=[7], tcp_ports=[443], ip_protocols=[253], ethertypes=[0x88B5]))
    for frame in (
        eth(ip4(udp(b"\x12\x34", 7), 17)),
        eth(ip4(tcp(b"\x12\x34"), 6)),
        eth(ip4(b"\x12\x34", 253)),
        eth(b"\x12\x34", 0x88B5),
    ):
        last = dissect(frame, registry=built).layers[-1]
        assert isinstance(last.header, Probe)
        assert last.header.number == 0x1234
        assert last.length == 2


def test_too_short_for_a_leaf() -> None:
    built = Registry().add(Dissector(Probe, udp_ports=[7]))
    assert dissect(eth(ip4(udp(b"\x12", 7), 17)), registry=built).layers[-1].name == "udp"


def test_dissectors_that_do_not_fit_together() -> None:
    with pytest.raises(DissectorError, match="neither numbers"):
        Dissector(Probe)
    with pytest.raises(DissectorError, match="not a class derived"):
        Dissector(int, udp_ports=[1])  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(DissectorError, match="class has 2 bytes, its fixed header 1"):
        Dissector(Probe, fixed=FixedHeader("probe", 1))
    with pytest.raises(DissectorError, match="in TCP"):
        Dissector(Probe, tcp_ports=[1], fixed=FixedHeader("probe", 2))
    with pytest.raises(DissectorError, match="exists already"):
        Registry().add(Dissector(Probe, fixed=FixedHeader("vxlan", 2)))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "does not define DISSECTORS"),
        ("DISSECTORS = []", "expected a sequence of Dissector"),
        ("DISSECTORS = 5", "expected a sequence of Dissector"),
        ("DISSECTORS = [5]", "5 is not a Dissector"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("x = undefined", "NameError"),
        ("from dissectors.dispatch import FixedHeader\nFixedHeader('UPPER', 1)", "ValueError.*lower-case"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, source: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(DissectorError, match=message) as caught:
        load_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_not_python(tmp_path: Path) -> None:
    with pytest.raises(DissectorError, match="no such file"):
        load_file(tmp_path / "missing.py")
    other = tmp_path / "notes.txt"
    other.write_text("DISSECTORS = []")
    with pytest.raises(DissectorError, match=r"must end in \.py"):
        load_file(other)


def test_build_applies_rules_last() -> None:
    assert registry.build(decode_as=["udp.port==8473,vxlan"], entry_points=False).tables.udp[8473]
    with pytest.raises(ValueError, match="did you mean"):
        registry.build(decode_as=["udp.port==8473,vxlam"], entry_points=False)
