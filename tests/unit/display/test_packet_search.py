"""The next packet that shows a text, from where one stands on and round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nvgre_inspect
from nvgre_inspect.display import packet_search
from nvgre_inspect.display.packet_columns import packet_columns
from nvgre_inspect.display.packet_search import find_packet
from nvgre_inspect.model.names import Names

FABRIC = Path(__file__).resolve().parents[3] / "samples" / "fabric.pcapng"
COLUMNS = packet_columns(Names(), "u", narrow=False)
SHOWN = [COLUMNS["number"], COLUMNS["source"], COLUMNS["info"]]


@pytest.fixture(scope="module")
def pages():
    with nvgre_inspect.open(FABRIC) as session:
        session.read()
        yield session.pages()


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(packet_search, "_FIRST", 3)
    monkeypatch.setattr(packet_search, "_MOST", 11)


@pytest.mark.parametrize("start", [0, 1, 5, 98, 99])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.usefixtures("small_pieces")
def test_the_nearest_row_is_found(pages, start, backwards):
    numbers = np.arange(1, 401, 4)
    rows = pages.page(numbers)
    texts = [" ".join(words).casefold() for words in zip(*(column.texts(rows)[0] for column in SHOWN), strict=True)]
    for text in ("Reply", "10.0.0.1", "9", "who has"):
        hits = [row for row, words in enumerate(texts) if text.casefold() in words]
        order = [row for row in hits if row < start][::-1] + [row for row in hits if row >= start][::-1]
        if not backwards:
            order = [row for row in hits if row > start] + [row for row in hits if row <= start]
        found = find_packet(pages, numbers, SHOWN, text, start, backwards=backwards)
        assert found == (order[0] if order else None), text


def test_a_range_is_a_list_too(pages):
    row = find_packet(pages, range(1, 2300), SHOWN, "2299", 0)
    assert row == 2298
    assert find_packet(pages, range(1, 2300), SHOWN, "2299", 2298) == 2298


def test_nothing_is_found(pages):
    assert find_packet(pages, range(1, 200), SHOWN, "zebra", 10) is None
    assert find_packet(pages, range(0), SHOWN, "zebra", 0) is None


def test_it_can_be_stopped(pages):
    asked = []

    def stop():
        asked.append(True)
        return len(asked) > 2

    assert find_packet(pages, range(1, 2300), SHOWN, "zebra", 0, stop=stop) is None
    assert len(asked) == 3
