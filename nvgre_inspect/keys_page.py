"""The section on keys of docs/tui.md, made from the registry: `python -m nvgre_inspect.keys_page docs/tui.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from nvgre_inspect.actions import ACTIONS, Group
from nvgre_inspect.keys import DEFAULTS, shown

BEGIN = "<!-- made by nvgre_inspect/keys_page.py -->"
END = "<!-- /made -->"


def markdown() -> str:
    """A table of keys per group."""
    parts = [BEGIN]
    for group in Group:
        parts.append(f"\n### {group}\n\n| key | action | |\n|---|---|---|")
        parts += [
            f"| {_keys(name)} | `{name}` | {action.title}: {action.meaning} |"
            for name, action in ACTIONS.items()
            if action.group is group
        ]
    return "\n".join([*parts, "", END])


def _keys(name: str) -> str:
    return " ".join(f"`{_cell(shown(key))}`" for key in DEFAULTS[name])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def section(page: str) -> str:
    """What a page says between the marks, marks included. ValueError if there are none."""
    return page[page.index(BEGIN) : page.index(END) + len(END)]


if __name__ == "__main__":
    path = Path(sys.argv[1])
    text = path.read_text("utf-8")
    path.write_text(text.replace(section(text), markdown()), "utf-8")
