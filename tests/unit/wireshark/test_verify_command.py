"""`nvgre-inspect verify` where tshark is missing, old, crashes or talks nonsense: a sentence and an exit code."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nvgre_inspect.cli.main import main
from nvgre_inspect.wireshark import fields, tshark, verify
from nvgre_inspect.wireshark.rows import SEPARATOR

pytestmark = pytest.mark.skipif(os.name != "posix", reason="stands in for tshark with a script")

SAMPLE = Path(__file__).parents[3] / "samples" / "vlan.pcap"
Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Verify:
    """The command with a stand-in for tshark, of which `script` is Python; exit code, stdout, stderr."""
    config = tmp_path / "config.toml"
    monkeypatch.setenv("NVGRE_INSPECT_CONFIG", str(config))

    def run(script: str, *words: object, version: str = "4.0.17", file: Path = SAMPLE) -> tuple[int, str, str]:
        program = tmp_path / f"tshark-{version}"
        said = f"if '--version' in sys.argv:\n    print('TShark (Wireshark) {version}')\n    sys.exit()\n"
        program.write_text(f"#!{sys.executable}\nimport os, sys\n{said}{script}\n")
        program.chmod(0o755)
        config.write_text(f"[tshark]\npath = {str(program)!r}\n")
        code = main(["verify", str(file), *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def rows(**values: str) -> str:
    """A script that prints one row of these fields (`ip_src` for ip.src), whatever it was asked for."""
    named = {name.replace("_", ".", 1): value for name, value in values.items()}
    row = SEPARATOR.join(named.get(name, "") for name in fields.FIELDS)
    return f"print({row!r})"


def test_missing(run: Verify, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("NVGRE_INSPECT_CONFIG")
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: Path("nobody"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(tshark, "_FOLDERS", {})
    assert main(["verify", str(SAMPLE)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("nvgre-inspect verify: tshark is not installed; it comes with Wireshark")
    assert len(err.splitlines()) == 1


def test_a_crash_is_a_sentence(run: Verify) -> None:
    code, _, err = run("os.kill(os.getpid(), 11)")
    assert code == 1
    assert "crashed (signal 11)" in err
    assert "Traceback" not in err


def test_a_file_that_it_cannot_read(run: Verify) -> None:
    code, _, err = run("sys.stderr.write('tshark: The file \"x\" is broken\\x1b[31m.\\n'); sys.exit(1)")
    assert code == 1
    assert f"{SAMPLE}: tshark: The file" in " ".join(err.split())
    assert "\x1b" not in err


def test_a_hang_is_a_sentence(run: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tshark.Running.__init__, "__kwdefaults__", {**tshark.Running.__init__.__kwdefaults__, "silence_s": 0.3}
    )
    code, _, err = run("import time; time.sleep(600)")
    assert code == 1
    assert "did not answer in time" in err


@pytest.mark.parametrize(
    "script", ["print('nonsense')", rows(), rows(ip_src="nonsense", frame_protocols="ip:ip:udp:tcp:gre")]
)
def test_nonsense_is_a_difference_or_a_sentence(run: Verify, script: str) -> None:
    code, out, err = run(script)
    assert code in (1, 4)
    assert "Traceback" not in out + err


def test_differences_win_over_failure(run: Verify) -> None:
    code, out, err = run(f"{rows(frame_protocols='eth')}; sys.stdout.flush(); os.kill(os.getpid(), 11)")
    assert code == 4
    assert "frame.len: " in out
    assert "crashed" in err


def test_an_old_one_is_said_to_be_old(run: Verify) -> None:
    _, _, err = run("sys.exit(2)", version="2.6.20")
    assert "tshark 2.6.20 is older than those that this tool is compared with" in err
    assert "older" not in run("sys.exit(2)", version="3.6.2")[2]


def test_fields_that_it_does_not_know_are_not_compared(run: Verify) -> None:
    """All but what nothing can be compared without."""
    unknown = [name for name in fields.FIELDS if name not in fields.ESSENTIAL]
    complaint = "tshark: Some fields aren't valid:\n\t" + "\n\t".join(unknown) + "\n"
    script = f"if 'ip.src' in sys.argv:\n    sys.stderr.write({complaint!r})\n    sys.exit(1)\n"
    known = [name for name in fields.FIELDS if name in fields.ESSENTIAL]
    row = {"frame.protocols": "eth:ethertype:ip:gre:eth:ethertype:ip:tcp", "frame.len": "1", "frame.cap_len": "1"}
    script += f"print({SEPARATOR.join(row.get(name, '') for name in known)!r})"
    code, out, err = run(script, "-c", 1)
    assert code == 4
    told = {line.split(":")[0].strip() for line in out.splitlines() if line.startswith("  ")}
    assert told == {"frame.cap_len", "frame.len", "frame.time_epoch"}
    assert "not known to tshark 4.0.17, and not compared: " in err
    assert "gre.key" in err


def test_without_what_is_essential_it_is_too_old(run: Verify) -> None:
    complaint = "tshark: Some fields aren't valid:\n\tframe.protocols\n"
    names = [name for name in fields.FIELDS if name != "frame.protocols"]
    code, _, err = run(
        f"if 'frame.protocols' in sys.argv:\n    sys.stderr.write({complaint!r})\n    sys.exit(1)\n"
        f"print({SEPARATOR.join('' for _ in names)!r})"
    )
    assert code == 1
    assert "does not know frame.protocols: it is too old" in " ".join(err.split())


def test_what_is_asked_is_asked_in_nobodys_profile(run: Verify, tmp_path: Path) -> None:
    note = tmp_path / "note"
    run(
        f"print(os.environ['HOME'], *sys.argv[1:], file=open({str(note)!r}, 'w'))",
        "-c",
        7,
        "-d",
        "udp.port==9,vxlan-gpe",
    )
    home, *words = note.read_text().split()
    assert home != os.environ.get("HOME")
    line = shlex.join(words)
    assert line.startswith("-n -r ")
    assert "-c 7" in line
    assert "-d udp.port==9,vxlan_gpe" in line
    assert words[words.index("-M") + 1] == verify.FORGET[1]


def test_no_such_file_and_wrong_filters(run: Verify, tmp_path: Path) -> None:
    assert run("sys.exit(9)", file=tmp_path / "nowhere.pcap")[0] == 1
    assert run("sys.exit(9)", "-Y", "no such filter")[0] == 2
    assert run("sys.exit(9)", "-d", "nonsense")[0] == 2
