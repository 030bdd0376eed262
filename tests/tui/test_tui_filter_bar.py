"""The filter bar: what is typed, checked, completed, applied, and remembered."""

from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.widgets import Input

from nvgre_inspect.flows.filter.present import Value
from nvgre_inspect.keys import remapped
from nvgre_inspect.tui.history import History
from nvgre_inspect.tui.keymap import KeyedApp
from nvgre_inspect.tui.theme import install
from nvgre_inspect.tui.widgets.candidates import CandidateList
from nvgre_inspect.tui.widgets.filter_bar import FilterBar

pytestmark = pytest.mark.asyncio

VALUES = {
    "vsid": (Value("5001", "nvgre blue (6 flows)", "nvgre"), Value("7001", "vxlan", "vxlan")),
    "state": (Value("established"), Value("[red]\x1b[31m")),
}


class Small(KeyedApp):
    def __init__(self, keys=None, history=None):
        super().__init__(keys)
        self.bar = FilterBar("flows", history)
        self.posted = []

    def compose(self) -> ComposeResult:
        yield self.bar
        yield Input(id="elsewhere")

    def on_mount(self):
        install(self, "dark")
        self.bar.values = VALUES
        self.bar.take_focus()

    def on_filter_bar_edited(self, message):
        self.posted.append(("edited", message.text, message.filter is not None))

    def on_filter_bar_applied(self, message):
        self.posted.append(("applied", message.text, message.filter is not None))

    def on_filter_bar_left(self, message):
        self.posted.append(("left",))

    def on_filter_bar_said(self, message):
        self.posted.append(("said", message.sentence))

    def on_filter_bar_values_wanted(self, message):
        self.posted.append(("values",))

    @property
    def line(self):
        return self.bar.query_one("#filter-line", Input)

    @property
    def words(self):
        return self.bar.query_one(CandidateList)

    def shown(self, name):
        return str(self.bar.query_one(f"#filter-{name}").content)


async def ready(app, pilot, text="", *presses):
    """The app at rest, with that text in the line as if typed (the pilot's keys take 60 ms each), and keys pressed."""
    await app.workers.wait_for_complete()
    app.line.insert_text_at_cursor(text)
    await pilot.pause()
    await pilot.press(*presses)
    await pilot.pause()


async def test_a_filter_is_typed_and_applied():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "vsid == 5001", "enter")
        assert app.posted[0] == ("values",)
        assert app.posted[-3:] == [
            ("edited", "vsid == 5001", True),
            ("applied", "vsid == 5001", True),
            ("left",),
        ]
        assert app.bar.has_class("-valid")
        assert app.bar.applied == "vsid == 5001"


async def test_what_is_valid_says_how_to_apply_it():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "tcp")
        assert app.shown("matches") == "✓ Enter applies"
        app.bar.show_matches("tcp", 1234, 5678)
        assert app.shown("matches") == "✓ 1,234 of 5,678"
        assert app.bar.has_class("-valid")


async def test_an_error_has_a_caret_and_a_sentence():
    app = Small()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "vsid == 50x1")
        assert app.bar.has_class("-invalid")
        caret, *sentence = app.shown("error").split("\n")
        assert caret == " " * (len(" Filter ") + len("vsid == ")) + "^~~~"
        assert sentence == [" 50x1 is not a whole number (decimal, 0x hexadecimal, 0 octal or 0b binary)"]
        assert app.bar.query_one("#filter-error").display
        await pilot.press("enter")
        assert ("left",) not in app.posted
        assert not any(posted[0] == "applied" for posted in app.posted)


async def test_the_caret_of_a_line_that_is_longer_than_the_screen_stays_on_it():
    app = Small()
    async with app.run_test(size=(40, 12)) as pilot:
        await ready(app, pilot, "xsid == 1 and " + "tcp and " * 8 + "udp")
        caret = app.shown("error").split("\n")[0]
        assert caret.lstrip().startswith("^")
        assert len(" Filter ") <= caret.index("^") < 40
        assert len(caret) <= 40


async def test_nothing_passes():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "vsid == 1")
        app.bar.show_matches("vsid == 1", 0, 99)
        assert app.bar.has_class("-nothing")
        assert app.shown("matches") == "∅ 0 of 99, Esc clears"
        # What comes for another text is too late.
        app.bar.show_matches("vsid == 2", 5, 99)
        assert app.bar.has_class("-nothing")
        await pilot.press("escape")
        assert app.posted[-1] == ("applied", "", False)
        assert app.line.value == ""
        assert not any(app.bar.has_class(state) for state in ("-valid", "-invalid", "-nothing"))
        await pilot.press("escape")
        assert app.posted[-1] == ("left",)


async def test_words_are_completed():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot)
        await pilot.press("v", "s")
        assert app.words.is_open
        await pilot.press("tab")
        assert app.line.value == "vsid "
        await pilot.press("tab", "down", "down", "enter")
        assert app.line.value == "vsid == 7001 "
        assert app.line.cursor_position == len("vsid == 7001 ")
        assert app.bar.has_class("-valid")
        # Nothing is chosen in the list that is open now: Enter applies.
        assert app.words.is_open
        await pilot.press("enter")
        assert app.posted[-2:] == [("applied", "vsid == 7001", True), ("left",)]
        assert not app.words.is_open


async def test_up_and_down_go_through_the_list_and_round():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "vsid == ")
        await pilot.press("down")
        assert app.words.chosen.text == "5001"
        await pilot.press("down", "down")
        assert app.words.chosen.text == "5001"
        await pilot.press("up")
        assert app.words.chosen.text == "7001"


async def test_escape_closes_the_list_first():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "vsid ", "escape")
        assert not app.words.is_open
        assert app.line.value == "vsid "


async def test_tab_on_an_empty_line_shows_what_there_is():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "", "tab")
        assert app.words.is_open
        await pilot.press("tab")
        assert app.line.value == "flow "


async def test_tab_with_nothing_to_offer_goes_on():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "flow == 1", "tab")
        assert app.focused.id == "elsewhere"
        assert not app.words.is_open


async def test_a_click_takes_a_word():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "vsid == ")
        assert await pilot.click(CandidateList, offset=(3, 1))
        await pilot.pause()
        assert app.line.value == "vsid == 7001 "
        assert app.focused is app.line


async def test_texts_of_the_capture_are_escaped_in_the_list_and_in_the_line():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, 'state == "[')
        shown = app.words.get_option_at_index(0).prompt.plain
        assert shown.startswith(r'"[red]\x1b[31m"')
        await pilot.press("tab")
        assert app.line.value == r'state == "[red]\x1b[31m" '
        assert app.bar.has_class("-valid")


async def test_control_characters_cannot_be_typed_or_pasted():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot)
        app.line.insert_text_at_cursor("tcp\x1b[31m")
        assert app.line.value == ""


async def test_history():
    history = History()
    app = Small(history=history)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        for text in ("vsid == 5001", "tcp", "udp"):
            app.bar.show_applied("")
            await ready(app, pilot, text)
            app.words.close()
            await pilot.press("enter")
        await app.workers.wait_for_complete()
        app.bar.show_applied("")
        await ready(app, pilot, "arp")
        app.words.close()
        seen = []
        for key in ("up", "up", "up", "up", "down", "down", "down", "down"):
            await pilot.press(key)
            seen.append(app.line.value)
        assert seen == ["udp", "tcp", "vsid == 5001", "vsid == 5001", "tcp", "udp", "arp", "arp"]
        await pilot.press("up")
        assert app.bar.has_class("-valid")
        assert app.posted[-1] == ("edited", "udp", True)
    again = History()
    again.load()
    assert again.entries == ["vsid == 5001", "tcp", "udp"]


async def test_a_history_that_cannot_be_kept_is_said_once(tmp_path):
    path = Path(tmp_path, "file", "filters")
    path.parent.write_text("")
    app = Small(history=History(path))
    async with app.run_test() as pilot:
        await ready(app, pilot, "tcp", "escape", "enter", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
    said = [posted[1] for posted in app.posted if posted[0] == "said"]
    assert len([sentence for sentence in said if "cannot be kept" in sentence]) == 1
    assert len(said) == len(set(said))


async def test_a_filter_applied_in_another_way_is_shown():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot)
        app.bar.show_applied("encap == nvgre")
        assert app.line.value == app.bar.text == app.bar.applied == "encap == nvgre"
        assert app.shown("matches") == "✓"
        assert not app.words.is_open
        await pilot.pause()
        assert not any(posted[0] == "edited" for posted in app.posted)


async def test_keys_can_be_remapped():
    app = Small(remapped({"filter_complete": "ctrl+n", "filter_apply": "ctrl+j", "filter_leave": "ctrl+g"}))
    async with app.run_test() as pilot:
        await ready(app, pilot, "vs", "ctrl+n", "escape", "enter")
        assert app.line.value == "vsid "
        assert app.words.is_open
        await pilot.press("ctrl+g", "ctrl+j")
        assert app.posted[-2:] == [("applied", "vsid", True), ("left",)]
        await pilot.press("x")
        app.bar.show_matches("x", 0, 1)
        assert app.shown("matches") == "✗"


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "a" * 5_000, "((((", '"', "é", "vsid == 日本 and x"])
async def test_whatever_is_typed(text):
    app = Small()
    async with app.run_test(size=(20, 6)) as pilot:
        await ready(app, pilot)
        app.line.insert_text_at_cursor(text)
        await pilot.pause()
        assert app.line.value == text
        assert app.bar.has_class("-invalid")
