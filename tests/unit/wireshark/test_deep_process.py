"""The process that pyshark lives in: whatever becomes of it and of tshark, there is a sentence, and nobody is left."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.wireshark import deep as deep_module
from nvgre_inspect.wireshark.cut import Cut
from nvgre_inspect.wireshark.deep import Deep
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError, TsharkMissingError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="stands in for tshark with a shell script")

FIELDS = (
    "F\\tFrame Number\\tframe.number\\tFT_UINT32\\tframe\\nF\\tRequest in\\thttp.request_in\\tFT_FRAMENUM\\thttp\\n"
)
PDML = """<?xml version="1.0"?>
<pdml>
<packet>
  <proto name="geninfo"><field name="num" show="1"/></proto>
  <proto name="frame" showname="Frame 1"><field name="frame.number" show="1"/></proto>
  <proto name="fake-field-wrapper"><field name="data" show="00" showname="Data: 00"/></proto>
  <proto name="http" showname="Hypertext Transfer Protocol">
    <field name="" show="HTTP/1.1 200 OK\\r\\n">
      <field name="http.response.code" showname="Status Code: 200" show="200"/>
    </field>
    <field name="http.request_in" showname="Request in frame: 1" show="1"/>
    <field name="secret" hide="yes" show="x"/>
  </proto>
</packet>
</pdml>
"""


@pytest.fixture
def tshark(tmp_path: Path) -> Callable[[str], str]:
    """A stand-in for tshark that lists its fields and then does what it is told; says on disk who it was."""

    def make(script: str) -> str:
        path = tmp_path / "tshark"
        listing = f'if [ "$1" = -G ]; then printf "{FIELDS}"; exit 0; fi'
        path.write_text(f"#!/bin/sh\n{listing}\necho $$ >> {tmp_path}/pids\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def cut_in(folder: Path) -> Cut:
    path = folder / "packets.pcapng"
    path.write_bytes(b"")
    return Cut(path, np.array([70, 4711]), 2, True, 0)


def gone(pid: int) -> bool:
    """Whether there is no such process any more; one that ended and that nobody waited for is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until_gone(pid: int) -> bool:
    """The kernel may take a moment to end what it was told to end."""
    deadline = time.monotonic() + 5
    while not gone(pid):
        if time.monotonic() > deadline:
            return False
        os.sched_yield()
    return True


@pytest.fixture
def asked(tmp_path: Path, tshark: Callable[[str], str]) -> Iterator[Callable[..., object]]:
    """Ask a stand-in, and see that no process of it is left."""

    def ask(script: str, answer_s: float = 20.0, **settings: object) -> object:
        with Deep(Settings(path=tshark(script), **settings), answer_s=answer_s) as deep:
            return deep.tree(cut_in(deep.folder))

    yield ask
    pids = tmp_path / "pids"
    for pid in pids.read_text().split() if pids.exists() else []:
        assert until_gone(int(pid)), "a tshark is left behind"


def test_the_tree_of_a_packet(asked, tmp_path: Path) -> None:
    (tmp_path / "pdml").write_text(PDML)
    data, http = asked(f"cat {tmp_path}/pdml")
    assert (data.name, data.label) == ("data", "Data: 00")
    assert (http.name, http.label) == ("http", "Hypertext Transfer Protocol")
    assert [(node.label, node.value) for _, node in http.lines()][1:] == [
        ("HTTP/1.1 200 OK\\r\\n", "HTTP/1.1 200 OK\\r\\n"),
        ("Status Code: 200", "200"),
        ("Request in frame: 70", "70"),
    ]


def test_what_tshark_is_asked_and_that_its_options_are_not_on_the_command_line(asked, tmp_path: Path) -> None:
    (tmp_path / "pdml").write_text(PDML)
    asked(
        f'echo "$@" > {tmp_path}/words; cat $WIRESHARK_CONFIG_DIR/preferences > {tmp_path}/told; pwd > {tmp_path}/at; '
        f"ls > {tmp_path}/here; cat {tmp_path}/pdml",
        options=("tls.keylog_file:/secret",),
        decode_as=("udp.port==1,vxlan",),
    )
    words = (tmp_path / "words").read_text()
    assert "-T pdml" in words
    assert "-Y frame.number == 2 -n -d udp.port==1,vxlan" in words
    assert "secret" not in words
    assert (tmp_path / "told").read_text() == "tls.keylog_file: /secret\n"
    # pyshark would take the path of tshark from a config.ini in the current folder.
    assert (tmp_path / "here").read_text() == ""
    assert not Path((tmp_path / "at").read_text().strip()).exists()


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 0", "tshark gave no packet"),
        ('echo "tshark: the file is odd" >&2; exit 0', "tshark gave no packet: tshark: the file is odd"),
        ('echo "tshark: the file is odd" >&2; exit 2', "tshark gave no packet: tshark: the file is odd"),
        ("kill -SEGV $$", "tshark gave no packet"),
        ("echo '<pdml><packet>'; exit 0", "tshark gave no packet"),
        ("head -c 3000000 /dev/zero", "tshark gave no packet"),
        ('echo "prefs: /secret is wrong" >&2', "prefs: … is wrong"),
    ],
)
def test_a_tshark_that_fails_is_a_sentence(asked, script: str, sentence: str) -> None:
    with pytest.raises(TsharkError) as error:
        asked(script, options=("a.b:/secret",))
    assert sentence in str(error.value)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("script", ["sleep 600", "sleep 600 & sleep 600", "trap '' TERM; echo '<pdml>'; sleep 600"])
def test_a_tshark_that_hangs_is_ended(asked, script: str) -> None:
    began = time.monotonic()
    with pytest.raises(TsharkError, match="did not answer in time"):
        asked(script, answer_s=1.5)
    assert time.monotonic() - began < 15


def test_broken_xml_is_taken_as_far_as_it_goes(asked, tmp_path: Path) -> None:
    broken = b'<packet><proto name="x" showname="\xff\x01&bad;<"><field name="y" show="1"/></packet>'
    (tmp_path / "pdml").write_bytes(broken)
    assert isinstance(asked(f"cat {tmp_path}/pdml"), tuple)


def test_nested_deeper_than_anybody_reads(asked, tmp_path: Path) -> None:
    depth = 50_000
    text = "<packet>" + '<proto name="x">' * depth + "</proto>" * depth + "</packet>"
    (tmp_path / "pdml").write_text(text)
    (outermost,) = asked(f"cat {tmp_path}/pdml")
    assert 50 < max(deep for deep, _ in outermost.lines()) < 200


def test_an_option_that_tshark_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "tshark"
    path.write_text("#!/bin/sh\necho 'No such preference \"a.b\" at line 1' >&2\n")
    path.chmod(0o700)
    with (
        Deep(Settings(path=str(path), options=("a.b:/secret",))) as deep,
        pytest.raises(TsharkError, match=r"^tshark has no option a\.b$"),
    ):
        deep.tree(cut_in(deep.folder))


def test_no_tshark() -> None:
    with pytest.raises(TsharkMissingError, match="no tshark at"):
        Deep(Settings(path="/nowhere/tshark"))


def test_no_pyshark(monkeypatch, tshark: Callable[[str], str], tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "pyshark.py").write_text("raise ModuleNotFoundError(\"No module named 'pyshark'\")")
    monkeypatch.setenv("PYTHONPATH", str(absent))
    monkeypatch.setattr(deep_module, "_importable", lambda s: {**s, "PYTHONPATH": f"{absent}:{Path.cwd()}"})
    with Deep(Settings(path=tshark("exit 0"))) as deep, pytest.raises(TsharkError, match="needs pyshark"):
        deep.tree(cut_in(deep.folder))


def test_without_what_python_3_14_removed(monkeypatch, tshark: Callable[[str], str], tmp_path: Path) -> None:
    """pyshark asks asyncio for child watchers and policies wherever it makes an event loop itself."""
    site = tmp_path / "site"
    site.mkdir()
    names = ("SafeChildWatcher", "set_child_watcher", "get_child_watcher", "get_event_loop_policy", "get_event_loop")
    (site / "sitecustomize.py").write_text("\n".join(["import asyncio", *(f"del asyncio.{name}" for name in names)]))
    monkeypatch.setenv("PYTHONPATH", str(site))
    (tmp_path / "pdml").write_text(PDML)
    with Deep(Settings(path=tshark(f"cat {tmp_path}/pdml"))) as deep:
        assert [node.name for node in deep.tree(cut_in(deep.folder))] == ["data", "http"]


def test_a_worker_that_nobody_asks_ends(tshark: Callable[[str], str]) -> None:
    with Deep(Settings(path=tshark("exit 0"))) as deep:
        folder = deep.folder
        process = deep._running._process
    assert process.poll() is not None
    assert not folder.exists()
