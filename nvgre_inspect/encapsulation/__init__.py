"""The reference encapsulator: headers on, headers off, and from one encapsulation to another (docs/encapsulation.md).

    from nvgre_inspect.encapsulation import Decapsulator, Encapsulator, Translator, load

    outer = Encapsulator(load("policy.toml")).encapsulate(frame).frames
    inner = Decapsulator().decapsulate(outer[0]).frame

Single frames as bytes. Nothing is imported before it is asked for: policies and dissectors cost commands that do
without them nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nvgre_inspect.encapsulation.decapsulator import Decapsulated, Decapsulator
    from nvgre_inspect.encapsulation.encapsulator import Encapsulated, Encapsulator
    from nvgre_inspect.encapsulation.origin import Origin
    from nvgre_inspect.encapsulation.policy import Encapsulation, Entry, Host, Policy, PolicyError, Subnet
    from nvgre_inspect.encapsulation.policy_file import dump, load, parse
    from nvgre_inspect.encapsulation.translator import Translated, Translator

_MODULES = {
    "decapsulator": ("Decapsulated", "Decapsulator"),
    "encapsulator": ("Encapsulated", "Encapsulator"),
    "origin": ("Origin",),
    "policy": ("Encapsulation", "Entry", "Host", "Policy", "PolicyError", "Subnet"),
    "policy_file": ("dump", "load", "parse"),
    "translator": ("Translated", "Translator"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Decapsulated",
    "Decapsulator",
    "Encapsulated",
    "Encapsulation",
    "Encapsulator",
    "Entry",
    "Host",
    "Origin",
    "Policy",
    "PolicyError",
    "Subnet",
    "Translated",
    "Translator",
    "dump",
    "load",
    "parse",
]


def __getattr__(name: str) -> Any:
    """The name from the module where it lives (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
