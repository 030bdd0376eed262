"""Scenario files: reading, defaults, every error with the path that it names, and any document at all."""

from __future__ import annotations

import copy
import dataclasses
import tomllib
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.traffic import scenario_page
from nvgre_inspect.traffic.fault_keys import BY_KIND as FAULT_KEYS
from nvgre_inspect.traffic.fault_keys import COMMON as FAULT_COMMON
from nvgre_inspect.traffic.fault_keys import SELECTION
from nvgre_inspect.traffic.fault_specs import FAULTS, Fault, Loss, Selection
from nvgre_inspect.traffic.scenario import HostSpec, LinkSpec, PathSpec, Point, TCPOptions
from nvgre_inspect.traffic.scenario_file import ScenarioError, load, loads, parse
from nvgre_inspect.traffic.scenario_keys import TABLES
from nvgre_inspect.traffic.workload_keys import BY_KIND as WORKLOAD_KEYS
from nvgre_inspect.traffic.workload_keys import COMMON as WORKLOAD_COMMON
from nvgre_inspect.traffic.workload_specs import WORKLOADS, Distribution, Ping, Workload

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs"


def document(**changes: Any) -> dict[str, Any]:
    """A small scenario; a change replaces a whole table."""
    return {
        "scenario": {"name": "small"},
        "host": [{"name": "a", "pa": "192.0.2.1"}, {"name": "b", "pa": "192.0.2.2"}],
        "tenant": [
            {
                "vsid": 5001,
                "name": "blue",
                "vm": [{"name": "web", "host": "a"}, {"name": "db", "host": "b"}],
                "workload": [{"kind": "ping"}],
            }
        ],
        "point": [{"name": "uplink-a", "uplink": "a"}],
        **changes,
    }


def with_tenant(**changes: Any) -> dict[str, Any]:
    result = document()
    result["tenant"][0] |= changes
    return result


def with_workload(**workload: Any) -> dict[str, Any]:
    return with_tenant(workload=[workload])


def with_fault(**fault: Any) -> dict[str, Any]:
    return document(fault=[fault])


def problems(document: dict[str, Any]) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse(document, HERE)
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return list(caught.value.problems)


def test_what_a_file_does_not_say_follows():
    scenario = parse(document(), HERE)
    assert scenario.hosts[0] == HostSpec(name="a", pa=IPv4Address("192.0.2.1"), mac=bytes.fromhex("0200c0000201"))
    assert scenario.paths == (PathSpec(name="fabric"),)
    assert scenario.encapsulation == Encapsulation()
    (tenant,) = scenario.tenants
    assert [vm.ips for vm in tenant.vms] == [(IPv4Address("10.0.0.1"),), (IPv4Address("10.0.0.2"),)]
    assert [vm.mac.hex(":") for vm in tenant.vms] == ["00:15:5d:00:00:01", "00:15:5d:00:00:02"]
    assert tenant.workloads == (Ping(name="ping-0"),)
    assert tenant.tcp == TCPOptions()
    assert scenario.points == (Point(name="uplink-a", uplink="a"),)


def test_links_take_what_they_do_not_say_from_the_underlay():
    changed = document(
        underlay={"mtu": 9000, "delay": "1ms"},
        host=[{"name": "a", "pa": "192.0.2.1", "bandwidth": "1Gbit"}, {"name": "b", "pa": "192.0.2.2", "mtu": 1600}],
        path=[{"name": "s1"}, {"name": "s2", "delay": "2ms", "hops": 3}],
    )
    scenario = parse(changed, HERE)
    assert [host.link for host in scenario.hosts] == [
        LinkSpec(mtu=9000, delay_ns=1_000_000, bandwidth_bps=10**9),
        LinkSpec(mtu=1600, delay_ns=1_000_000),
    ]
    assert [path.link.delay_ns for path in scenario.paths] == [1_000_000, 2_000_000]
    assert [path.hops for path in scenario.paths] == [1, 3]


def test_machines_get_the_next_free_addresses_on_the_hosts_in_turn():
    changed = with_tenant(
        subnet=["10.1.0.0/29", "fd00::/64"],
        vm=[{"name": "web", "host": "b", "ip": ["10.1.0.2", "fd00::1"]}, {"name": "vm1", "host": "b"}],
        vms=3,
    )
    (tenant,) = parse(changed, HERE).tenants
    assert [(vm.name, vm.host, *map(str, vm.ips)) for vm in tenant.vms] == [
        ("web", "b", "10.1.0.2", "fd00::1"),
        ("vm1", "b", "10.1.0.1", "fd00::2"),
        ("vm2", "a", "10.1.0.3", "fd00::3"),
        ("vm3", "b", "10.1.0.4", "fd00::4"),
        ("vm4", "a", "10.1.0.5", "fd00::5"),
    ]
    assert {vm.prefixes for vm in tenant.vms} == {(29, 64)}


def test_machines_of_different_tenants_may_have_equal_addresses_and_have_different_macs():
    red = {**document()["tenant"][0], "vsid": 5002, "name": "red"}
    first, second = parse(document(tenant=[*document()["tenant"], red]), HERE).tenants
    assert [vm.ips for vm in first.vms] == [vm.ips for vm in second.vms]
    assert not {vm.mac for vm in first.vms} & {vm.mac for vm in second.vms}


def test_times_rates_and_sizes_have_units():
    changed = document(
        scenario={"name": "x", "duration": "1.5s", "start": tomllib.loads("t=2024-05-01T12:00:00.25Z")["t"]},
        underlay={"bandwidth": "2.5Gbit", "delay": "1500ns", "queue": "64KiB"},
    )
    scenario = parse(changed, HERE)
    assert scenario.duration_ns == 1_500_000_000
    assert scenario.start_ns == 1_714_564_800_250_000_000
    link = scenario.hosts[0].link
    assert (link.bandwidth_bps, link.delay_ns, link.queue) == (2_500_000_000, 1500, 65536)


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("20ms", Distribution(mean=20_000_000)),
        ({"exponential": "1s"}, Distribution("exponential", 10**9)),
        ({"pareto": "1s", "shape": 1.2, "high": "1min"}, Distribution("pareto", 10**9, 1.2, 0, 60 * 10**9)),
        ({"lognormal": "5ms", "sigma": 0.5, "low": "1ms"}, Distribution("lognormal", 5_000_000, 0.5, 1_000_000)),
        ({"choice": ["1ms", "2ms"]}, Distribution("choice", values=(1_000_000, 2_000_000))),
        ({"choice": ["1ms", "2ms"], "weights": [9, 1]}, Distribution("choice", 0, 0, 0, 0, (10**6, 2 * 10**6), (9, 1))),
    ],
)
def test_what_is_drawn(written, drawn):
    (tenant,) = parse(with_workload(kind="ping", every=written), HERE).tenants
    assert tenant.workloads[0].every == drawn


def test_a_fault_names_its_tenant_by_name_or_vsid():
    for tenant in ("blue", 5001):
        scenario = parse(with_fault(kind="loss", tenant=tenant, vm="web", probability=0.5, **{"from": "10ms"}), HERE)
        assert scenario.faults == (
            Loss(id="loss-0", selection=Selection(tenant=5001, vm="web"), from_ns=10_000_000, probability=0.5),
        )


def test_a_point_names_its_machine_by_tenant_and_name():
    for vnic in ("blue/web", "5001/web"):
        scenario = parse(document(point=[{"name": "inside", "vnic": vnic}]), HERE)
        assert scenario.points == (Point(name="inside", vnic=(5001, "web")),)


def test_every_kind_can_be_written_with_nothing_but_what_it_needs():
    needed = {
        "wrong-vsid": {"vsid": 5002},
        "leak": {"vsid": 5002},
        "bad-ecmp-member": {"path": "fabric"},
        "migration": {"to": "b", "tenant": 5001, "vm": "web"},
        "duplicate-mac": {"other": "db", "tenant": 5001, "vm": "web"},
        "arp-unanswered": {"tenant": 5001, "vm": "web"},
        "mirror-duplicates": {"point": "uplink-a"},
        "clock": {"point": "uplink-a"},
        "capture-drops": {"point": "uplink-a"},
    }
    scenario = parse(document(fault=[{"kind": kind, **needed.get(kind, {})} for kind in FAULTS]), HERE)
    assert [type(fault) for fault in scenario.faults] == list(FAULTS.values())
    servers = {"dhcp": {"servers": "web"}, "script": {"script": "+0 > udp 1"}}
    changed = with_tenant(workload=[{"kind": kind, **servers.get(kind, {})} for kind in WORKLOADS])
    (tenant,) = parse(changed, HERE).tenants
    assert [type(workload) for workload in tenant.workloads] == list(WORKLOADS.values())


def test_the_registry_has_every_field_of_every_dataclass():
    made = {"link", "vms", "workloads", "tcp", "prefixes", "hosts", "paths", "tenants", "faults", "points"}
    made |= {"frames", "encapsulation", "selection", "policy"}
    underlay = {key.field or key.name for key in TABLES["underlay"][1]}
    for kind, keys in [
        *TABLES.values(),
        *((WORKLOADS[name], (*WORKLOAD_COMMON, *keys)) for name, keys in WORKLOAD_KEYS.items()),
        *((FAULTS[name], (*FAULT_COMMON, *keys)) for name, keys in FAULT_KEYS.items()),
        (Selection, SELECTION),
    ]:
        named = {key.field or key.name for key in keys}
        own = {field.name for field in dataclasses.fields(kind)}
        assert own - named - made <= (underlay if kind is HostSpec else set()), kind
        assert named - own <= {"kind", "subnet", "vms", "policy"}, kind


def test_classes_of_kinds_are_called_as_in_the_file():
    for table, base in ((WORKLOADS, Workload), (FAULTS, Fault)):
        assert all(issubclass(kind, base) and name == kind.KIND for name, kind in table.items())
    assert list(WORKLOAD_KEYS) == list(WORKLOADS)
    assert list(FAULT_KEYS) == list(FAULTS)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (document(hosts=[]), "hosts: unknown key; did you mean host?"),
        (document(scenario={}), "scenario.name: is missing"),
        (document(scenario={"name": "a b"}), "scenario.name: has to be a name of letters"),
        (document(scenario={"name": "x", "seed": -1}), "scenario.seed: has to be a whole number from 0 to"),
        (document(scenario={"name": "x", "start": "2024"}), "scenario.start: has to be a date and time"),
        (document(scenario={"name": "x", "policy": "none.toml"}), "scenario.policy: none.toml: No such file"),
        (document(scenario={"name": "x", "policy": "a\0b"}), "scenario.policy: "),
        (document(host={"name": "a"}), "host: has to be a list of tables: [[host]], not [host]"),
        (document(underlay={"delay": "1 parsec"}), "underlay.delay: has to be a time"),
        (document(underlay={"delay": "0.5ns"}), "underlay.delay: has to be a time"),
        (document(underlay={"delay": False}), "underlay.delay: has to be a time"),
        (document(underlay={"bandwidth": "10 Gbyte"}), "underlay.bandwidth: has to be a rate"),
        (document(encapsulation={"kind": "gre"}), "encapsulation.kind: gre carries no Ethernet"),
        (document(encapsulation={"kind": "nvgre", "checksum": True}), "encapsulation.checksum: true makes no sense"),
        (with_tenant(vm=7), "tenant[0].vm: has to be a list of tables"),
        (with_tenant(vm=[{"name": "x"}]), "tenant[0].vm[0].host: is missing"),
        (with_tenant(subnet="10.0.0.0/31"), "tenant[0].subnet: has to be a prefix"),
        (with_tenant(subnet=["10.0.0.0/24", "10.1.0.0/24"]), "tenant[0].subnet: has two prefixes of one IP version"),
        (with_tenant(subnet="10.0.0.0/30", vms=9), "tenant[0].vms: no address is left in 10.0.0.0/30"),
        (with_tenant(vm=[{"name": "web", "host": "a", "ip": "10.9.0.1"}]), "tenant[0].vm[0].ip: 10.9.0.1 is not in"),
        (with_tenant(tcp={"sack": 1}), "tenant[0].tcp.sack: has to be true or false, not 1"),
        (with_workload(), "tenant[0].workload[0].kind: is missing"),
        (with_workload(kind="pong", size=3), "tenant[0].workload[0].kind: has to be one of"),
        (with_workload(kind="ping", sise=3), "tenant[0].workload[0].sise: unknown key; did you mean"),
        (with_workload(kind="ping", every={"mean": "1s"}), "tenant[0].workload[0].every: has to have one of"),
        (with_workload(kind="ping", every="0s"), "tenant[0].workload[0].every: has to be a time"),
        (
            with_workload(kind="ping", every={"pareto": "1s", "shape": 1}),
            "tenant[0].workload[0].every.shape: has to be above 1",
        ),
        (
            with_workload(kind="ping", every={"exponential": "1s", "sigma": 1}),
            "tenant[0].workload[0].every.sigma: unknown key",
        ),
        (
            with_workload(kind="ping", every={"choice": ["1s"], "weights": [1, 2]}),
            "tenant[0].workload[0].every.weights: has to be a list as long as that of choice",
        ),
        (
            with_workload(kind="ping", every={"choice": ["1s"], "weights": [0]}),
            "tenant[0].workload[0].every.weights: one of them has to be above 0",
        ),
        (
            with_workload(kind="ping", every={"exponential": "1s", "low": "3s", "high": "2s"}),
            "tenant[0].workload[0].every.low: is above tenant[0].workload[0].every.high",
        ),
        (with_fault(kind="los"), "fault[0].kind: has to be one of"),
        (with_fault(kind="loss", probability=2), "fault[0].probability: has to be a probability from 0 to 1, not 2"),
        (with_fault(kind="loss", tenant="green"), "fault[0].tenant: green is not the name of any tenant"),
        (with_fault(kind="loss", tunnel=["a"]), "fault[0].tunnel: has to be a list of two hosts"),
        (with_fault(kind="leak"), "fault[0].vsid: is missing"),
        (document(point=[{"name": "x", "vnic": "web"}]), "point[0].vnic: has to be a tenant and a machine as"),
    ],
)
def test_what_is_wrong_is_said_with_the_path_of_its_key(changed, sentence):
    found = problems(changed)
    assert any(problem.startswith(sentence) for problem in found), found


def test_a_word_that_is_nearly_right_is_named():
    assert problems(with_fault(kind="los"))[0].endswith("not 'los'; did you mean \"loss\"?")
    assert "did you mean" not in problems(with_fault(kind="xyzzy"))[0]


def test_everything_that_is_wrong_is_said_at_once():
    changed = document(underlay={"mtu": 1, "delay": 1}, fault=[{"kind": "loss", "probability": "often"}], pint=[])
    assert len(problems(changed)) == 4


def test_errors_of_files_begin_with_their_names(tmp_path):
    path = tmp_path / "s.toml"
    for content, said in (
        (b"[scenario\n", "not valid TOML"),
        (b"\xff", "not UTF-8 text"),
        (b"x=" + b"[" * 5000, "not valid TOML: nested too deeply"),
        (b"", "scenario.name: is missing"),
    ):
        path.write_bytes(content)
        with pytest.raises(ScenarioError) as caught:
            load(path)
        assert caught.value.problems[0].startswith(f"{path}: {said}")
    with pytest.raises(OSError, match="nowhere"):
        load(tmp_path / "nowhere.toml")


def test_a_policy_beside_the_file_takes_the_place_of_the_derived_one(tmp_path):
    (tmp_path / "policy.toml").write_text(
        '[encapsulation]\nkind = "vxlan"\n[[host]]\npa = "192.0.2.1"\nmac = "02:00:00:00:00:01"\n'
        '[[host]]\npa = "192.0.2.2"\nmac = "02:00:00:00:00:02"\n'
        '[[subnet]]\nvsid = 5001\naddress = [{ pa = "192.0.2.1", mac = "00:15:5d:00:00:01" }]\n'
    )
    changed = document(scenario={"name": "x", "policy": "policy.toml"})
    scenario = parse(changed, tmp_path)
    assert scenario.policy is not None
    assert scenario.encapsulation.kind == "vxlan"
    with pytest.raises(ScenarioError, match="makes no sense beside"):
        parse(changed | {"encapsulation": {"kind": "nvgre"}}, tmp_path)
    with pytest.raises(ScenarioError, match=r"host\[0\].pa: 192.0.2.9 is not in the policy"):
        parse(changed | {"host": [{"name": "a", "pa": "192.0.2.9"}, {"name": "b", "pa": "192.0.2.2"}]}, tmp_path)
    (tmp_path / "policy.toml").write_text("[encapsulation]\nkind = 7\n")
    with pytest.raises(ScenarioError, match=r"scenario.policy: .*encapsulation.kind"):
        parse(changed, tmp_path)


def test_a_parsed_document_stays_as_it_was():
    given = with_fault(kind="loss", tunnel=["a", "b"])
    before = copy.deepcopy(given)
    parse(given, HERE)
    assert given == before


def test_the_page_is_made_from_the_registry():
    page = (DOCS / "scenarios.md").read_text(encoding="utf-8")
    assert page == scenario_page.markdown(), "python -m nvgre_inspect.traffic.scenario_page > docs/scenarios.md"


def test_the_example_of_the_page_is_a_scenario():
    scenario = loads(scenario_page.EXAMPLE.encode(), "example", HERE)
    assert [tenant.vsid for tenant in scenario.tenants] == [5001, 5002]
    assert scenario.tenants[0].vms[1].ip(4) == ip_address("10.0.0.80")


# Any document

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["20ms", "blue"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KEYS = sorted({key.name for _, keys in TABLES.values() for key in keys} | {"vm", "workload", "tcp", "kind", "every"})
_TABLES = st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=4), _VALUES, max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*TABLES, "fault"]), _TABLES | st.lists(_TABLES, max_size=3) | _VALUES))
def test_any_document_is_read_or_refused_in_sentences(given_document):
    try:
        parse(given_document, HERE)
        refused = False
    except ScenarioError as error:
        refused = all(error.problems)
    # Nothing that is drawn here names all that a scenario needs.
    assert refused
