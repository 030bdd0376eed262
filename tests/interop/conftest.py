"""What the comparisons with other tools share.

That this file stands here also puts the folder on the import path: tests below it say `import tshark`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def samples() -> Path:
    """The project's own captures."""
    return CHECKOUT / "samples"


@pytest.fixture(scope="session")
def shared_captures() -> Path:
    """The 880 real and hostile captures beside the checkout; skips where they are absent."""
    folder = CHECKOUT.parent / "shared" / "captures"
    if not folder.is_dir():
        pytest.skip("the shared captures (../shared/captures beside the checkout) are absent")
    return folder
