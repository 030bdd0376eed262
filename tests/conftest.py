"""Options of the whole suite, and how often Python looks for garbage in it."""

import gc

import pytest

#: Allocations between two looks at new objects. Python's own number, 700, is for programs that are smaller.
_ALLOCATIONS = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write what golden tests see as what they expect")


def pytest_collection_finish() -> None:
    """What was imported and collected stays: looking through it again and again took a fifth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 10, 10)
