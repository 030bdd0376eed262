"""Tenants' packets taken out of a capture by what tshark says of it, counting off headers without our decoder.

`cut` gathers each tenant's inner frames, which can be written as pcaps, so that tshark can follow each tenant's streams
alone. A tenant is the chain of the ids of all virtual networks around the innermost packet; frames are cut at the
outermost of them, as `bytes` are counted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import capture_files
import tshark

from dissectors import offsets
from nvgre_inspect.wireshark import fields, view
from nvgre_inspect.wireshark.differences import STOPS
from nvgre_inspect.wireshark.rows import Row

#: (encapsulation, id) of the virtual networks, outermost first.
Chain = tuple[tuple[str, int], ...]
_LINKTYPE_ETHERNET, _LINKTYPE_RAW = 1, 101
_FIXED = {"eth": 14, "vlan": 4, "ieee8021ad": 4, "sll": 16, "udp": 8, "ipv6": 40, "vxlan": 8, "ethertype": 0, "raw": 0}
#: Bytes of ERSPAN behind GRE with a sequence number, by protocol type.
_ERSPAN = {offsets.ETHERTYPE_ERSPAN2: 8, offsets.ETHERTYPE_ERSPAN3: 12}
_VNI = {"vxlan": "vxlan.vni", "geneve": "geneve.vni"}


@dataclass
class Inner:
    """One inner frame: its captured bytes, its length on the wire, its time."""

    data: bytes
    wire_len: int
    ts_ns: int
    linktype: int


@dataclass
class Tenant:
    frames: list[Inner] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(frame.wire_len for frame in self.frames)

    def write(self, stem: Path) -> list[Path]:
        """A pcap with nanoseconds for each link type: most tenants' frames all begin with Ethernet, or all with IP."""
        written = []
        for linktype in sorted({frame.linktype for frame in self.frames}):
            parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, linktype)]
            for frame in self.frames:
                if frame.linktype == linktype:
                    seconds, nanoseconds = divmod(frame.ts_ns, 1_000_000_000)
                    parts.append(struct.pack("<IIII", seconds, nanoseconds, len(frame.data), frame.wire_len))
                    parts.append(frame.data)
            written.append(stem.with_name(f"{stem.name}-{linktype}.pcap"))
            written[-1].write_bytes(b"".join(parts))
        return written


def cut(path: Path) -> tuple[dict[Chain, Tenant], set[Chain]]:
    """(tenants, chains of tenants with packets whose headers cannot be counted off: fragments, extension headers)."""
    rows = iter(tshark.fields(path, fields.FIELDS, options=fields.OPTIONS))
    tenants: dict[Chain, Tenant] = {}
    unsettled: set[Chain] = set()
    for batch in capture_files.read(path) or []:
        for i in range(len(batch)):
            walk = _Walk(next(rows), batch.frame(i), int(batch.wirelen[i]))
            walk.run()
            if not walk.chain:
                continue
            if not walk.settled:
                unsettled.add(walk.chain)
                continue
            end = max(walk.end - walk.start, 0)
            inner = Inner(walk.frame[walk.start :][:end], end, int(batch.ts_ns[i]), walk.linktype)
            tenants.setdefault(walk.chain, Tenant()).frames.append(inner)
    return tenants, unsettled


class _Walk:
    """Counts the headers of one packet, by the layers that tshark names."""

    def __init__(self, row: Row, frame: bytes, wire_len: int) -> None:
        self.row = row
        self.frame = frame
        self.chain: Chain = ()
        self.settled = True
        #: Where the tenant's frame starts and ends.
        self.start = 0
        self.end = wire_len
        self.linktype = _LINKTYPE_ETHERNET
        self._at = 0
        self._used: dict[str, int] = {}

    def run(self) -> None:
        layers = view.layers(self.row, STOPS)
        for place, layer in enumerate(layers):
            following = layers[place + 1] if place + 1 < len(layers) else ""
            if layer == "gre":
                self._gre(layers[place - 1], following)
            elif layer in _VNI:
                if layer == "geneve" and not self.chain and len(self.frame) > self._at:
                    self._at += 8 + 4 * (self.frame[self._at] & 0x3F)
                else:
                    self._at += _FIXED["vxlan"]
                ids = self._values(_VNI[layer])
                if ids is not None:
                    self._enter(layer, ids, following)
            elif layer == "ip":
                self._ip("ip.len", self._values("ip.hdr_len") or 0, 0)
            elif layer == "ipv6":
                self._ip("ipv6.plen", _FIXED["ipv6"], _FIXED["ipv6"])
            elif layer in _FIXED:
                self._at += _FIXED[layer]
            elif layer != "erspan" and not self.chain:
                self.settled = False
        if any(value != "0" for name in ("ip.flags.mf", "ip.frag_offset") for value in self.row[name]):
            self.settled = False

    def _ip(self, length_field: str, header: int, outside: int) -> None:
        length = self._values(length_field)
        if length and not self.chain:
            self.end = min(self.end, self._at + length + outside)
        self._at += header

    def _gre(self, before: str, following: str) -> None:
        flags, protocol = self._values("gre.flags_and_version") or 0, self._values("gre.proto") or 0
        bits = (offsets.GRE_C, offsets.GRE_K, offsets.GRE_S)
        self._at += 4 + 4 * sum(bool(flags & bit) for bit in bits)
        if protocol in _ERSPAN:
            self._at += _ERSPAN[protocol] if flags & offsets.GRE_S else 0
        key = self._values("gre.key") if flags & offsets.GRE_K and not flags & offsets.GRE_VERSION_MASK else None
        if key is None or protocol in _ERSPAN:
            return
        if before == "udp":
            self._enter("gre-in-udp", key, following)
        elif protocol != offsets.ETHERTYPE_TEB:
            self._enter("gre", key, following)
        elif key >> 8 >= offsets.NVGRE_MIN_VSID:
            self._enter("nvgre", key >> 8, following)
        else:
            self._enter("gretap", key, following)

    def _enter(self, encap: str, ident: int, following: str) -> None:
        if not self.chain:
            self.start = self._at
            self.linktype = _LINKTYPE_ETHERNET if following in ("eth", "") else _LINKTYPE_RAW
        self.chain = (*self.chain, (encap, ident))

    def _values(self, name: str) -> int | None:
        """The next value of a field."""
        place = self._used.get(name, 0)
        self._used[name] = place + 1
        values = self.row[name]
        return int(values[place], 0) if place < len(values) else None
