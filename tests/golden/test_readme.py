"""What README.md shows is what the tool prints; what it links to is there."""

import csv
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nvgre_inspect import config
from nvgre_inspect.cli import terminal
from nvgre_inspect.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
COMMAND = "nvgre-inspect summary samples/fabric.pcapng"
#: Columns of the terminal that README.md shows.
WIDTH = 104


def test_the_first_screen_is_real(capsys, monkeypatch, tmp_path, request):
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv(config.ENVIRONMENT, str(tmp_path / "config.toml"))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(terminal, "width", lambda _stream: WIDTH)
    assert main(COMMAND.split()[1:]) == 0
    shown = f"```console\n$ {COMMAND}\n{capsys.readouterr().out}```\n"
    text = README.read_text(encoding="utf-8")
    block = re.compile(r"```console\n\$ " + re.escape(COMMAND) + r"\n.*?```\n", re.DOTALL)
    if request.config.getoption("--update"):
        README.write_text(block.sub(lambda _: shown, text), encoding="utf-8")
        text = README.read_text(encoding="utf-8")
    assert shown in text


def test_the_claim_about_retransmissions(capsys):
    text = README.read_text(encoding="utf-8")
    ours, theirs = re.search(
        r"(\d+) segments of this\s+capture were sent again.*?reports (\d+)", text, re.DOTALL
    ).groups()
    capture = ROOT / COMMAND.split()[-1]
    assert main(["flows", str(capture), "--csv", "--fields", "retransmissions"]) == 0
    rows = csv.reader(capsys.readouterr().out.splitlines()[1:])
    assert sum(int(cell) for row in rows for cell in row) == int(ours)
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed (Debian: tshark)")
    command = ["tshark", "-n", "-r", str(capture), "-Y", "tcp.analysis.retransmission"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    # The claim is about one version; others are close.
    version = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
    assert len(found) == int(theirs) if "4.0." in version.splitlines()[0] else len(found) > 10 * int(ours)


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_python_example_runs(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    exec(compile(example[1], "README.md", "exec"), {})
    assert "192.168.50." in capsys.readouterr().out
