"""What all tests of the terminal UI share."""

import pytest

from nvgre_inspect.tui import state_files
from tests.tui import waiting


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    """No test reads or writes what the person who runs it keeps."""
    folder = tmp_path / "state"
    monkeypatch.setenv(state_files.ENVIRONMENT, str(folder))
    return folder


@pytest.fixture(autouse=True)
def _pilots_wait_for_messages(monkeypatch):
    """And not for the clock."""
    for module in ("app", "pilot"):
        monkeypatch.setattr(f"textual.{module}.wait_for_idle", waiting.until_idle)
