"""Files of keys: TOML tables whose keys are described once, in a registry that reading and documentation follow.

    PORT = Key("port", number(1, 65535), "UDP destination port.")
    problems = []
    values = read_table(document["server"], (PORT,), "server", problems)

Everything that can be told of a file is told at once: readers collect sentences, each of which begins with the path of
a key, items counted from 0 (`subnet[2].address[0].pa`), and says the value and the rule that it breaks. Policies
(`encapsulation.policy_keys`) and scenarios (`traffic.scenario_keys`) are such files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from nvgre_inspect.model.spelling import nearest, unknown_keys

#: From what TOML gave to what the file's dataclass holds: (value, path of its key, sentences about what is wrong so
#: far). None where the value breaks its rule, which adds to the sentences.
Read = Callable[[object, str, list[str]], Any]

#: Characters of a wrong value that a sentence shows.
_SHOWN = 60


class TomlError(ValueError):
    """A file that cannot be used: `problems` has a sentence for each rule broken, which names the key's path."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Value:
    """A kind of value: the rule that it keeps, as in `has to be {rule}`, and how it is read."""

    rule: str
    read: Read
    #: The value as it would stand in the file, where that is not how TOML writes it.
    show: Callable[[Any], str] | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one table."""

    name: str
    value: Value
    meaning: str
    unit: str = ""
    #: The field of the dataclass, where it has another name.
    field: str = ""
    #: Encapsulation kinds for which something else than the default makes sense; empty: all.
    kinds: frozenset[str] = frozenset()
    required: bool = False


def value_of(rule: str, parse: Callable[[Any], Any], show: Callable[[Any], str] | None = None) -> Value:
    """A kind of value; `parse` raises ValueError for what breaks the rule."""

    def read(given: object, path: str, problems: list[str]) -> Any:
        try:
            return parse(given)
        except ValueError:
            problems.append(f"{path}: has to be {rule}, not {shown(given)}")
            return None

    return Value(rule, read, show)


def shown(given: object) -> str:
    """A value in a sentence."""
    text = str(given).lower() if isinstance(given, bool) else repr(given)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def choice(*words: str) -> Value:
    """One of some words."""
    rule = "one of " + ", ".join(f'"{word}"' for word in words)

    def read(given: object, path: str, problems: list[str]) -> str | None:
        if isinstance(given, str) and given in words:
            return given
        near = nearest(given, words) if isinstance(given, str) else None
        hint = f'; did you mean "{near}"?' if near else ""
        problems.append(f"{path}: has to be {rule}, not {shown(given)}{hint}")
        return None

    return Value(rule, read)


def one_of(given: object, words: tuple[str, ...]) -> str:
    """The word. Raises ValueError for anything else."""
    if not isinstance(given, str) or given not in words:
        raise ValueError
    return given


def number(low: int, high: int) -> Value:
    """A whole number within bounds."""
    return value_of(f"a whole number from {low} to {high}", lambda given: between(given, low, high))


def between(given: object, low: int, high: int) -> int:
    """The whole number. Raises ValueError for anything else."""
    if isinstance(given, bool) or not isinstance(given, int) or not low <= given <= high:
        raise ValueError
    return given


def words_or_number(words: tuple[str, ...], low: int, high: int) -> Value:
    """One of some words, or a whole number within bounds."""
    quoted = ", ".join(f'"{word}"' for word in words)
    return value_of(
        f"{quoted} or a whole number from {low} to {high}",
        lambda given: one_of(given, words) if isinstance(given, str) else between(given, low, high),
    )


def _flag(given: object) -> bool:
    if not isinstance(given, bool):
        raise ValueError
    return given


def text(given: object) -> str:
    """The text. Raises ValueError for anything else."""
    if not isinstance(given, str):
        raise ValueError
    return given


FLAG = value_of("true or false", _flag)
TEXT = value_of("a text in quotation marks", text)


def default(kind: type, key: Key) -> Any:
    """What holds without the key in a table that becomes `kind`, a dataclass; None for one that is required, or whose
    absence has a meaning of its own.
    """
    for entry in fields(kind):
        if entry.name == (key.field or key.name):
            if entry.default_factory is not MISSING:
                return entry.default_factory()
            return None if entry.default is MISSING else entry.default
    raise KeyError(key.name)


def loads(data: bytes) -> dict[str, Any]:
    """The document in the bytes of a file. Raises TomlError."""
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise TomlError(["not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise TomlError([f"not valid TOML: {error}"]) from None
    except RecursionError:
        raise TomlError(["not valid TOML: nested too deeply"]) from None


def items(table: Mapping[str, Any], key: str, prefix: str, problems: list[str]) -> Iterator[tuple[object, str]]:
    """The items of an array of tables, each with its path; `prefix` is the path of `table` with its dot."""
    given = table.get(key, [])
    if not isinstance(given, list):
        problems.append(f"{prefix}{key}: has to be a list of tables: [[{key}]], not [{key}]")
        return
    for i, item in enumerate(given):
        yield item, f"{prefix}{key}[{i}]"


def read_table(
    table: object, keys: Iterable[Key], path: str, problems: list[str], inside: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values of a table by field; `inside` are keys that are read by somebody else."""
    if not isinstance(table, dict):
        problems.append(f"{path}: has to be a table")
        return {}
    known = {key.name: key for key in keys}
    problems.extend(unknown_keys(table, (*known, *inside), f"{path}."))
    problems.extend(
        f"{path}.{key.name}: is missing" for key in known.values() if key.required and key.name not in table
    )
    return {
        key.field or key.name: key.value.read(table[key.name], f"{path}.{key.name}", problems)
        for key in known.values()
        if key.name in table
    }


def markdown_table(kind: type, keys: Iterable[Key], show: Callable[[Any], str]) -> str:
    """A table of keys for a page of the documentation; `show` writes the defaults of `kind`, a dataclass, as TOML."""
    rows = ["| key | value | default | meaning |\n|---|---|---|---|\n"]
    names = {entry.name for entry in fields(kind)}
    for key in keys:
        # Some keys become something else than a field: what is computed from them.
        without = default(kind, key) if (key.field or key.name) in names else None
        written = key.value.show or show
        shown_default = "needed" if key.required else f"`{written(without)}`" if _worth_showing(without) else ""
        unit = f", in {key.unit}" if key.unit else ""
        kinds = f" Only for {', '.join(sorted(key.kinds))}." if key.kinds else ""
        rows.append(f"| `{key.name}` | {key.value.rule}{unit} | {shown_default} | {key.meaning}{kinds} |\n")
    return "".join(rows)


def _worth_showing(without: object) -> bool:
    """Not what is simply not there: an empty text, list or table."""
    return bool(without) or (isinstance(without, bool | int | float) and without == 0)
