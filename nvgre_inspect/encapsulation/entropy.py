"""FlowID and UDP source port: a hash of the tenant's flow (RFC 7637 section 3.2, RFC 7348 section 5).

The same for every packet of one direction of a flow, its fragments among them, and the same on every machine: no seed.
The values that are hashed are listed in docs/encapsulation.md.

Limits: fragments find their first among the 4,096 newest; one that comes before its first hashes without ports.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from dissectors import offsets
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.ipv6_extension import FragmentHeader
from nvgre_inspect.encapsulation.inner_frame import InnerFrame

SEED = 0x6E76677265  # "nvgre"
MULTIPLIER = 0x5851F42D4C957F2D
_MODULUS_MASK = (1 << 63) - 1
#: Dynamic ports, as RFC 7348 section 5 recommends.
FIRST_PORT = 0xC000
PORT_MASK = 0x3FFF
#: First fragments whose hash is remembered.
REMEMBERED = 4096
WITH_PORTS = frozenset(
    {
        offsets.IPPROTO_TCP,
        offsets.IPPROTO_UDP,
        offsets.IPPROTO_DCCP,
        offsets.IPPROTO_SCTP,
        offsets.IPPROTO_UDPLITE,
    }
)
#: Identifier, IP version, source, destination, protocol (IPv6: 0, its fragments need not agree), identification.
_FragmentKey = tuple[int | None, int, bytes, bytes, int, int]


def mix(values: Iterable[int]) -> int:
    """The hash of values of at most 32 bits each: 32 bits."""
    result = SEED
    for value in values:
        result = (result ^ value) * MULTIPLIER & _MODULUS_MASK
        result ^= result >> 32
    return result & 0xFFFFFFFF


def flow_id(hash_: int, rule: Literal["hash", "zero"] | int) -> int:
    """The FlowID that the policy's rule makes of a hash; never 0 by "hash", for that means none was generated."""
    if rule == "hash":
        return 1 + hash_ % 255
    return 0 if rule == "zero" else rule


def source_port(hash_: int) -> int:
    """The UDP source port of a hash: 49152 to 65535."""
    return FIRST_PORT + (hash_ & PORT_MASK)


class FlowHash:
    """Hashes of a stream of frames, in their order, with the memory of first fragments."""

    def __init__(self) -> None:
        self._firsts: dict[_FragmentKey, int] = {}

    def of(self, vsid: int | None, frame: InnerFrame) -> int:
        """The hash of a frame in the virtual subnet `vsid`: 32 bits."""
        ip = frame.ip
        if ip is None:
            ethertype = frame.ethertype if frame.ethertype >= offsets.ETHERTYPE_MIN else 0
            return mix((0, ethertype, *_mac_words(frame.src_mac), *_mac_words(frame.dst_mac)))
        fragment = _fragment(ip)
        if fragment is None:
            return _hash_ip(ip, _ports(frame, ip))
        ident, later = fragment
        key = (vsid, ip.version, ip.src, ip.dst, ip.protocol if ip.version == 4 else 0, ident)
        if later:
            known = self._firsts.get(key)
            return _hash_ip(ip, (0, 0)) if known is None else known
        result = _hash_ip(ip, _ports(frame, ip))
        self._firsts.pop(key, None)  # so that it becomes the newest
        self._firsts[key] = result
        if len(self._firsts) > REMEMBERED:
            del self._firsts[next(iter(self._firsts))]
        return result


def _hash_ip(ip: IPv4 | IPv6, ports: tuple[int, int]) -> int:
    return mix((ip.version, ip.protocol, *_address_words(ip.src), *_address_words(ip.dst), *ports))


def _address_words(address: bytes) -> list[int]:
    """Four words; those of IPv4 are three zeros and the address."""
    padded = address.rjust(16, b"\0")
    return [int.from_bytes(padded[i : i + 4], "big") for i in range(0, 16, 4)]


def _mac_words(mac: bytes) -> tuple[int, int]:
    return int.from_bytes(mac[:2], "big"), int.from_bytes(mac[2:], "big")


def _ports(frame: InnerFrame, ip: IPv4 | IPv6) -> tuple[int, int]:
    """Source and destination port where the protocol has them and they are there, else zeros."""
    start = frame.payload + ip.header_len
    ports = frame.data[start : min(start + 4, frame.ip_end)]
    if ip.protocol not in WITH_PORTS or len(ports) < 4:
        return 0, 0
    return int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")


def _fragment(ip: IPv4 | IPv6) -> tuple[int, bool] | None:
    """Identification of a fragment and whether it is a later one; None for a whole packet."""
    if isinstance(ip, IPv4):
        return (ip.id, ip.offset > 0) if ip.fragment else None
    headers = [header for header in ip.extensions if isinstance(header, FragmentHeader)]
    if not headers or not (headers[-1].offset or headers[-1].more):
        return None
    return headers[-1].id, headers[-1].offset > 0
