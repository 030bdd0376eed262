"""The keys of workloads in a scenario file, by their kind."""

from __future__ import annotations

import ipaddress
from typing import Literal

from nvgre_inspect.model.toml_keys import FLAG, Key, Value, choice, number, text, value_of
from nvgre_inspect.traffic.quantities import BANDWIDTH, DURATION, POSITIVE_DURATION, distribution, size
from nvgre_inspect.traffic.scenario_keys import NAME, NAMES
from nvgre_inspect.traffic.script import Step
from nvgre_inspect.traffic.script_notation import parse
from nvgre_inspect.traffic.workload_specs import WORKLOADS

_LARGEST_DATAGRAM = 65_507
_PORT = number(1, 65535)
_TIMES = distribution(DURATION, '"20ms"')
_INTERVALS = distribution(POSITIVE_DURATION, '"20ms"')
_SIZES = distribution(size(0), "20000")
_DATAGRAMS = distribution(size(0, _LARGEST_DATAGRAM), "500")
_COUNTS = distribution(number(1, 1_000_000), "10")


def _family(given: object) -> Literal[4, 6]:
    if isinstance(given, bool) or given not in (4, 6):
        raise ValueError
    return 4 if given == 4 else 6


def _group(given: object) -> str:
    address = ipaddress.ip_address(text(given))
    if not address.is_multicast:
        raise ValueError
    return str(address)


def _domain(given: object) -> str:
    labels = text(given).split(".")
    if not all(label.isascii() and label.replace("-", "a").isalnum() and len(label) < 64 for label in labels):
        raise ValueError
    if len(text(given)) > _LONGEST_DOMAIN:
        raise ValueError
    return text(given)


_LONGEST_DOMAIN = 200
_CLIENT_PORT = Key(
    "client_port", _PORT, "Port of the client for the first arrival, one more for each further one; without it any."
)


def _script(given: object, path: str, problems: list[str]) -> tuple[Step, ...]:
    try:
        return parse(text(given))
    except ValueError as error:
        problems.append(f"{path}: {error or 'is no text'}: has to be {_NOTATION}")
        return ()


_NOTATION = "lines as `+1ms > S 0:0(0) win 64240 <mss 1460>`, `+0 < udp 200` or `+0 > frame ffffffffffff…`"
#: Keys of all workloads.
COMMON = (
    Key("kind", choice(*WORKLOADS), "What is done.", required=True),
    Key("name", NAME, "What it is called; without it its kind and number."),
    Key("clients", NAMES, "Machines that begin; without it all."),
    Key("servers", NAMES, "Machines that answer; without it all others."),
    Key("from", DURATION, "The first arrival comes then.", field="start_ns"),
    Key("until", DURATION, "None comes from then on; 0: to the end.", field="stop_ns"),
    Key("every", _INTERVALS, "The time from one arrival to the next."),
    Key("count", number(0, 1_000_000_000), "So many arrivals at most; 0: as many as come."),
    Key("family", value_of("4 or 6", _family), "IP version."),
    Key("dscp", number(0, 63), "DSCP of its packets."),
)
#: Keys of each kind besides.
BY_KIND: dict[str, tuple[Key, ...]] = {
    "request-response": (
        Key("port", _PORT, "TCP port of the servers."),
        _CLIENT_PORT,
        Key("requests", _COUNTS, "Requests on each connection."),
        Key("request_size", _SIZES, "Bytes of a request."),
        Key("response_size", _SIZES, "Bytes of an answer."),
        Key("service", _TIMES, "What the server needs for an answer."),
        Key("think", _TIMES, "What the client waits before its next request."),
        Key("close", choice("client", "server", "reset"), "Who ends it first; reset: the client, with RST."),
    ),
    "bulk": (
        Key("port", _PORT, "TCP port of the servers."),
        _CLIENT_PORT,
        Key("size", _SIZES, "Bytes that are sent on each connection."),
        Key("direction", choice("upload", "download"), "upload: the client sends; download: the server."),
        Key(
            "read_rate",
            BANDWIDTH,
            "What the receiving application takes per second; 0: everything at once. Less makes windows close.",
            field="read_rate_bps",
        ),
    ),
    "voice": (
        Key("port", _PORT, "UDP port of the servers."),
        Key("interval", POSITIVE_DURATION, "The time between two packets of a side.", field="interval_ns"),
        Key("size", number(12, 1400), "Payload of a packet: the RTP header and what it carries.", unit="bytes"),
        Key("duration", _TIMES, "How long a call lasts."),
    ),
    "video": (
        Key("port", _PORT, "UDP port of the clients."),
        Key("frame_rate", number(1, 1000), "Frames per second."),
        Key("frame_size", _SIZES, "Bytes of a frame, which is sent at once."),
        Key("packet_size", number(12, 1400), "The largest payload of a packet.", unit="bytes"),
        Key("duration", _TIMES, "How long a stream lasts."),
    ),
    "dns": (
        Key("port", _PORT, "UDP port of the servers."),
        _CLIENT_PORT,
        Key("domain", value_of('a domain name as "example.com"', _domain), "What is asked for: names in this domain."),
        Key("service", _TIMES, "What the server needs for an answer."),
        Key("timeout", POSITIVE_DURATION, "The client asks again after this long.", field="timeout_ns"),
        Key("retries", number(0, 10), "So often at most."),
    ),
    "ping": (Key("size", number(8, 65_000), "Bytes of data in a request and its reply."),),
    "arp": (Key("gratuitous", FLAG, "Clients announce their own addresses; nobody is asked."),),
    "broadcast": (
        Key("port", _PORT, "UDP port, of both ends."),
        Key("size", _DATAGRAMS, "Bytes of payload."),
    ),
    "multicast": (
        Key("group", value_of("a multicast address in quotation marks", _group), "The group that servers join."),
        Key("port", _PORT, "UDP port."),
        Key("size", _DATAGRAMS, "Bytes of payload."),
    ),
    "dhcp": (Key("lease_s", number(60, 0xFFFFFFFF), "The lease.", unit="seconds"),),
    "script": (
        Key("script", Value(_NOTATION, _script), "What is sent, line by line.", required=True),
        Key("port", _PORT, "TCP or UDP port of the servers."),
        _CLIENT_PORT,
        Key("client_isn", number(0, 0xFFFFFFFF), "Initial sequence number of the client; without it any."),
    ),
}
