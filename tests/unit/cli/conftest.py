"""Captures of the project's own, and the command line as a function."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from nvgre_inspect import config
from nvgre_inspect.cli.main import main

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@dataclass
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()


@pytest.fixture(autouse=True)
def _nobodys_configuration(monkeypatch, tmp_path):
    """The developer's own configuration file and terminal have no say in tests."""
    monkeypatch.delenv(config.ENVIRONMENT, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "nobody")


@pytest.fixture
def run(capsys):
    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def sample():
    """Path of a capture in samples/ by name."""
    return lambda name: SAMPLES / name


@pytest.fixture
def overlapping(sample):
    """Two tenants with the same inner addresses and ports."""
    return sample("overlapping-tenants.pcap")
