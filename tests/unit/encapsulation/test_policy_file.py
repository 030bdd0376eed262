"""Policy files: every rule with the path that its error names, reading and writing, any document at all."""

from __future__ import annotations

import dataclasses
import tomllib
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.encapsulation import policy_page
from nvgre_inspect.encapsulation.outer import IDENTIFIERS
from nvgre_inspect.encapsulation.policy import (
    KINDS,
    Address,
    Encapsulation,
    Entry,
    Host,
    Kind,
    Policy,
    PolicyError,
    Subnet,
)
from nvgre_inspect.encapsulation.policy_file import dump, load, loads, parse
from nvgre_inspect.encapsulation.policy_keys import TABLES, default, is_unicast
from nvgre_inspect.encapsulation.policy_rules import problems_of

DOCS = Path(__file__).resolve().parents[3] / "docs"
MAC = "02:00:00:00:00:01"
HOSTS = [{"pa": "192.0.2.1", "mac": MAC}, {"pa": "192.0.2.2", "mac": "02:00:00:00:00:02"}]
IPV6_HOST = {"pa": "2001:db8::1", "mac": MAC}
BLUE: dict[str, Any] = {
    "vsid": 5001,
    "address": [
        {"pa": "192.0.2.1", "mac": "00:15:5d:00:00:01", "ca": "10.0.0.1"},
        {"pa": "192.0.2.2", "ca": ["10.0.0.2", "fe80::2"]},
    ],
}


def document(**encapsulation: Any) -> dict[str, Any]:
    return {"encapsulation": encapsulation, "host": HOSTS, "subnet": [BLUE]}


def problems(document: dict[str, Any]) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse(document)
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return list(caught.value.problems)


def with_host(**host: Any) -> dict[str, Any]:
    return document() | {"host": [*HOSTS, host]}


def with_subnet(**subnet: Any) -> dict[str, Any]:
    return document() | {"subnet": [BLUE, {"vsid": 5002, **subnet}]}


def with_address(**address: Any) -> dict[str, Any]:
    return document() | {"subnet": [{"vsid": 5001, "address": [*BLUE["address"], address]}]}


STATION = 'has to be the MAC address of one station, as "02:00:00:00:00:01"'
UNICAST = "has to be an IPv4 or IPv6 unicast address in quotation marks"
#: What is wrong -> the one sentence about it.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    # single values
    "kind": (
        document(kind="vxlna"),
        'encapsulation.kind: has to be one of "nvgre", "gretap", "gre", "vxlan", "geneve", "ipip", "mpls-in-gre", '
        "\"mpls-in-udp\", not 'vxlna'",
    ),
    "number": (document(ttl=0), "encapsulation.ttl: has to be a whole number from 1 to 255, not 0"),
    "no number": (document(ttl="64"), "encapsulation.ttl: has to be a whole number from 1 to 255, not '64'"),
    "a flag for a number": (document(ttl=True), "encapsulation.ttl: has to be a whole number from 1 to 255, not true"),
    "flag": (document(df=1), "encapsulation.df: has to be true or false, not 1"),
    "word or number": (
        document(flow_id="hashed"),
        'encapsulation.flow_id: has to be "hash", "zero" or a whole number from 0 to 255, not \'hashed\'',
    ),
    "DSCP": (document(dscp=64), 'encapsulation.dscp: has to be "uniform" or a whole number from 0 to 63, not 64'),
    "VLAN": (document(vlan=4095), "encapsulation.vlan: has to be a whole number from 0 to 4094, not 4095"),
    "long value": (document(kind="x" * 100), f"not '{'x' * 59}…"),
    "MAC": (with_host(pa="192.0.2.3", mac="02:00:00:00:00"), f"host[2].mac: {STATION}, not '02:00:00:00:00'"),
    "group MAC": (
        with_host(pa="192.0.2.3", mac="01:00:5e:00:00:01"),
        f"host[2].mac: {STATION}, not '01:00:5e:00:00:01'",
    ),
    "PA": (with_host(pa="192.0.2", mac=MAC), f"host[2].pa: {UNICAST}, not '192.0.2'"),
    "a number for a PA": (with_host(pa=3221225985, mac=MAC), f"host[2].pa: {UNICAST}, not 3221225985"),
    "zone": (with_host(pa="fe80::1%eth0", mac=MAC), f"host[2].pa: {UNICAST}, not 'fe80::1%eth0'"),
    "multicast PA": (with_host(pa="224.0.0.1", mac=MAC), f"host[2].pa: {UNICAST}, not '224.0.0.1'"),
    "multicast CA": (
        with_address(pa="192.0.2.1", ca=["10.0.0.9", "ff02::1"]),
        "subnet[0].address[2].ca[1]: " + UNICAST,
    ),
    "group": (
        with_subnet(bum="192.0.2.9"),
        'subnet[1].bum: has to be "replicate", "drop" or a multicast address, not \'192.0.2.9\'',
    ),
    "name": (with_host(pa="192.0.2.3", mac=MAC, name=3), "host[2].name: has to be a text in quotation marks, not 3"),
    "missing": (with_host(mac=MAC), "host[2].pa: is missing"),
    # unknown keys
    "unknown key": (document(tll=3), "encapsulation.tll: unknown key; did you mean encapsulation.ttl?"),
    "unknown table": ({"hosts": []}, "hosts: unknown key; did you mean host?"),
    "unknown key far from all": (
        with_address(pa="192.0.2.1", ca="10.0.0.9", q=1),
        "subnet[0].address[2].q: unknown key; known here: pa, mac, ca",
    ),
    # forms
    "a table for a list": ({"host": {"pa": "192.0.2.1"}}, "host: has to be a list of tables: [[host]], not [host]"),
    "a list for a table": ({"encapsulation": []}, "encapsulation: has to be a table"),
    "a text for a subnet": ({"subnet": ["blue"]}, "subnet[0]: has to be a table"),
    "a text for an address": (with_subnet(address=["10.0.0.1"]), "subnet[1].address[0]: has to be a table"),
    "next hops": (
        with_host(pa="192.0.2.3", mac=MAC, next_hops=[1]),
        "host[2].next_hops: has to be a table, not [1]",
    ),
    "next hop's PA": (
        with_host(pa="192.0.2.3", mac=MAC, next_hops={"host-a": MAC}),
        f"host[2].next_hops.\"host-a\": {UNICAST}, not 'host-a'",
    ),
    "next hop twice": (
        with_host(pa="2001:db8::3", mac=MAC, next_hops={"2001:db8::1": MAC, "2001:db8:0::1": MAC}),
        'host[2].next_hops."2001:db8:0::1": 2001:db8::1 is there twice',
    ),
    # between values
    "PA of no host": (
        with_address(pa="192.0.2.9", ca="10.0.0.9"),
        "subnet[0].address[2].pa: 192.0.2.9 is not the pa of any host",
    ),
    "next hop to no host": (
        with_host(pa="192.0.2.3", mac=MAC, next_hops={"192.0.2.9": MAC}),
        'host[2].next_hops."192.0.2.9": 192.0.2.9 is not the pa of any host',
    ),
    "next hop to oneself": (
        with_host(pa="192.0.2.3", mac=MAC, next_hops={"192.0.2.3": MAC}),
        'host[2].next_hops."192.0.2.3": 192.0.2.3 is this host itself',
    ),
    "next hop to another family": (
        with_host(**IPV6_HOST, next_hops={"192.0.2.1": MAC}),
        'host[2].next_hops."192.0.2.1": 192.0.2.1 is of another IP version than 2001:db8::1',
    ),
    "host twice": (with_host(**HOSTS[0]), "host[2].pa: 192.0.2.1 is already that of host[0]"),
    "subnet twice": (with_subnet(vsid=5001), "subnet[1].vsid: 5001 is already that of subnet[0]"),
    "MAC twice": (
        with_address(pa="192.0.2.2", mac="00-15-5D-00-00-01"),
        "subnet[0].address[2].mac: 00:15:5d:00:00:01 is already that of subnet[0].address[0]",
    ),
    "CA twice": (
        with_address(pa="192.0.2.1", ca="fe80:0::2"),
        "subnet[0].address[2].ca: fe80::2 is already that of subnet[0].address[1]",
    ),
    "CA twice in one entry": (
        with_address(pa="192.0.2.1", ca=["10.0.0.9", "10.0.0.9"]),
        "subnet[0].address[2].ca: 10.0.0.9 is already that of subnet[0].address[2]",
    ),
    "address of nobody": (with_address(pa="192.0.2.1"), "subnet[0].address[2]: needs a mac, a ca or both"),
    "no VSID": (document() | {"subnet": [{}]}, "subnet[0].vsid: is missing; nvgre carries one"),
    "reserved VSID": (
        with_subnet(vsid=4095),
        "subnet[1].vsid: 4095 is not between 4096 and 16777214: RFC 7637 section 3.4 reserves 0 to 4095 and 16777215",
    ),
    "vendor's VSID": (with_subnet(vsid=0xFFFFFF), "subnet[1].vsid: 16777215 is not between 4096 and 16777214"),
    "large VNI": (
        document(kind="vxlan") | {"subnet": [{"vsid": 1 << 24}]},
        "subnet[0].vsid: 16777216 is not between 0 and 16777215: a VNI has 24 bits",
    ),
    "reserved label": (
        document(kind="mpls-in-udp") | {"subnet": [{"vsid": 3}]},
        "subnet[0].vsid: 3 is not between 16 and 1048575: a label has 20 bits, and RFC 3032 section 2.1 "
        "reserves 0 to 15",
    ),
    "identifier of ipip": (document(kind="ipip"), "subnet[0].vsid: 5001 has no place: ipip carries no identifier"),
    "key = false": (document(kind="gre", key=False), "subnet[0].vsid: 5001 has no place: encapsulation.key is false"),
    "group of another family": (
        with_subnet(bum="ff0e::1", address=[{"pa": "192.0.2.1", "ca": "10.0.0.1"}]),
        "subnet[1].bum: ff0e::1 is of another IP version than 192.0.2.1, a pa of the subnet",
    ),
    "flooding nothing": (
        with_subnet(bum="drop", unknown="flood"),
        "subnet[1].unknown: flood makes no sense where bum is drop: nothing is flooded",
    ),
    "NVGRE's checksum": (
        document(checksum=True),
        "encapsulation.checksum: true makes no sense for nvgre (RFC 7637 section 3.2: C is 0); geneve, gre, gretap, "
        "mpls-in-udp, vxlan have it",
    ),
    "NVGRE's sequence": (document(sequence=True), "encapsulation.sequence: true makes no sense for nvgre"),
    "NVGRE without key": (
        document(key=False),
        "encapsulation.key: false makes no sense for nvgre (its key is the VSID",
    ),
    "FlowID of VXLAN": (
        document(kind="vxlan", flow_id="zero"),
        "encapsulation.flow_id: zero makes no sense for vxlan; nvgre has it",
    ),
    "port of GRE": (document(kind="gretap", port=4789), "encapsulation.port: 4789 makes no sense for gretap"),
    "tags in NVGRE": (
        document(inner_vlan="keep"),
        "encapsulation.inner_vlan: keep is not allowed for nvgre: RFC 7637 section 3.3 wants tags removed",
    ),
    "tags in IP": (document(kind="gre", inner_vlan="keep"), "encapsulation.inner_vlan: keep makes no sense for gre"),
    "priority without tag": (
        document(vlan_priority=3),
        "encapsulation.vlan_priority: 3 needs a tag: encapsulation.vlan is missing",
    ),
    "over no MTU": (document(over_mtu="icmp"), "encapsulation.over_mtu: icmp needs a limit: encapsulation.mtu is 0"),
    "small MTU": (
        document(mtu=109),
        "encapsulation.mtu: 109 is too small to carry anything: 42 bytes are headers, and an inner packet may have 68 "
        "(RFC 791)",
    ),
    "small MTU over IPv6": (
        document(mtu=1279) | {"host": [*HOSTS, IPV6_HOST]},
        "encapsulation.mtu: 1279 is too small for IPv6 hosts, whose links carry 1280 bytes (RFC 8200)",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what: str) -> None:
    wrong, sentence = WRONG[what]
    (problem,) = problems(wrong)
    assert sentence in problem


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = document(ttl=0, mtu="x", colour="red")
    wrong["host"] = [{"pa": "192.0.2.1"}, {"pa": "300.0.0.1", "mac": MAC}]
    assert [problem.split(":")[0] for problem in problems(wrong)] == [
        "encapsulation.colour",
        "encapsulation.ttl",
        "encapsulation.mtu",
        "host[0].mac",
        "host[1].pa",
    ]
    rules = document(checksum=True, mtu=50)
    rules["subnet"] = [BLUE, BLUE, {"vsid": 1}]
    assert [problem.split(":")[0] for problem in problems(rules)] == [
        "encapsulation.checksum",
        "encapsulation.mtu",
        "subnet[1].vsid",
        "subnet[2].vsid",
    ]


def test_values_at_the_edge_are_good() -> None:
    assert parse(document(mtu=110)).encapsulation.mtu == 110
    assert parse(document(ttl=255, dscp=63, vlan=4094, vlan_priority=7)).encapsulation.dscp == 63
    assert parse(document(kind="gretap") | {"subnet": [{}, {"vsid": 0}]}).subnets == (Subnet(None), Subnet(0))
    assert parse({}) == Policy()


def test_what_stands_in_a_document() -> None:
    policy = parse(
        document(kind="vxlan", port=8472) | {"host": [*HOSTS, {**IPV6_HOST, "name": "six", "next_hop": MAC}]}
    )
    assert policy.encapsulation == Encapsulation("vxlan", 8472)
    assert policy.hosts[2] == Host(
        ip_address("2001:db8::1"), bytes.fromhex("020000000001"), b"\2\0\0\0\0\1", name="six"
    )
    assert policy.subnets[0].entries == (
        Entry(ip_address("192.0.2.1"), bytes.fromhex("00155d000001"), (ip_address("10.0.0.1"),)),
        Entry(ip_address("192.0.2.2"), None, (ip_address("10.0.0.2"), ip_address("fe80::2"))),
    )


# --- files --------------------------------------------------------------------------------------------------------


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    for content, sentence in (
        (b"ttl = ", "not valid TOML"),
        (b"name = '\xff'", "not UTF-8 text"),
        (b"a = " + b"[" * 100_000, "not valid TOML"),
        (b"[encapsulation]\nttl = 0", "encapsulation.ttl: has to be"),
    ):
        path.write_bytes(content)
        with pytest.raises(PolicyError) as caught:
            load(path)
        (problem,) = caught.value.problems
        assert problem.startswith(f"{path}: {sentence}")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.toml")


# --- any policy ---------------------------------------------------------------------------------------------------


def addresses(version: int) -> st.SearchStrategy[Address]:
    whole = (
        st.integers(0, (1 << 32) - 1).map(IPv4Address)
        if version == 4
        else st.integers(0, (1 << 128) - 1).map(IPv6Address)
    )
    return whole.filter(is_unicast)


MACS = st.binary(min_size=6, max_size=6).map(lambda mac: bytes((mac[0] & 0xFE,)) + mac[1:])
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    kind: Kind = draw(st.sampled_from(KINDS))
    values: dict[str, st.SearchStrategy[Any]] = {
        "kind": st.just(kind),
        "ttl": st.integers(1, 255),
        "df": st.booleans(),
        "dscp": st.just("uniform") | st.integers(0, 63),
        "ecn": st.sampled_from(["normal", "compatibility"]),
        "mtu": st.just(0) | st.integers(1280, 65535),
        "flow_id": st.sampled_from(["hash", "zero"]) | st.integers(0, 255),
        "port": st.none() | st.integers(1, 65535),
        "key": st.booleans(),
        "checksum": st.booleans(),
        "sequence": st.booleans(),
        "inner_vlan": st.sampled_from(["remove", "refuse", "keep"]),
        "over_mtu": st.sampled_from(["send", "drop", "icmp"]),
        "vlan": st.none() | st.integers(0, 4094),
        "vlan_priority": st.integers(0, 7),
    }
    encapsulation = Encapsulation(**draw(st.fixed_dictionaries({}, optional=values)) | {"kind": kind})
    for entry in problems_of(Policy(encapsulation)):  # an option that does not go with the others goes
        name = entry.split(":")[0].removeprefix("encapsulation.")
        encapsulation = dataclasses.replace(encapsulation, **{name: getattr(Encapsulation(), name)})
    version = draw(st.sampled_from([4, 6]))
    pas = draw(st.lists(addresses(version), unique=True, max_size=4))
    hosts = tuple(
        Host(
            pa,
            draw(MACS),
            draw(st.none() | MACS),
            draw(st.dictionaries(st.sampled_from(others), MACS))
            if (others := [pa_ for pa_ in pas if pa_ != pa])
            else {},
            draw(NAMES),
        )
        for pa in pas
    )
    ids = IDENTIFIERS[kind] if encapsulation.key else range(0)
    vsids = draw(st.lists(st.integers(ids[0], ids[-1]), unique=True, max_size=3)) if ids else [None]
    groups = st.integers(0, 255).map(lambda i: ip_address(f"239.0.0.{i}" if version == 4 else f"ff0e::{i:x}"))
    subnets = []
    for vsid in vsids:
        macs = draw(st.lists(MACS, unique=True, max_size=4)) if pas else []
        cas = draw(st.lists(addresses(4) | addresses(6), unique=True, max_size=30)) if pas else []
        entries = [Entry(draw(st.sampled_from(pas)), mac, (ca,)) for mac, ca in zip(macs, cas, strict=False)]
        rest = tuple(cas[len(entries) :])
        entries += [Entry(draw(st.sampled_from(pas)), None, rest)] if rest else []
        bum: Any = draw(st.just("replicate") | groups)
        subnets.append(Subnet(vsid, tuple(entries), bum, draw(st.sampled_from(["drop", "flood"])), draw(NAMES)))
    return Policy(encapsulation, hosts, tuple(subnets))


@settings(deadline=None)
@given(policies(), st.lists(NAMES, max_size=3))
def test_what_is_written_is_read_back(policy: Policy, notes: list[str]) -> None:
    assert problems_of(policy) == []
    text = dump(policy, notes)
    assert loads(text.encode(), "dumped") == policy
    assert text == dump(loads(text.encode(), "dumped"), notes)
    assert [line for line in text.split("\n") if line.startswith("#")] == text.split("\n")[: len(notes)]


def test_hosts_names_stand_beside_their_addresses() -> None:
    policy = parse(document() | {"host": [{**HOSTS[0], "name": "host\na"}, HOSTS[1]]})
    line = '    { pa = "192.0.2.1", mac = "00:15:5d:00:00:01", ca = "10.0.0.1" },  # host\\na'
    assert line in dump(policy).split("\n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["192.0.2.1", MAC]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["pa", "mac", "ca", "host", "subnet", "address", "vsid", "kind", "next_hops", "bum", "192.0.2.1"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["encapsulation", "host", "subnet", "x"]), VALUES))
def test_any_document_is_a_policy_or_has_sentences(document: dict[str, Any]) -> None:
    found: tuple[str, ...] = ()
    try:
        policy = parse(document)
    except PolicyError as error:
        found = error.problems
    else:
        assert loads(dump(policy).encode(), "dumped") == policy
    assert all(": " in problem for problem in found)


# --- the registry of keys, and what is made of it -----------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_every_field_has_a_key(table: str) -> None:
    kind, keys = TABLES[table]
    fields = {field.name for field in dataclasses.fields(kind)} - {"entries"}
    assert {key.field or key.name for key in keys} == fields


def test_defaults_are_values_that_can_be_read() -> None:
    for table, (_, keys) in TABLES.items():
        for key in keys:
            without = default(table, key)
            problems: list[str] = []
            if isinstance(without, bool | int | str):
                assert key.value.read(without, key.name, problems) == without
            assert problems == []


def test_the_template_is_the_example_and_has_every_key() -> None:
    text = policy_page.template()
    assert loads(text.encode(), "template") == policy_page.EXAMPLE
    for table, (_, keys) in TABLES.items():
        for key in keys:
            assert any(
                line.startswith((f"{key.name} = ", f"# {key.name} = ", f"#   {key.name}: "))
                for line in text.splitlines()
            ), (table, key.name)


def test_what_the_template_comments_out_can_be_read() -> None:
    lines = policy_page.template().splitlines()
    live = "\n".join(
        line.removeprefix("# ") if " = " in line and line[2:].split(" ")[0].islower() else line for line in lines
    )
    documented = tomllib.loads("\n".join(line for line in live.splitlines() if not line.startswith("Lines")))
    assert documented["encapsulation"].keys() == {key.name for key in TABLES["encapsulation"][1]}
    wrong = problems(documented)
    assert all("makes no sense" in problem for problem in wrong), wrong


def test_the_page_is_the_one_that_the_code_makes() -> None:
    page = (DOCS / "policy.md").read_text(encoding="utf-8")
    assert page == policy_page.markdown(), "python -m nvgre_inspect.encapsulation.policy_page > docs/policy.md"


def test_kinds_of_the_registry_are_kinds() -> None:
    for _, keys in TABLES.values():
        for key in keys:
            assert key.kinds <= set(get_args(Kind))
