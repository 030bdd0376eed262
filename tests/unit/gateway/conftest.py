"""Puts this folder on the import path, and what the tests of a gateway share."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[4, 6])
def version(request: pytest.FixtureRequest) -> int:
    """IP version of the underlay."""
    return request.param
