"""What all tests of the terminal UI share."""

import pytest

from nvgre_inspect.tui import state_files


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    """No test reads or writes what the person who runs it keeps."""
    folder = tmp_path / "state"
    monkeypatch.setenv(state_files.ENVIRONMENT, str(folder))
    return folder
