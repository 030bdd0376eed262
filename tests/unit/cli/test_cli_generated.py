"""The man page and the completion scripts: generated from the parser, and valid."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nvgre_inspect.cli.main import main
from nvgre_inspect.cli.man import EXIT_CODES
from nvgre_inspect.cli.parser import build


@pytest.fixture
def page(capsys):
    assert main(["man"]) == 0
    return capsys.readouterr().out


def test_the_page_has_every_command_and_option(page):
    _, commands = build()
    for name, command in commands.items():
        assert f".SS {name}" in page
        for option in command._option_string_actions:
            if option not in ("-h", "--help"):
                assert option.replace("-", "\\-") in page


def test_docs_have_every_command_option_and_exit_code():
    page = (Path(__file__).resolve().parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")
    parser, commands = build()
    options = {option for command in commands.values() for option in command._option_string_actions}
    said = set(re.findall(r"(?<![\w-])--?[A-Za-z][a-z-]*", page))
    assert options - {"-h", "--help"} <= said
    assert said - options - set(parser._option_string_actions) == {"-bytes"}  # a value of --sort
    assert [name for name in commands if f"`{name}" not in page] == []
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == [code for code, _ in EXIT_CODES]


def test_groff_has_nothing_to_say_about_the_page(page):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed (Debian: groff-base)")
    checked = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, check=True
    )
    assert checked.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "placements" in script
    if shell != "tcsh":  # shtab's tcsh scripts only complete words
        assert "--idle-timeout" in script


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_accepts_its_script(shell, capsys):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    main(["completion", shell])
    script = capsys.readouterr().out
    checked = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_bash_completes(capsys, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    main(["completion", "bash"])
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    asked = 'COMP_WORDS=(nvgre-inspect ten); COMP_CWORD=1; _shtab_nvgre_inspect; echo "${COMPREPLY[@]}"'
    answer = subprocess.run(
        [bash, "-c", f"source {script}; {asked}"], capture_output=True, text=True, check=True
    ).stdout
    assert answer.split() == ["tenants"]
    assert "-o default" in script.read_text()
