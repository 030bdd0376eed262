"""The keys of faults in a scenario file, by their kind."""

from __future__ import annotations

from nvgre_inspect.model.toml_keys import FLAG, Key, Value, choice, number
from nvgre_inspect.traffic.fault_specs import FAULTS
from nvgre_inspect.traffic.quantities import DURATION, OFFSET, POSITIVE_DURATION, PROBABILITY
from nvgre_inspect.traffic.scenario_keys import NAME, read_list

_FLOW_ID = number(0, 65535)
_FLAG_NAME = choice("checksum", "sequence")
#: A MAC or VSID that a fault writes: 24 bits, reserved ones too.
_VSID = number(0, 0xFFFFFFFF)
_MTU = number(576, 65535)


def _read_tunnel(given: object, path: str, problems: list[str]) -> tuple[str, str] | None:
    if not isinstance(given, list) or len(given) != 2:
        problems.append(f"{path}: has to be a list of two hosts")
        return None
    first, second = read_list(NAME, given, path, problems)
    return first, second


def _read_tenant(given: object, path: str, problems: list[str]) -> object:
    return (NAME if isinstance(given, str) else _VSID).read(given, path, problems)


#: A VSID or a name, which `scenario_file` looks up.
TENANT = Value("a VSID, or the name of a tenant", _read_tenant)
#: Keys of all faults.
COMMON = (
    Key("kind", choice(*FAULTS), "What goes wrong.", required=True),
    Key("id", NAME, "What the truth calls it; without it its kind and number."),
    Key("from", DURATION, "It begins then.", field="from_ns"),
    Key("until", DURATION, "It ends then; 0: with the scenario.", field="until_ns"),
)
#: Which packets it concerns.
SELECTION = (
    Key("tenant", TENANT, "Only what machines of this tenant send."),
    Key("vm", NAME, "Only what this machine sends; `tenant` is needed."),
    Key("tunnel", Value("a list of two hosts", _read_tunnel), "Only what goes between these two hosts."),
    Key(
        "direction",
        choice("forward", "reverse", "both"),
        "forward: only from the first host of `tunnel` to the second.",
    ),
    Key(
        "flow_id",
        Value(
            "a whole number from 0 to 65535 or a list of them",
            lambda given, path, problems: tuple(read_list(_FLOW_ID, given, path, problems)),
        ),
        "Only packets with this FlowID (UDP source port), or one of these.",
        field="flow_ids",
    ),
)
_OFTEN = Key("probability", PROBABILITY, "How often.")
_POINT = Key("point", NAME, "The observation point.", required=True)
_DELIVERED = Key("delivered", FLAG, "The receiver takes it for the tenant's all the same.")
#: Keys of each kind besides.
BY_KIND: dict[str, tuple[Key, ...]] = {
    "loss": (_OFTEN,),
    "burst-loss": (
        Key("begin", PROBABILITY, "How often a burst begins, at each packet outside of one."),
        Key("end", PROBABILITY, "How often it ends, at each packet inside of it."),
    ),
    "reorder": (_OFTEN, Key("delay", POSITIVE_DURATION, "How long a packet is held back.", field="delay_ns")),
    "duplicate": (_OFTEN, Key("delay", POSITIVE_DURATION, "How long the copy comes behind.", field="delay_ns")),
    "delay": (
        Key("delay", DURATION, "How much longer packets take.", field="delay_ns"),
        Key("jitter", DURATION, "Up to so much more, drawn for each.", field="jitter_ns"),
    ),
    "mtu-black-hole": (
        Key("mtu", _MTU, "The longest outer IP packet that gets through.", unit="bytes"),
        Key("icmp", FLAG, "The router there tells the sending host."),
    ),
    "fragmentation": (Key("mtu", _MTU, "The longest outer IP packet that is not fragmented.", unit="bytes"),),
    "one-way": (Key("icmp", FLAG, "The receiving host refuses it: protocol (UDP: port) unreachable."),),
    "wrong-vsid": (Key("vsid", _VSID, "What is written instead.", required=True), _DELIVERED),
    "flow-id-constant": (Key("value", _FLOW_ID, "The FlowID, or UDP source port."),),
    "flow-id-changing": (Key("packets", number(1, 1_000_000), "After so many packets of a flow it changes."),),
    "bad-ecmp-member": (Key("path", NAME, "The path.", required=True), _OFTEN),
    "migration": (
        Key("to", NAME, "The host that it moves to.", required=True),
        Key("stale", DURATION, "How long the other hosts send to where it was.", field="stale_ns"),
        Key("announce", FLAG, "It sends a gratuitous ARP (neighbour advertisement) once it is there."),
    ),
    "duplicate-mac": (Key("other", NAME, "The machine that sends with the MAC address of `vm`.", required=True),),
    "leak": (Key("vsid", _VSID, "The identifier with which they are sent once more.", required=True), _OFTEN),
    "flood": (),
    "arp-unanswered": (),
    "inner-vlan": (Key("vlan", number(0, 4094), "The VLAN id of the tag."),),
    "gre-flags": (
        Key(
            "flags",
            Value(
                '"checksum", "sequence" or a list of both',
                lambda given, path, problems: tuple(read_list(_FLAG_NAME, given, path, problems)),
            ),
            "What is set, with its field.",
        ),
        Key("accepted", FLAG, "Whether receivers take such packets."),
    ),
    "reserved-vsid": (Key("vsid", number(0, 0xFFFFFF), "The reserved identifier."), _DELIVERED),
    "dscp-lost": (),
    "ecn-illegal": (_OFTEN,),
    "bad-checksum": (),
    "mirror-duplicates": (
        _POINT,
        _OFTEN,
        Key("delay", POSITIVE_DURATION, "How long the copy comes behind.", field="delay_ns"),
    ),
    "clock": (
        _POINT,
        Key("offset", OFFSET, "How much its clock is ahead.", field="offset_ns"),
        Key("drift_ppb", number(-1_000_000, 1_000_000), "How much it gains.", unit="nanoseconds per second"),
    ),
    "capture-drops": (_POINT, _OFTEN),
}
#: Faults that concern what a point records, whoever sent it.
OF_POINTS = frozenset({"clock"})
