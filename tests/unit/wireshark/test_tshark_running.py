"""Programs are run with limits, in a process group of their own, and whatever goes wrong is a sentence."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from nvgre_inspect.cli.main import main
from nvgre_inspect.wireshark import tshark

pytestmark = pytest.mark.skipif(os.name != "posix", reason="stands in for tshark with a shell script")


@pytest.fixture
def program(tmp_path: Path):
    """A stand-in for tshark: a shell script."""

    def make(script: str, name: str = "tshark") -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def gone(pid: int) -> bool:
    """Whether there is no such process any more; one that ended and that nobody waited for is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_output_complaint_and_status(program) -> None:
    outcome = tshark.run([program('echo out; echo "first" >&2; echo "second" >&2; exit 2')])
    assert outcome == tshark.Outcome(b"out\n", "first second", 2)


def test_what_is_always_said_is_no_complaint(program) -> None:
    outcome = tshark.run([program('echo "Running as user \\"root\\" and group \\"root\\"." >&2')])
    assert outcome.complaint == ""


def test_much_said_on_stderr_neither_blocks_nor_fills_memory(program) -> None:
    outcome = tshark.run([program(f"{sys.executable} -c \"import sys; sys.stderr.write('x' * 1_000_000)\"; echo done")])
    assert outcome.output == b"done\n"
    assert len(outcome.complaint) == 8192


@pytest.mark.parametrize("script", ["exec sleep 600", "echo begun; sleep 600"])
def test_a_program_that_hangs_is_ended(program, script: str) -> None:
    with pytest.raises(tshark.TsharkError, match="tshark did not answer in time"):
        tshark.run([program(script)], timeout_s=0.3)


def test_what_the_program_started_ends_with_it(program, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with tshark.Running([program(f"sleep 600 & echo $! > {note}; echo begun; wait")]) as running:
        assert next(running.lines()) == b"begun"
        pid = int(note.read_text())
        assert not gone(pid)
    for _ in range(1000):  # the kernel takes its time, but not much
        if gone(pid):
            break
        os.sched_yield()
    assert gone(pid)


def test_silence_counts_only_while_somebody_waits(program) -> None:
    with tshark.Running([program("echo one; echo two")], silence_s=0.2) as running:
        lines = running.lines()
        assert next(lines) == b"one"
        running._ended.wait(0.5)  # whoever reads is busy for longer than the limit
        assert list(lines) == [b"two"]
        assert running.status == 0


def test_a_part_of_a_line_at_the_end_is_a_line(program) -> None:
    with tshark.Running([program("printf 'one\\ntwo'")]) as running:
        assert list(running.lines()) == [b"one", b"two"]


def test_a_crash_is_a_sentence(program) -> None:
    with tshark.Running([program("echo trouble >&2; kill -SEGV $$")]) as running:
        assert list(running.lines()) == []
        with pytest.raises(tshark.TsharkError, match=r"tshark crashed \(signal 11\): trouble"):
            running.fail()


def test_a_failure_without_a_word_is_a_sentence(program) -> None:
    with tshark.Running([program("exit 3")]) as running:
        assert list(running.chunks()) == []
        with pytest.raises(tshark.TsharkError, match="exit status 3 and did not say why"):
            running.fail()


def test_secrets_are_in_no_sentence(program) -> None:
    secret = "tls.keylog_file:/some/secret/keys.txt"
    with tshark.Running(
        [program(f'echo "bad {secret} or /some/secret/keys.txt" >&2; exit 1')], secrets=[secret]
    ) as run:
        assert list(run.chunks()) == []
        with pytest.raises(tshark.TsharkError) as caught:
            run.fail()
    assert str(caught.value) == "bad tls.keylog_file:… or …"


def test_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(tshark, "_FOLDERS", {})
    with pytest.raises(tshark.TsharkMissingError, match="apt-get install tshark"):
        tshark.installed()
    with pytest.raises(tshark.TsharkMissingError, match="there is no tshark at"):
        tshark.installed(str(tmp_path / "nowhere"))
    with pytest.raises(tshark.TsharkMissingError, match="apt-get install tshark"):
        tshark.run([str(tmp_path / "nowhere")])


def test_not_a_program(tmp_path: Path) -> None:
    path = tmp_path / "tshark"
    path.write_text("text")
    with pytest.raises(tshark.TsharkError, match="cannot be started"):
        tshark.run([str(path)])


def test_found_in_path_or_where_it_is_said_to_be(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program("echo 'TShark (Wireshark) 4.2.7 (Git v4.2.7).'")
    beside = program("exit 0", name="editcap")
    assert tshark.installed(path) == tshark.installed(str(tmp_path)) == tshark.Tshark(path, (4, 2, 7))
    assert tshark.find("editcap", path=path) == beside
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tshark.find() == path


@pytest.mark.parametrize(
    ("words", "name", "old"),
    [
        ("TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u3).", "tshark 4.0.17", False),
        ("TShark (Wireshark) 3.6.2 (Git v3.6.2 packaged as 3.6.2-2)", "tshark 3.6.2", False),
        ("TShark (Wireshark) 4.7.0rc1", "tshark 4.7.0", False),
        ("TShark 1.12.1 (Git Rev Unknown from unknown)", "tshark 1.12.1", True),
        ("something else", "tshark of an unknown version", True),
    ],
)
def test_versions(program, words: str, name: str, old: bool) -> None:
    found = tshark.installed(program(f"echo '{words}'"))
    assert (found.name, found.is_old) == (name, old)


def test_what_cannot_say_its_version_is_no_tshark(program) -> None:
    with pytest.raises(tshark.TsharkError, match=r"libwireshark\.so"):
        tshark.installed(program("echo 'error while loading shared libraries: libwireshark.so.16' >&2; exit 127"))


def test_nobodys_preferences_are_in_the_neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    with tshark.neutral() as environment:
        folder = Path(environment["HOME"])
        assert folder != Path("/somebody")
        assert environment["WIRESHARK_CONFIG_DIR"] == str(folder)
        assert list(folder.iterdir()) == []
    assert not folder.exists()


def test_the_version_command_names_it(
    program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = program("echo 'TShark (Wireshark) 4.2.7 (Git v4.2.7).'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["version"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"tshark 4.2.7, {path}"
    Path(path).write_text("#!/bin/sh\necho 'no such library' >&2\nexit 127\n")
    tshark._asked.cache_clear()
    assert main(["version"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "tshark does not run: no such library"
    Path(path).unlink()
    monkeypatch.setattr(tshark, "_FOLDERS", {})
    assert main(["version"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("tshark not found")
