"""Dispatch tables: which UDP port, IP protocol or EtherType announces which encapsulation.

Plain bytes and ints, shared by both decoders: the compiled kernels index the same tables that the walk
reads. Layer kinds are those of `dissectors.encaps`; 0 means that the rules of docs/decoding.md apply.
Tables never change: each change gives a new value.

`-d` on the command line ("decode as", as in tshark) is `DispatchTables.decode_as`; a dissector that a user
adds gets its kind by `DispatchTables.add_user`, and its `FixedHeader` tells the decoders how to read it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Literal, get_args

from dissectors import encaps, offsets

#: Dissectors of this project that need no rules of their own in the walk: "module:NAME" of a sequence of
#: `registry.Dissector`. Named, not imported: most runs need none of the classes.
IN_TREE: tuple[str, ...] = ()
#: Under which installed packages name theirs.
ENTRY_POINT_GROUP: Final = "nvgre_inspect.dissectors"

Next = Literal["ethernet", "ip", "ipv4", "ipv6", "ethertype", "stop"]

#: Number of each `Next` in `FixedHeader.row`.
NEXT_CODES: Final[dict[str, int]] = {name: code for code, name in enumerate(get_args(Next))}

_DEFAULT_PORTS: Final = {
    offsets.PORT_VXLAN: encaps.VXLAN,
    offsets.PORT_VXLAN_LINUX: encaps.VXLAN,
    offsets.PORT_VXLAN_GPE: encaps.VXLAN_GPE,
    offsets.PORT_GENEVE: encaps.GENEVE,
    offsets.PORT_GRE_IN_UDP: encaps.GRE_IN_UDP,
    offsets.PORT_MPLS_IN_UDP: encaps.MPLS_IN_UDP,
    offsets.PORT_ESP_IN_UDP: encaps.ESP,
}

#: Words that `-d udp.port==N,` takes, Wireshark's names among them.
UDP_NAMES: Final[dict[str, int]] = {
    "none": encaps.NONE,
    "vxlan": encaps.VXLAN,
    "vxlan-gpe": encaps.VXLAN_GPE,
    "geneve": encaps.GENEVE,
    "gre-in-udp": encaps.GRE_IN_UDP,
    "gre": encaps.GRE_IN_UDP,
    "mpls-in-udp": encaps.MPLS_IN_UDP,
    "mpls": encaps.MPLS_IN_UDP,
    "esp": encaps.ESP,
    "udpencap": encaps.ESP,
}


@dataclass(frozen=True, slots=True)
class FixedHeader:
    """Fixed-header descriptor: all that a decoder has to know of an encapsulation to look through it.

    Raises ValueError where the parts do not fit together.
    """

    #: Its word in the `encap` and `stack` columns: lower-case letters, digits and hyphens.
    name: str
    #: Bytes from its start to what comes next.
    length: int
    #: What follows it; "ip" is told by the version nibble, "ethertype" by the two bytes at `next_offset`.
    next: Next = "ethernet"
    next_offset: int = -1
    #: Where the id is: `id_length` bytes (1 to 4) at `id_offset` read big-endian, shifted right, then
    #: masked; -1: no id.
    id_offset: int = -1
    id_length: int = 4
    id_shift: int = 0
    id_mask: int = 0xFFFFFFFF

    def __post_init__(self) -> None:
        if not self.name or not all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in self.name):
            raise ValueError(f"name {self.name!r}: lower-case letters, digits and hyphens only")
        if not 1 <= self.length <= 256:
            raise ValueError(f"{self.name}: length {self.length} is not within 1 to 256")
        if self.next not in NEXT_CODES:
            raise ValueError(f"{self.name}: next {self.next!r} is none of {', '.join(NEXT_CODES)}")
        if self.next == "ethertype" and not 0 <= self.next_offset <= self.length - 2:
            raise ValueError(f"{self.name}: the EtherType at {self.next_offset} is not within the header")
        if self.id_offset != -1:
            if not 1 <= self.id_length <= 4:
                raise ValueError(f"{self.name}: id_length {self.id_length} is not within 1 to 4")
            if not 0 <= self.id_offset <= self.length - self.id_length:
                raise ValueError(f"{self.name}: the id at {self.id_offset} is not within the header")
            if not 0 <= self.id_shift < 32 or not 0 < self.id_mask <= 0xFFFFFFFF:
                raise ValueError(f"{self.name}: id_shift or id_mask out of range")

    def id_of(self, header: bytes) -> int | None:
        """The id in the `length` bytes of a header, None where the encapsulation has none."""
        if self.id_offset < 0:
            return None
        raw = int.from_bytes(header[self.id_offset : self.id_offset + self.id_length], "big")
        return raw >> self.id_shift & self.id_mask

    def row(self) -> tuple[int, int, int, int, int, int, int]:
        """(length, id_offset, id_length, id_shift, id_mask, code of next, next_offset), for the kernels."""
        next_code = NEXT_CODES[self.next]
        return (
            self.length,
            self.id_offset,
            self.id_length,
            self.id_shift,
            self.id_mask,
            next_code,
            self.next_offset,
        )


def has_plugins() -> bool:
    """Whether there are dissectors besides the built-in rules and the user's files."""
    from importlib.metadata import entry_points

    return bool(IN_TREE) or bool(entry_points(group=ENTRY_POINT_GROUP))


def _default_udp() -> bytes:
    table = bytearray(0x10000)
    for port, kind in _DEFAULT_PORTS.items():
        table[port] = kind
    return bytes(table)


def _set(table: bytes, numbers: Iterable[int], kind: int, what: str) -> bytes:
    changed = bytearray(table)
    for number in numbers:
        if not 0 <= number < len(changed):
            raise ValueError(f"{what} {number} is not within 0 to {len(changed) - 1}")
        changed[number] = kind
    return bytes(changed)


@dataclass(frozen=True, slots=True)
class DispatchTables:
    """What `-d` and user dissectors can change about decoding."""

    #: 65,536 layer kinds by UDP destination port (`encaps.ESP`: ESP-in-UDP, by source port too).
    udp: bytes = _default_udp()
    #: 256 layer kinds by IP protocol: 0, or a user's.
    ip: bytes = bytes(0x100)
    #: 65,536 layer kinds by EtherType, wherever one announces what comes next: 0, or a user's.
    ethertype: bytes = bytes(0x10000)
    #: User kinds in order: the kind of `user[i]` is `encaps.USER + i`.
    user: tuple[FixedHeader, ...] = ()

    DEFAULT: ClassVar[DispatchTables]

    @property
    def names(self) -> dict[int, str]:
        """Every kind's name, the users' included."""
        return encaps.NAMES | {encaps.USER + i: fixed.name for i, fixed in enumerate(self.user)}

    def fixed(self, kind: int) -> FixedHeader:
        """The descriptor of a user's kind; IndexError for any other."""
        return self.user[kind - encaps.USER]

    def rows(self) -> list[tuple[int, int, int, int, int, int, int]]:
        """`FixedHeader.row` of every user kind, in order."""
        return [fixed.row() for fixed in self.user]

    def add_user(
        self,
        fixed: FixedHeader,
        *,
        udp_ports: Iterable[int] = (),
        ip_protocols: Iterable[int] = (),
        ethertypes: Iterable[int] = (),
    ) -> DispatchTables:
        """These tables with one more user kind.

        Raises ValueError for a name that is taken, numbers out of range, or more kinds than a record can
        hold.
        """
        kind = encaps.USER + len(self.user)
        if kind >= encaps.LIMIT:
            raise ValueError(f"more than {encaps.LIMIT - encaps.USER} user dissectors")
        if fixed.name in self.names.values():
            raise ValueError(f"an encapsulation named {fixed.name!r} exists already")
        return replace(
            self,
            user=(*self.user, fixed),
            udp=_set(self.udp, udp_ports, kind, "UDP port"),
            ip=_set(self.ip, ip_protocols, kind, "IP protocol"),
            ethertype=_set(self.ethertype, ethertypes, kind, "EtherType"),
        )

    def decode_as(self, rule: str) -> DispatchTables:
        """These tables changed by a `-d` rule: `udp.port==8473,vxlan`, a range `udp.port==8472-8479,vxlan`.

        `ip.proto==N,NAME` and `ethertype==N,NAME` take user dissectors. "none" takes a number out of its
        table. Raises ValueError with a message for the user.
        """
        selector, comma, word = rule.partition(",")
        field, equals, numbers = selector.partition("==")
        field, word = field.strip(), word.strip()
        if not comma or not equals:
            raise ValueError(f"decode-as rule {rule!r}: expected something like udp.port==8473,vxlan")
        first, last = _parse_range(numbers, rule)
        user = {fixed.name: encaps.USER + i for i, fixed in enumerate(self.user)}
        if field == "udp.port":
            kind = _lookup(word, UDP_NAMES | user, rule)
            return replace(self, udp=_set(self.udp, range(first, last + 1), kind, "UDP port"))
        known = {"none": encaps.NONE} | user
        if field == "ip.proto":
            table = _set(self.ip, range(first, last + 1), _lookup(word, known, rule), "IP protocol")
            return replace(self, ip=table)
        if field == "ethertype":
            table = _set(self.ethertype, range(first, last + 1), _lookup(word, known, rule), "EtherType")
            return replace(self, ethertype=table)
        raise ValueError(f"decode-as rule {rule!r}: {field!r} is none of udp.port, ip.proto, ethertype")


DispatchTables.DEFAULT = DispatchTables()


def _parse_range(text: str, rule: str) -> tuple[int, int]:
    first, hyphen, last = text.strip().partition("-")
    try:
        low = int(first, 0)
        high = int(last, 0) if hyphen else low
    except ValueError:
        raise ValueError(f"decode-as rule {rule!r}: {text.strip()!r} is not a number") from None
    # The upper bound keeps a range from being larger than any table.
    if not 0 <= low <= high <= 0xFFFF:
        raise ValueError(f"decode-as rule {rule!r}: {text.strip()!r} is not within 0 to 65535")
    return low, high


def _lookup(word: str, known: dict[str, int], rule: str) -> int:
    if word in known:
        return known[word]
    near = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    raise ValueError(f"decode-as rule {rule!r}: no dissector {word!r} here; {hint}")
