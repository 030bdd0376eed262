"""MPLS: the label stack (RFC 3032), entropy labels (RFC 6790) and the pseudowire control word (RFC 4385).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------------------------------+-----+-+---------------+
    |                Label                  | TC  |S|      TTL      |  … until S is set
    +---------------------------------------+-----+-+---------------+

    |0 0 0 0| Flags |FRG|  Length   |     Sequence Number           |  control word, first nibble 0
    +-------+-------+---+-----------+-------------------------------+

Nothing says what follows a label stack; as routers do, the first nibble decides (RFC 4928): 4 and 6 IP, 0
a control word and then Ethernet, 1 an associated channel, otherwise Ethernet without a control word.

Limits: at most 16 entries; a pseudowire without control word whose frame begins with a MAC address of
nibble 4 or 6 is taken for IP, as everywhere else; pseudowires of other than Ethernet are taken for
Ethernet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from dissectors import anomalies, offsets
from dissectors.base import Field, FieldSpec, Header

_BOTTOM = 0x100


class Label(NamedTuple):
    """One label stack entry."""

    label: int
    traffic_class: int
    bottom: int
    ttl: int


class MPLS(Header):
    """A whole label stack: `entries` are its 32-bit words, at least one.

    Parsing stops after the entry with the S bit, after 16, or where the bytes end.
    """

    TITLE = "MultiProtocol Label Switching"
    PROTOCOL = "mpls"
    __hdr__ = (("first", "I", _BOTTOM | 64),)
    #: The first entry.
    first: int
    #: The entries behind the first.
    rest: tuple[int, ...] = ()

    def unpack(self, buf: bytes) -> None:
        """Reads entries until the S bit."""
        super().unpack(buf)
        rest: list[int] = []
        word, off = self.first, offsets.MPLS_LEN
        while not word & _BOTTOM and len(rest) + 1 < offsets.MPLS_MAX_LABELS and off + offsets.MPLS_LEN <= len(buf):
            word = int.from_bytes(buf[off : off + offsets.MPLS_LEN], "big")
            rest.append(word)
            off += offsets.MPLS_LEN
        if rest:
            self.rest = tuple(rest)
            self.data = buf[off:]

    def pack_variable(self) -> bytes:
        """The entries behind the first."""
        return struct.pack(f">{len(self.rest)}I", *self.rest)

    @property
    def words(self) -> tuple[int, ...]:
        """All entries as 32-bit numbers."""
        return (self.first, *self.rest)

    @property
    def entries(self) -> list[Label]:
        """All entries, taken apart."""
        return [Label(w >> 12, w >> 9 & 7, w >> 8 & 1, w & 0xFF) for w in self.words]

    def set_entries(self, entries: Iterable[Label]) -> None:
        """Replaces the stack by one or more entries, S bits as given."""
        words = [e.label << 12 | e.traffic_class << 9 | e.bottom << 8 | e.ttl for e in entries]
        self.first, self.rest = words[0], tuple(words[1:])

    @property
    def has_bottom(self) -> bool:
        """Whether the S bit was found."""
        return bool(self.words[-1] & _BOTTOM)

    @property
    def header_len(self) -> int:
        """4 bytes an entry; with one more where the bytes end before the S bit (and fewer than 16 were
        read).
        """
        count = 1 + len(self.rest)
        missing = not self.has_bottom and count < offsets.MPLS_MAX_LABELS
        return offsets.MPLS_LEN * (count + missing)

    @property
    def entropy_label(self) -> int | None:
        """The label behind the first entropy label indicator (ELI, 7), if there is one."""
        labels = [word >> 12 for word in self.words]
        if offsets.MPLS_ELI in labels:
            place = labels.index(offsets.MPLS_ELI) + 1
            if place < len(labels):
                return labels[place]
        return None

    def plain_labels(self) -> list[int]:
        """The labels without entropy label indicators and entropy labels."""
        result, skip = [], False
        for word in self.words:
            label = word >> 12
            if skip:
                skip = False
            elif label == offsets.MPLS_ELI:
                skip = True
            else:
                result.append(label)
        return result

    @property
    def anomalies(self) -> int:
        """No bottom of stack within 16 labels; label 3; an ELI at the bottom."""
        mask = 0
        words = self.words
        if not self.has_bottom and len(words) >= offsets.MPLS_MAX_LABELS:
            mask |= 1 << anomalies.MPLS_NO_BOTTOM
        entropy = False
        for word in words:
            label = word >> 12
            if entropy:
                entropy = False
            elif label == offsets.MPLS_ELI:
                entropy = True
            elif label == offsets.MPLS_IMPLICIT_NULL:
                mask |= 1 << anomalies.MPLS_LABEL_RESERVED
        if entropy and self.has_bottom:
            mask |= 1 << anomalies.MPLS_ENTROPY_INVALID
        return mask

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the S bit of the last entry, and clears all others."""
        words = [word & ~_BOTTOM for word in self.words]
        words[-1] |= _BOTTOM
        self.first, self.rest = words[0], tuple(words[1:])

    def fields(self) -> list[Field]:
        """Four lines an entry."""
        result = []
        for i, entry in enumerate(self.entries):
            start = i * offsets.MPLS_LEN
            result += [
                Field("mpls.label", entry.label, f"MPLS Label: {entry.label}", start, 3),
                Field("mpls.exp", entry.traffic_class, f"Traffic Class: {entry.traffic_class}", start + 2, 1),
                Field("mpls.bottom", entry.bottom, f"Bottom of Label Stack: {entry.bottom}", start + 2, 1),
                Field("mpls.ttl", entry.ttl, f"TTL: {entry.ttl}", start + 3, 1),
            ]
        return result

    def info(self) -> str:
        """As "labels 16/7/90000"."""
        return "labels " + "/".join(str(word >> 12) for word in self.words)


class ControlWord(Header):
    """The control word of an Ethernet pseudowire (RFC 4448 section 4.6)."""

    TITLE = "PW Ethernet Control Word"
    PROTOCOL = "pweth"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        FieldSpec("sequence", "pweth.cw.sequence_number", "Sequence Number", 2, 2),
    )
    __hdr__ = (("_flags", "H", 0), ("sequence", "H", 0))
    __bit_fields__: ClassVar = {"_flags": (("nibble", 4), ("flags", 4), ("fragment", 2), ("length", 6))}
    nibble: int
    flags: int
    fragment: int
    length: int
    sequence: int
