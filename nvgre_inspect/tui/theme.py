"""Themes: dark (the default), light, and ansi, which keeps to the terminal's own sixteen colours.

What `display` calls a style ("dim", "bad", "36") is a colour of each theme here, with at least 4.5:1 of contrast on its
background (WCAG 2.1, 1.4.3). Severity is a symbol as well as a colour: not everybody sees red.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rich.style import Style
from textual.app import App
from textual.theme import BUILTIN_THEMES, Theme

from nvgre_inspect.display.colors import TENANT_COLORS, tenant_color


@dataclass(frozen=True, slots=True)
class Palette:
    """One theme's colours, as Rich writes them, for what is not styled by CSS: cells, plots, trees, bytes."""

    #: One per entry of `display.colors.TENANT_COLORS`.
    tenants: tuple[str, ...]
    #: `display`'s names of styles, and those of the terminal UI alone.
    styles: dict[str, Style]


def _palette(
    tenants: tuple[str, ...], *, note: str, bad: str, good: str, accent: str, faint: str, marked: str
) -> Palette:
    return Palette(
        tenants,
        {
            "heading": Style(bold=True),
            "title": Style(color=accent, bold=True),
            "dim": Style(color=faint),
            "note": Style(color=note),
            "bad": Style(color=bad, bold=True),
            "good": Style(color=good),
            "accent": Style(color=accent),
            # Headers of the underlay step back behind those of the tenant.
            "outer": Style(color=faint),
            "inner": Style(bold=True),
            # The bytes of the layer, and the layer of the bytes, that the cursor is on.
            "highlight": Style(color="black", bgcolor=accent),
            "match": Style(color="black", bgcolor=note),
            "marked": Style(color=marked, bold=True),
        },
    )


PALETTES: dict[str, Palette] = {
    "dark": _palette(
        ("#4ec9d4", "#d78fe0", "#7aa2f7", "#8be9c8", "#ff9ecb", "#b4a5ff", "#b5d96a"),
        note="#e5c07b",
        bad="#ff7b72",
        good="#7ccf7c",
        accent="#56c7d6",
        faint="#8593a3",
        marked="#ffd866",
    ),
    "light": _palette(
        ("#00646e", "#8f2a9c", "#1f4fb8", "#006b52", "#a81f67", "#6240bd", "#4a6300"),
        note="#7a5200",
        bad="#b3151f",
        good="#1d6b2a",
        accent="#00646e",
        faint="#5b6670",
        marked="#7a3d00",
    ),
    "ansi": _palette(
        ("cyan", "magenta", "blue", "bright_cyan", "bright_magenta", "bright_blue", "bright_green"),
        note="yellow",
        bad="red",
        good="green",
        accent="cyan",
        faint="default",
        marked="yellow",
    ),
}
# Of sixteen colours none is a fainter default; the terminal's own faintness is.
PALETTES["ansi"].styles.update(dim=Style(dim=True), outer=Style(dim=True), highlight=Style(reverse=True))

#: Highlight and match are dark text on a light colour; in the light theme it is the other way round.
PALETTES["light"].styles.update(
    highlight=Style(color="white", bgcolor="#00646e"), match=Style(color="white", bgcolor="#7a5200")
)

THEMES: tuple[Theme, ...] = (
    Theme(
        name="dark",
        primary="#5fb3d9",
        secondary="#8fa3b8",
        warning="#e5c07b",
        error="#ff7b72",
        success="#7ccf7c",
        accent="#56c7d6",
        foreground="#d6dde6",
        background="#10151b",
        surface="#161d25",
        panel="#1f2933",
        dark=True,
        variables={
            "block-cursor-background": "#2b5d78",
            "block-cursor-foreground": "#ffffff",
            "block-cursor-text-style": "none",
            "footer-key-foreground": "#56c7d6",
            "border": "#3c5468",
            "border-blurred": "#2a3947",
        },
    ),
    Theme(
        name="light",
        primary="#1f5f8b",
        secondary="#4f6272",
        warning="#7a5200",
        error="#b3151f",
        success="#1d6b2a",
        accent="#00646e",
        foreground="#1b232b",
        background="#fbfcfd",
        surface="#f1f4f6",
        panel="#e3e9ee",
        dark=False,
        variables={
            "block-cursor-background": "#1f5f8b",
            "block-cursor-foreground": "#ffffff",
            "block-cursor-text-style": "none",
            "footer-key-foreground": "#00646e",
            "border": "#8fa6b8",
            "border-blurred": "#c9d4dd",
        },
    ),
    replace(
        BUILTIN_THEMES["ansi-dark"],
        name="ansi",
        accent="ansi_cyan",
        variables=BUILTIN_THEMES["ansi-dark"].variables
        | {
            "block-cursor-foreground": "ansi_black",
            "block-cursor-background": "ansi_cyan",
            "footer-key-foreground": "ansi_cyan",
            "border": "ansi_cyan",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Severity:
    """How a severity is shown."""

    symbol: str
    style: str


SEVERITIES: dict[str, Severity] = {
    "critical": Severity("✖", "bad"),
    "error": Severity("✗", "bad"),
    "warning": Severity("▲", "note"),
    "note": Severity("●", "dim"),
}


def install(app: App[Any], name: str) -> None:
    """Give the app the three themes, and show the one of that name."""
    for theme in THEMES:
        app.register_theme(theme)
    app.theme = name


def following(name: str) -> str:
    """The theme after that one, round and round."""
    names = list(PALETTES)
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


def style(name: str | None, theme: str) -> Style:
    """Rich's style for a style of `display`: a name, or the SGR parameters of a tenant's colour; None: plain.

    Themes that are not ours (Textual's palette offers them) take the colours of the dark one.
    """
    palette = PALETTES.get(theme, PALETTES["dark"])
    if name is None:
        return Style.null()
    if name in TENANT_COLORS:
        return Style(color=palette.tenants[TENANT_COLORS.index(name)])
    return palette.styles[name]


def color(name: str | None, theme: str) -> str:
    """The colour of such a style alone, as Rich writes it: for plots."""
    shown = style(name, theme)
    return shown.color.name if shown.color is not None else "default"


def tenant(vsid: int | None, theme: str) -> str:
    """The colour of a tenant, the same as in its tables; without a vsid that of what is dimmed."""
    return color("dim" if vsid is None else tenant_color(vsid), theme)


def severity(name: str) -> Severity:
    """How that severity is shown; unknown ones as a note."""
    return SEVERITIES.get(name, SEVERITIES["note"])
