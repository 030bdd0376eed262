"""The example of docs/adding-a-protocol.md, run: as a user's file, as an installed package, and as a part of the
project.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dissectors import dispatch, encaps, registry
from dissectors.registry import Registry, load_file
from dissectors.stack import dissect
from nvgre_inspect.model.options import DecodeOptions
from tests.unit.dissectors.header_contract import PAYLOAD, exercise
from tests.unit.reference.frames import INNER, eth, ip4, record

_PAGE = Path(__file__).parents[3] / "docs" / "adding-a-protocol.md"
#: Session 77, S bit, sequence number 5.
_HEADER = bytes.fromhex("0000004d 40000005")
_FRAME = eth(ip4(_HEADER + INNER, 115))


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The page's Python block as a file."""
    (source,) = re.findall(r"<!-- example: .*? -->\n```python\n(.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "l2tpv3.py"
    path.write_text(source, "utf-8")
    return path


def check(built: Registry) -> None:
    stack = dissect(_FRAME, registry=built)
    assert stack.path == "l2tpv3:77"
    (layer,) = (layer for layer in stack.layers if layer.name == "l2tp")
    assert (layer.start, layer.length, layer.info) == (34, 8, "session 77")
    assert [(f.name, f.value, f.start) for f in layer.fields()] == [
        ("l2tp.sid", 77, 34),
        ("l2tp.l2_spec_s", 1, 38),
        ("l2tp.l2_spec_sequence", 5, 39),
    ]
    assert stack.layers[-1].name == "tcp"
    r = record(_FRAME, options=DecodeOptions(tables=built.tables))
    assert (r["encap"], r["vsid"], r["inner_off"], r["src_port"]) == (encaps.USER, 77, 42, 49152)


def test_as_a_users_file(example: Path) -> None:
    check(registry.build([example], entry_points=False))


def test_as_a_users_file_on_another_number(example: Path) -> None:
    built = registry.build([example], ["ip.proto==252,l2tpv3"], entry_points=False)
    assert dissect(eth(ip4(_HEADER + INNER, 252)), registry=built).path == "l2tpv3:77"


def test_as_an_installed_package(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_file(example)

    class Point:
        name = "l2tpv3"

        def load(self) -> Any:
            return found

    def entry_points(*, group: str) -> list[Point]:
        return [Point()] if group == "nvgre_inspect.dissectors" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    check(registry.build())


def test_as_a_part_of_the_project(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("l2tpv3_in_tree")
    module.DISSECTORS = load_file(example)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(dispatch, "IN_TREE", ("l2tpv3_in_tree:DISSECTORS",))
    check(registry.build(entry_points=False))


def test_its_class_keeps_the_contract(example: Path) -> None:
    (dissector,) = load_file(example)
    header = dissector.header(_HEADER + PAYLOAD)
    exercise(header)
    assert bytes(header) == _HEADER + PAYLOAD


def test_without_it_the_packet_is_plain() -> None:
    assert dissect(_FRAME).path == ""


def test_the_page_has_six_steps() -> None:
    assert re.findall(r"^## (\d)\. ", _PAGE.read_text("utf-8"), re.MULTILINE) == list("123456")
