"""Registry: which number announces which class, and how a new protocol, also a user's, gets in.

A `Dissector` ties a `Header` class to EtherTypes, IP protocols and ports. It always shows in packet trees;
with a `FixedHeader` it is an encapsulation of its own, with a name in the `encap` column, that both
decoders look through (docs/adding-a-protocol.md). They come from three places, later ones win:

- `dispatch.IN_TREE`: protocols that are part of this project;
- installed packages, by entry points of the group `nvgre_inspect.dissectors`;
- files named on the command line (`--dissector FILE`), whose `DISSECTORS` is a sequence of `Dissector`.

Loading a dissector runs its code, as importing any module does.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from dissectors import dispatch, encaps, offsets, routing
from dissectors.base import Header
from dissectors.dispatch import DispatchTables, FixedHeader
from dissectors.igmp import IGMP
from dissectors.walk_core import Leaves


class DissectorError(ValueError):
    """A dissector that cannot be used; the text is one line for the user."""


@dataclass(frozen=True, slots=True)
class Dissector:
    """A header class and the numbers that announce it. Raises DissectorError where the parts do not fit
    together.
    """

    header: type[Header]
    ethertypes: Sequence[int] = ()
    ip_protocols: Sequence[int] = ()
    udp_ports: Sequence[int] = ()
    #: Only for packet trees: nothing that rides on TCP is looked through.
    tcp_ports: Sequence[int] = ()
    #: Makes it an encapsulation that flow tables know; without, what follows the header is not decoded.
    fixed: FixedHeader | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.header, type) and issubclass(self.header, Header)):
            raise DissectorError(f"{self.header!r} is not a class derived from dissectors.base.Header")
        numbers = (*self.ethertypes, *self.ip_protocols, *self.udp_ports, *self.tcp_ports)
        if self.fixed is None:
            if not numbers:
                raise DissectorError(f"{self.name}: neither numbers that announce it nor a fixed header")
        elif self.tcp_ports:
            raise DissectorError(f"{self.name}: an encapsulation in TCP cannot be looked through")
        elif self.header.__hdr_len__ > self.fixed.length:
            message = f"class has {self.header.__hdr_len__} bytes, its fixed header {self.fixed.length}"
            raise DissectorError(f"{self.name}: {message}")

    @property
    def name(self) -> str:
        """The encapsulation's, else the class's."""
        return self.fixed.name if self.fixed else self.header.__name__


_LEAVES = Leaves(
    ethertype=routing.ETHERTYPES,
    ip={offsets.IPPROTO_IGMP: IGMP, **routing.IP_PROTOCOLS},
    tcp=routing.TCP_PORTS,
    udp=routing.UDP_PORTS,
    gre=routing.GRE_TYPES,
)


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that can announce what comes next, ready for `stack.dissect` and, as `tables`, for the
    decoders.
    """

    tables: DispatchTables = DispatchTables.DEFAULT
    leaves: Leaves = _LEAVES

    def add(self, dissector: Dissector) -> Registry:
        """This registry with one more dissector; DissectorError where it does not fit in."""
        leaves, fixed = self.leaves, dissector.fixed
        if fixed is not None:
            try:
                tables = self.tables.add_user(
                    fixed,
                    udp_ports=dissector.udp_ports,
                    ip_protocols=dissector.ip_protocols,
                    ethertypes=dissector.ethertypes,
                )
            except ValueError as error:
                raise DissectorError(str(error)) from None
            kind = encaps.USER + len(self.tables.user)
            user = {**leaves.user, kind: dissector.header}
            return Registry(tables, Leaves(leaves.ethertype, leaves.ip, leaves.tcp, leaves.udp, leaves.gre, user))

        def more(known: Mapping[int, type[Header]], numbers: Iterable[int]) -> dict[int, type[Header]]:
            return {**known, **dict.fromkeys(numbers, dissector.header)}

        return Registry(
            self.tables,
            Leaves(
                more(leaves.ethertype, dissector.ethertypes),
                more(leaves.ip, dissector.ip_protocols),
                more(leaves.tcp, dissector.tcp_ports),
                more(leaves.udp, dissector.udp_ports),
                leaves.gre,
                leaves.user,
            ),
        )


def build(files: Iterable[str | Path] = (), decode_as: Iterable[str] = (), *, entry_points: bool = True) -> Registry:
    """The registry for one session.

    `files` are the `--dissector` arguments, `decode_as` the `-d` rules, applied last. Raises
    DissectorError (a ValueError) for a dissector, ValueError for a rule; both with one line for the user.
    """
    registry = Registry()
    dissectors = load_in_tree()
    if entry_points:
        dissectors += load_entry_points()
    for file in files:
        dissectors += load_file(file)
    for dissector in dissectors:
        registry = registry.add(dissector)
    tables = registry.tables
    for rule in decode_as:
        tables = tables.decode_as(rule)
    return Registry(tables, registry.leaves)


def load_in_tree() -> list[Dissector]:
    """The dissectors that `dispatch.IN_TREE` names."""
    result: list[Dissector] = []
    for name in dispatch.IN_TREE:
        module, _, attribute = name.partition(":")
        result += _checked(getattr(importlib.import_module(module), attribute), name)
    return result


def load_entry_points() -> list[Dissector]:
    """The dissectors of installed packages: each entry point is a Dissector or a sequence of them."""
    # Imported here, because it takes 20 ms, which a Registry without plug-ins should not cost.
    import importlib.metadata

    result: list[Dissector] = []
    for point in importlib.metadata.entry_points(group=dispatch.ENTRY_POINT_GROUP):
        try:
            loaded = point.load()
        except _MISTAKES as error:
            raise DissectorError(f"installed dissector {point.name}: {_reason(error)}") from error
        result += _checked(loaded, f"installed dissector {point.name}")
    return result


def load_file(path: str | Path) -> list[Dissector]:
    """The dissectors of a Python file: what it calls `DISSECTORS`."""
    module = _import_file(Path(path))
    if not hasattr(module, "DISSECTORS"):
        raise DissectorError(f"{path}: does not define DISSECTORS")
    return _checked(module.DISSECTORS, str(path))


def _import_file(path: Path) -> ModuleType:
    import importlib.util

    if not path.exists():
        raise DissectorError(f"{path}: no such file")
    # A name of its own, so that a file called struct.py does not become the module struct.
    spec = importlib.util.spec_from_file_location(f"nvgre_inspect_dissector_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DissectorError(f"{path}: not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except _MISTAKES as error:
        raise DissectorError(f"{path}: {_reason(error)}") from error
    return module


#: What a module may raise while it is imported, apart from what is meant to end the process.
_MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def _reason(error: BaseException) -> str:
    first = str(error).splitlines()
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__


def _checked(loaded: object, where: str) -> list[Dissector]:
    found = [loaded] if isinstance(loaded, Dissector) else loaded
    if not isinstance(found, list | tuple) or not found:
        raise DissectorError(f"{where}: expected a sequence of Dissector")
    result = []
    for entry in found:
        if not isinstance(entry, Dissector):
            raise DissectorError(f"{where}: {entry!r} is not a Dissector")
        result.append(entry)
    return result
