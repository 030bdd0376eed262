"""CandidateList: the words that may stand where the cursor is, under it, over what is below."""

from __future__ import annotations

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from nvgre_inspect.display.text import cells, escape, fit, pad
from nvgre_inspect.flows.filter.completion import Candidate, Completion

#: Cells that a word may take in the list, and its meaning.
_WORD = 32
_MEANING = 60


class CandidateList(OptionList, can_focus=False):
    """Shown while there is something to choose from. Who owns it says where; keys are the owner's business."""

    DEFAULT_CSS = """
    CandidateList {
        display: none;
        overlay: screen;
        constrain: inside inside;
        width: auto;
        max-width: 100%;
        height: auto;
        max-height: 10;
        padding: 0;
        border: none;
        background: $panel;
        &.-open { display: block; }
        /* Without a background of its own it would not stand out. */
        &:ansi { border: round $border; max-height: 12; }
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._candidates: tuple[Candidate, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.has_class("-open")

    def open(self, completion: Completion, column: int, row: int) -> None:
        """Show the candidates there, counted from where the list stands in its owner, none of them chosen. No
        candidates close it.
        """
        self._candidates = completion.candidates
        self.clear_options()
        width = min(max((cells(escape(one.text)) for one in self._candidates), default=0), _WORD)
        self.add_options(Option(_line(one, width)) for one in self._candidates)
        self.highlighted = None
        self.styles.offset = (max(column - 1, 0), row)  # its words under that column, behind the padding
        self.set_class(bool(self._candidates), "-open")

    def close(self) -> None:
        """Show nothing any more."""
        self.remove_class("-open")

    @property
    def chosen(self) -> Candidate | None:
        """The highlighted candidate."""
        return None if self.highlighted is None or not self.is_open else self._candidates[self.highlighted]

    @property
    def first(self) -> Candidate | None:
        """The highlighted candidate, else the first."""
        return self.chosen or (self._candidates[0] if self.is_open else None)

    def candidate(self, place: int) -> Candidate:
        """The candidate at that place of the list."""
        return self._candidates[place]


def _line(candidate: Candidate, width: int) -> VisualType:
    word = pad(fit(escape(candidate.text), width), width)
    return Content.assemble(word, "  ", (fit(escape(candidate.meaning), _MEANING), "dim"))
