from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[4] / "shared" / "captures"


@pytest.fixture(params=[False, True], ids=["python", "compiled"])
def compiled(request: pytest.FixtureRequest) -> bool:
    """Both walks."""
    return request.param


@pytest.fixture
def write(tmp_path: Path):
    """Write bytes to a file of the test's own."""

    def write_bytes(data: bytes, name: str = "capture.bin") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write_bytes


@pytest.fixture(scope="session")
def shared_captures() -> list[Path]:
    """Real and hostile captures beside the checkout."""
    files = sorted(p for p in SHARED.glob("*/*") if p.suffix in {".pcap", ".pcapng", ".gz"})
    if not files:
        pytest.skip("no captures beside the checkout (../shared/captures)")
    return files
