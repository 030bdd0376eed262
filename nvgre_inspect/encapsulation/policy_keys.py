"""The keys of a policy file: what each means, which values it takes and how they are read.

Reading, writing, the template and docs/policy.md all follow this registry. What has to hold between several values
(duplicates, references, kinds and their options) is in `policy_rules`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address
from typing import Any

from nvgre_inspect.encapsulation.outer import PORTS
from nvgre_inspect.encapsulation.policy import KINDS, Address, Encapsulation, Entry, Host, Subnet
from nvgre_inspect.model import toml_keys
from nvgre_inspect.model.toml_keys import FLAG, TEXT, Key, Value, choice, number, shown, text, value_of, words_or_number

#: Kinds with the optional fields of GRE, and those with a UDP header.
GRE_KINDS = frozenset({"gretap", "gre"})
UDP_KINDS = frozenset(PORTS)

_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")


def _mac(value: object) -> bytes:
    if not isinstance(value, str) or not _MAC.fullmatch(value):
        raise ValueError
    mac = bytes.fromhex(value.replace(value[2], ""))
    if not is_station(mac):
        raise ValueError
    return mac


def is_station(mac: bytes) -> bool:
    """Whether a MAC address is that of one station, rather than of a group."""
    return not mac[0] & 1


def is_unicast(address: Address) -> bool:
    """Whether one machine can have this address."""
    return not (address.is_multicast or address.is_unspecified or address == IPv4Address("255.255.255.255"))


def _address(value: object) -> Address:
    # A number is an address to ip_address; a zone (fe80::1%eth0) means something on one machine only.
    if not isinstance(value, str) or "%" in value:
        raise ValueError
    return ip_address(value)


def _unicast(value: object) -> Address:
    address = _address(value)
    if not is_unicast(address):
        raise ValueError
    return address


def _bum(value: object) -> str | Address:
    if value in ("replicate", "drop"):
        return text(value)
    address = _address(value)
    if not address.is_multicast:
        raise ValueError
    return address


MAC = value_of('the MAC address of one station, as "02:00:00:00:00:01"', _mac)
UNICAST = value_of("an IPv4 or IPv6 unicast address in quotation marks", _unicast)


def _read_unicasts(value: object, path: str, problems: list[str]) -> tuple[Address, ...]:
    if not isinstance(value, list):
        value, paths = [value], [path]
    else:
        paths = [f"{path}[{i}]" for i in range(len(value))]
    return tuple(UNICAST.read(item, where, problems) for item, where in zip(value, paths, strict=True))


def _read_next_hops(value: object, path: str, problems: list[str]) -> dict[Address, bytes] | None:
    if not isinstance(value, dict):
        problems.append(f"{path}: has to be a table, not {shown(value)}")
        return None
    hops: dict[Address, bytes] = {}
    for key, mac in value.items():
        where = f'{path}."{key}"'
        receiver = UNICAST.read(key, where, problems)
        if receiver in hops:
            problems.append(f"{where}: {receiver} is there twice")
        hops[receiver] = MAC.read(mac, where, problems)
    return hops


ENCAPSULATION = (
    Key("kind", choice(*KINDS), "The encapsulation."),
    Key("port", number(1, 65535), "UDP destination port; without it that of the kind.", kinds=UDP_KINDS),
    Key("key", FLAG, "Whether the identifier is written as GRE key; NVGRE always has one.", kinds=GRE_KINDS),
    Key(
        "checksum",
        FLAG,
        "A GRE checksum; over UDP the UDP checksum, which IPv6 always has.",
        kinds=GRE_KINDS | UDP_KINDS,
    ),
    Key("sequence", FLAG, "GRE sequence numbers, from 0 for each tunnel and identifier.", kinds=GRE_KINDS),
    Key(
        "flow_id",
        words_or_number(("hash", "zero"), 0, 255),
        "FlowID: of the inner flow's hash (1 to 255), 0 for all (none generated), or one number for all.",
        kinds=frozenset({"nvgre"}),
    ),
    Key(
        "dscp",
        words_or_number(("uniform",), 0, 63),
        "Outer DSCP: uniform copies that of the inner packet, a number is for all (pipe).",
    ),
    Key(
        "ecn",
        choice("normal", "compatibility"),
        "Outer ECN by RFC 6040 section 4.1: normal copies the inner field, compatibility writes Not-ECT.",
    ),
    Key("ttl", number(1, 255), "Outer TTL or hop limit."),
    Key("df", FLAG, "Don't Fragment in the outer IPv4 header. IPv6 routers never fragment."),
    Key("mtu", number(0, 65535), "The largest outer IP packet; 0: no limit.", unit="bytes"),
    Key(
        "over_mtu",
        choice("send", "drop", "icmp"),
        "What is too long is sent and counted, dropped, or dropped and answered with packet too big.",
    ),
    Key(
        "inner_vlan",
        choice("remove", "refuse", "keep"),
        "802.1Q tags of the inner frame are removed (RFC 7637 section 3.3), make it be skipped, or are kept.",
    ),
    Key("vlan", number(0, 4094), "VLAN id of the outer frame's tag (0: priority only); without it there is no tag."),
    Key("vlan_priority", number(0, 7), "Priority in the outer frame's tag."),
)
HOST = (
    Key("pa", UNICAST, "Its provider address.", required=True),
    Key("mac", MAC, "Its MAC address on the underlay.", required=True),
    Key("next_hop", MAC, "MAC of the router through which it sends; without it that of the receiving host."),
    Key(
        "next_hops",
        Value("a table of receiving PAs and MAC addresses", _read_next_hops),
        "The same for single receivers, by their PA: they go before `next_hop`.",
    ),
    Key("name", TEXT, "What people call it."),
)
SUBNET = (
    Key(
        "vsid",
        number(0, 0xFFFFFFFF),
        "The identifier: VSID, VNI, key or label. ipip has none, gre and gretap need none.",
    ),
    Key("name", TEXT, "What people call it."),
    Key(
        "bum",
        value_of('"replicate", "drop" or a multicast address', _bum),
        "Broadcast and multicast: a copy to each other PA of the subnet, nothing, or one to an underlay group.",
    ),
    Key(
        "unknown",
        choice("drop", "flood"),
        "Unicast to an address that the policy does not have: skipped, or sent as broadcast is.",
    ),
)
ADDRESS = (
    Key("pa", UNICAST, "The host behind which it is.", required=True),
    Key("mac", MAC, "MAC address of the tenant's machine."),
    Key(
        "ca",
        Value("an address or a list of addresses", _read_unicasts),
        "IP address of the tenant's machine, or a list of them. A MAC, an address or both are needed.",
        field="cas",
    ),
)
#: Table of the file -> the dataclass that it becomes, and its keys. `subnet.address` is inside `subnet`.
TABLES: dict[str, tuple[type, tuple[Key, ...]]] = {
    "encapsulation": (Encapsulation, ENCAPSULATION),
    "host": (Host, HOST),
    "subnet": (Subnet, SUBNET),
    "subnet.address": (Entry, ADDRESS),
}


def default(table: str, key: Key) -> Any:
    """What holds without the key; None for one that is required, or whose absence has a meaning of its own."""
    return toml_keys.default(TABLES[table][0], key)
