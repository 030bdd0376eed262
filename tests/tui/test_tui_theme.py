"""Themes: contrast, the colours of tenants, severities."""

import pytest
from rich.style import Style
from textual.app import App
from textual.color import Color

from nvgre_inspect.cli import terminal
from nvgre_inspect.display.colors import TENANT_COLORS, tenant_color
from nvgre_inspect.tui import theme
from nvgre_inspect.tui.theme import PALETTES, THEMES


def contrast(one, other):
    """WCAG 2.1's ratio; written out here, since Textual's is another."""

    def luminance(color):
        parts = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
            for part in (color.r / 255, color.g / 255, color.b / 255)
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    lighter, darker = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("made", [made for made in THEMES if not made.ansi], ids=lambda made: made.name)
def test_every_colour_can_be_read(made):
    palette = PALETTES[made.name]
    colors = [*palette.tenants, *(style.color.name for style in palette.styles.values() if style.color)]
    on_background = [color for color in colors if color not in ("black", "white")]
    for background in (made.background, made.surface):
        assert {color: ratio for color in on_background if (ratio := contrast(color, background)) < 4.5} == {}
    for style in palette.styles.values():
        if style.bgcolor is not None:
            assert contrast(style.color.name, style.bgcolor.name) >= 4.5
    cursor = made.variables
    assert contrast(cursor["block-cursor-foreground"], cursor["block-cursor-background"]) >= 4.5


def test_the_themes_have_the_same_styles_and_all_of_displays():
    assert list(PALETTES) == [made.name for made in THEMES]
    names = [set(palette.styles) for palette in PALETTES.values()]
    assert names[0] == names[1] == names[2]
    assert set(terminal.STYLES) <= names[0]


@pytest.mark.parametrize("name", PALETTES)
def test_tenants_have_colours_of_their_own(name):
    assert len(set(PALETTES[name].tenants)) == len(TENANT_COLORS)
    assert theme.tenant(5001, name) == theme.tenant(5001, name) != theme.tenant(5002, name)
    assert theme.style(tenant_color(5001), name).color.name == theme.tenant(5001, name)
    assert theme.tenant(None, name) not in PALETTES[name].tenants


def test_the_ansi_theme_uses_nothing_but_the_terminals_colours():
    for style in PALETTES["ansi"].styles.values():
        assert all(
            color is None or color.name in ("black", "red", "green", "yellow", "cyan", "default")
            for color in (style.color, style.bgcolor)
        )
    assert THEMES[2].ansi


def test_styles():
    assert theme.style(None, "dark") == Style.null()
    assert theme.style("bad", "dark") != theme.style("bad", "light")
    assert theme.style("bad", "nord") == theme.style("bad", "dark")
    with pytest.raises(KeyError):
        theme.style("blink", "dark")


def test_severities_differ_without_colour():
    symbols = [made.symbol for made in theme.SEVERITIES.values()]
    assert len(set(symbols)) == len(symbols) == 4
    assert theme.severity("unheard") == theme.SEVERITIES["note"]


def test_themes_follow_each_other():
    assert [theme.following(name) for name in ("dark", "light", "ansi", "nord")] == ["light", "ansi", "dark", "dark"]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PALETTES)
async def test_themes_are_installed(name):
    app = App()
    async with app.run_test() as pilot:
        theme.install(app, name)
        await pilot.pause()
        assert app.current_theme.name == name
