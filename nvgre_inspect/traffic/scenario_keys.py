"""The keys of a scenario file: what each means, which values it takes and how they are read.

Reading and docs/scenarios.md follow this registry. What has to hold between several values is in `scenario_rules`; keys
of workloads are in `workload_keys`, those of faults in `fault_keys`.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from typing import Any

from dissectors import offsets
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.encapsulation.policy_keys import ENCAPSULATION, MAC, SUBNET, UNICAST
from nvgre_inspect.model.toml_keys import FLAG, TEXT, Key, Value, number, text, value_of
from nvgre_inspect.traffic.quantities import BANDWIDTH, DURATION, LONGEST_NS, POSITIVE_DURATION, size
from nvgre_inspect.traffic.scenario import (
    VM,
    GivenFrame,
    HostSpec,
    LinkSpec,
    PathSpec,
    Point,
    Scenario,
    TCPOptions,
    Tenant,
)

#: Names become parts of file names, of paths of keys and of random streams.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: The analyzer holds times up to the year 2116.
_LAST_START_NS = (1 << 62) - LONGEST_NS
_SECOND = 1_000_000_000


def _name(given: object) -> str:
    if not _NAME.fullmatch(text(given)):
        raise ValueError
    return text(given)


NAME = value_of("a name of letters, digits, dots, dashes and underscores", _name)


def _read_names(given: object, path: str, problems: list[str]) -> tuple[str, ...]:
    return tuple(read_list(NAME, given, path, problems))


def read_list(one: Value, given: object, path: str, problems: list[str]) -> list[Any]:
    """One value or a list of them, each read by `one`."""
    if not isinstance(given, list):
        return [one.read(given, path, problems)]
    return [one.read(item, f"{path}[{i}]", problems) for i, item in enumerate(given)]


NAMES = Value("a name or a list of names", _read_names)


def _network(given: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = ipaddress.ip_network(text(given))
    if network.is_multicast or network.num_addresses < _LEAST_ADDRESSES:
        raise ValueError
    return network


def _frame(given: object) -> bytes:
    frame = bytes.fromhex(text(given))
    if not offsets.ETH_LEN <= len(frame) <= _LONGEST_FRAME:
        raise ValueError
    return frame


_LONGEST_FRAME = 65_535 + offsets.ETH_LEN
_LEAST_ADDRESSES = 4
_NETWORK = value_of('a prefix as "10.0.0.0/24" or "fd00::/64", of at least 4 addresses', _network)
NETWORKS = Value(
    "a prefix or a list of prefixes",
    lambda given, path, problems: tuple(read_list(_NETWORK, given, path, problems)),
)
_ADDRESSES = Value(
    "an address or a list of addresses",
    lambda given, path, problems: tuple(read_list(UNICAST, given, path, problems)),
)


def _start(given: object) -> int:
    """Nanoseconds since 1970 of a date and time with an offset, which TOML knows, with what it knows of fractions."""
    if not isinstance(given, datetime.datetime) or given.tzinfo is None:
        raise ValueError
    since = given - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    ns = (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds * 1000
    if not 0 <= ns < _LAST_START_NS:
        raise ValueError
    return ns


def _show_start(ns: int) -> str:
    return datetime.datetime.fromtimestamp(ns // _SECOND, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SCENARIO = (
    Key("name", NAME, "What it is called.", required=True),
    Key("description", TEXT, "What it is for."),
    Key("seed", number(0, (1 << 63) - 1), "What all random numbers come from."),
    Key("duration", POSITIVE_DURATION, "How long it lasts.", field="duration_ns"),
    Key(
        "start",
        value_of("a date and time as 2024-05-01T12:00:00Z, from 1970 on", _start, _show_start),
        "When it starts.",
        field="start_ns",
    ),
    Key(
        "policy",
        TEXT,
        "A [policy](policy.md) beside this file that all hosts follow, in the place of the one that has everything "
        "where it is.",
    ),
)
LINK = (
    Key("bandwidth", BANDWIDTH, "What it carries per second; 0: no limit.", field="bandwidth_bps"),
    Key("delay", DURATION, "How long a packet is on it.", field="delay_ns"),
    Key("jitter", DURATION, "Up to so much longer, drawn for each packet; they stay in order.", field="jitter_ns"),
    Key("mtu", number(576, 65535), "The longest IP packet.", unit="bytes"),
    Key("queue", size(), "What may wait to be sent before packets are lost; 0: no limit."),
)
HOST = (
    Key("name", NAME, "What it is called.", required=True),
    Key("pa", UNICAST, "Its provider address.", required=True),
    Key("mac", MAC, "Its MAC address; without it 02:00 and the last four bytes of `pa`."),
)
PATH = (
    Key("name", NAME, "What it is called.", required=True),
    Key("hops", number(0, 16), "Routers on it: each takes one from the TTL. 0: a switched path."),
    Key("address", UNICAST, "Its router's address, from which ICMP errors come; made up where there is none."),
)
_SUBNET_KEYS = {key.name: key for key in SUBNET}
TENANT = (
    Key(
        "vsid",
        number(0, 0xFFFFFFFF),
        "The identifier: VSID, VNI, key or label, as the encapsulation has it.",
        required=True,
    ),
    Key("name", NAME, "What it is called."),
    Key(
        "subnet",
        NETWORKS,
        "The prefixes of its machines, at most one of each IP version. Other tenants may have the same.",
    ),
    Key("vms", number(0, 4096), "So many machines besides those listed: vm1, vm2 and so on, on the hosts in turn."),
    Key("mtu", number(576, 65535), "MTU of its machines; without it what fits into all links.", unit="bytes"),
    _SUBNET_KEYS["bum"],
    _SUBNET_KEYS["unknown"],
)
TCP = (
    Key("receive_buffer", size(1, 1 << 30), "What a receiver holds for its application: the largest window."),
    Key("window_scaling", FLAG, "Window scaling (RFC 7323); without it windows stay below 64 KiB."),
    Key("sack", FLAG, "Selective acknowledgements (RFC 2018)."),
    Key("delayed_ack", DURATION, "How long an acknowledgement may wait; 0: none waits.", field="delayed_ack_ns"),
    Key("initial_window", number(1, 64), "Segments that are sent before the first acknowledgement (RFC 6928)."),
    Key("min_rto", POSITIVE_DURATION, "The shortest retransmission timeout (RFC 6298).", field="min_rto_ns"),
    Key("retries", number(0, 20), "Retransmissions of one segment before the connection is given up."),
    Key("ecn", FLAG, "Packets are ECT(0), and their senders react to marks (RFC 3168)."),
)
MACHINE = (
    Key("name", NAME, "What it is called, in its tenant.", required=True),
    Key("host", NAME, "The host where it is.", required=True),
    Key("mac", MAC, "Its MAC address; made up where there is none, different in each tenant."),
    Key(
        "ip",
        _ADDRESSES,
        "Its address, or one of each IP version; without it the next free ones of the tenant's prefixes.",
        field="ips",
    ),
)
POINT = (
    Key("name", NAME, "What it is called: its interface, or its file.", required=True),
    Key("vnic", TEXT, "A machine as `5001/web` (VSID or tenant's name, machine): inner frames, both directions."),
    Key("uplink", NAME, "A host: outer frames between it and the fabric, both directions."),
    Key("path", NAME, "A path: outer frames in the middle of it, both directions."),
    Key("snaplen", number(14, 262_144), "So much of each frame its capture keeps; without it all.", unit="bytes"),
)
FRAME = (
    Key("point", NAME, "The point that it passes.", required=True),
    Key("at", DURATION, "When.", field="at_ns"),
    Key(
        "hex",
        value_of("an Ethernet frame in hexadecimal digits", _frame),
        "The frame, without FCS. Blanks and line ends may be between bytes.",
        field="frame",
        required=True,
    ),
    Key("comment", TEXT, "A comment on it, in pcapng."),
)
#: Table of the file -> the dataclass that has its defaults, and its keys. Those of `underlay` hold for all links that
#: say nothing else; workloads and faults have tables of their own.
TABLES: dict[str, tuple[type, tuple[Key, ...]]] = {
    "scenario": (Scenario, SCENARIO),
    "underlay": (LinkSpec, LINK),
    "encapsulation": (Encapsulation, ENCAPSULATION),
    "host": (HostSpec, HOST),
    "path": (PathSpec, PATH),
    "tenant": (Tenant, TENANT),
    "tenant.tcp": (TCPOptions, TCP),
    "tenant.vm": (VM, MACHINE),
    "point": (Point, POINT),
    "frame": (GivenFrame, FRAME),
}
