"""What the package offers to Python, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nvgre_inspect.encapsulation as api
from tests.builders.overlay import policy, udp_frame


def test_every_name_is_there() -> None:
    assert [name for name in api.__all__ if not hasattr(api, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = api.Nothing  # type: ignore[attr-defined]  # the point of the test


def test_there_and_back() -> None:
    frame = udp_frame()
    (outer,) = api.Encapsulator(policy()).encapsulate(frame).frames
    vxlan = api.Translator("vxlan", ids={5001: 7001}).translate(outer).frame
    back = api.Decapsulator().decapsulate(vxlan)
    assert (back.frame, back.origin and back.origin.description()) == (
        frame,
        "vxlan vsid=7001 pa=192.0.2.1>192.0.2.2",
    )


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, nvgre_inspect.encapsulation; print(sorted({'dpkt', 'numpy', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
