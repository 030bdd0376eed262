"""Kernels that are there before a test waits for anything that needs them: compiling takes longer than any patience."""

from __future__ import annotations

from nvgre_inspect.kernels import compiled


def warm_up() -> None:
    """Compile what live capture needs, if nobody has yet."""
    if not compiled.is_warm("decode", "account"):
        from nvgre_inspect.engine.warm import compile_all

        compile_all()
