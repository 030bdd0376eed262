"""Completion of filters: what is offered where, and that nothing is offered that would not do."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.flows.filter import FilterError, compile_filter
from nvgre_inspect.flows.filter.catalogue import Catalogue
from nvgre_inspect.flows.filter.completion import MOST, Candidate, Completion, complete_at
from nvgre_inspect.flows.filter.field import Type
from nvgre_inspect.flows.filter.present import Value, present
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.session import open_session

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
VALUES = {
    "vsid": (Value("5001", "nvgre blue (6 flows)", "nvgre"), Value("7001", "vxlan (1 flow)", "vxlan")),
    "encap": (Value("nvgre"), Value("vxlan")),
    "protocol": (Value("tcp"), Value("0x88b5")),
    "state": (Value("established"), Value("reset")),
    "src_ip": (Value("10.0.0.1"), Value("fd00::1")),
    "dst_ip": (Value("10.0.0.2"), Value("10.0.0.1")),
    "pa_src": (Value("192.0.2.1", "host-a"),),
    "pa_dst": (Value("192.0.2.2"),),
    "dst_port": (Value("443", "3 rows"),),
    "title": (Value('say "hi"\x1b[31m'), Value("and")),
}


def offered(text, table="flows", cursor=None):
    made = complete_at(text, len(text) if cursor is None else cursor, table, VALUES)
    return [candidate.text for candidate in made.candidates]


def completed(text, choice, table="flows", cursor=None):
    """The text with the cursor as |, after that candidate was chosen."""
    made = complete_at(text, len(text) if cursor is None else cursor, table, VALUES)
    (chosen,) = [candidate for candidate in made.candidates if candidate.text == choice]
    text, cursor = made.applied(text, chosen)
    return f"{text[:cursor]}|{text[cursor:]}"


def test_fields_where_a_test_begins():
    assert offered("")[:3] == ["flow", "encap", "vsid"]
    assert offered("vs") == ["vsid", "nvgre.vsid"]
    assert offered("retr") == ["retransmissions_fwd", "retransmissions_rev"]
    for text in ("tcp and vs", "tcp && vs", "not vs", "!vs", "(vs", "tcp or (not vs", "any vs"):
        assert offered(text) == ["vsid", "nvgre.vsid"], text


def test_names_that_begin_so_come_before_those_with_such_a_part_and_such_letters():
    names = offered("port")
    assert names[:3] == ["src_port", "dst_port", "tcp.port"]
    assert "sctp.srcport" in names
    assert names.index("tcp.port") < names.index("sctp.srcport")
    assert offered("TCP.P")[0] == "tcp.port"


def test_prefixed_names_are_offered_to_whoever_begins_a_prefix():
    assert not any(name.startswith("inner.") for name in offered("tcp", "packets"))
    assert offered("inner.tcp.fl", "packets")[0] == "inner.tcp.flags"
    assert offered("oute", "packets")[0].startswith("outer.")


def test_operators_fit_the_field():
    assert offered("vsid ") == ["==", "!=", ">", ">=", "<", "<=", "in {", "&", "and", "or"]
    assert offered("state ") == ["==", "!=", "contains", "matches", "in {", "and", "or"]
    assert offered("ip.addr ") == ["==", "!=", "in {", "and", "or"]
    assert offered("tcp ") == ["and", "or"]
    assert offered("vsid =") == ["=="]
    assert offered("vsid >") == [">="]
    assert offered("vsid c") == []
    assert offered("state c") == ["contains"]
    assert offered("(tcp ") == ["and", "or", ")"]
    assert offered("xyzzy ") == ["and", "or"]


def test_values_that_are_present():
    assert offered("vsid == ") == ["5001", "7001"]
    assert offered("vsid ==") == ["5001", "7001"]
    assert offered("vsid == 70") == ["7001"]
    assert offered("vsid eq 70") == ["7001"]
    assert offered("nvgre.vsid == ") == ["5001"]
    assert offered("vxlan.vni == ") == ["7001"]
    assert offered("pa.addr == ") == ["192.0.2.1", "192.0.2.2"]
    assert offered("ip.addr == 10") == ["10.0.0.1", "10.0.0.2"]
    assert offered("ipv6.src == ") == ["fd00::1"]
    assert offered("tunnel.type == ") == ["nvgre", "vxlan"]
    assert offered("retransmissions_fwd > ") == []
    assert offered("xyzzy == ") == []


def test_a_name_finds_its_number():
    assert offered("vsid == blue") == ["5001"]
    assert completed("vsid == blue", "5001") == "vsid == 5001 |"
    assert offered("pa.src == host-a") == ["192.0.2.1"]


def test_values_of_packets_are_those_of_their_flows():
    assert offered("tcp.dstport == ", "packets") == ["443"]
    assert offered("vsid == ", "packets") == ["5001", "7001"]
    assert offered("tcp.flags.syn == ", "packets") == ["1", "0"]
    assert offered("state == ", "packets") == ["established", "reset"]


def test_sets():
    assert offered("vsid in ") == ["{"]
    assert offered("vsid in {") == ["5001", "7001"]
    assert offered("vsid in {5001") == []
    assert offered("vsid in {5001 ") == [", ", "}"]
    assert offered("vsid in {5001, ") == ["5001", "7001"]
    assert offered("vsid in {5001..") == ["5001", "7001"]
    assert offered("vsid in {5001} ") == ["and", "or"]
    assert offered("vsid not in {") == ["5001", "7001"]
    assert completed("vsid i", "in {") == "vsid in {|"


def test_texts_are_quoted_where_they_have_to_be():
    assert offered("protocol == ") == ["tcp", '"0x88b5"']
    assert offered('protocol == "t') == ['"tcp"']
    assert offered("title == ", "findings") == [r'"say \"hi\"\x1b[31m"', '"and"']
    assert completed('protocol == "t', '"tcp"') == 'protocol == "tcp" |'


def test_the_word_under_the_cursor_is_replaced():
    assert completed("vs == 1 and tcp", "vsid", cursor=2) == "vsid |== 1 and tcp"
    assert completed("tcp and vxid == 1", "vsid", cursor=9) == "tcp and vsid |== 1"
    assert completed("vsid ==", "5001") == "vsid == 5001 |"
    assert completed("vsid == 50", "5001", cursor=8) == "vsid == 5001 |50"


def test_what_makes_no_sense_gets_nothing():
    for text in ("vsid == 5001 vs", "== ", "vsid == == ", "tcp ) ", "vsid in 5", "vsid & & ", "}", "'", "\x00"):
        assert offered(text) == [], text


def test_it_is_bounded():
    assert len(offered("", "packets")) == MOST
    assert complete_at("x" * 100_000, 100_000, "flows", VALUES) == Completion(0, 0, ())


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["vsid", "tcp.port", "ip.addr", "==", "!=", "in", "{", "}", ",", "(", ")", "and", "not", "5001"]
        )
        | st.text(max_size=4),
        max_size=8,
    ).map(" ".join),
    st.integers(0, 60),
    st.sampled_from([None, *TABLES]),
)
def test_nothing_raises_whatever_is_typed(text, cursor, table):
    cursor = min(cursor, len(text))
    made = complete_at(text, cursor, table, VALUES)
    for candidate in made.candidates:
        new, place = made.applied(text, candidate)
        assert 0 <= made.start <= cursor <= made.end <= len(text)
        assert candidate.text in new[:place]


@pytest.fixture(scope="module", params=["overlapping-tenants.pcap", "fabric.pcapng"])
def snapshot(request):
    with open_session(SAMPLES / request.param) as session:
        return session.read().snapshot()


@pytest.mark.parametrize("table", [name for name in TABLES if name != "timeline"])
def test_every_value_offered_is_one_that_the_filter_takes(snapshot, table):
    values = present(snapshot, table)
    tried = 0
    for name, field in Catalogue(table).fields.items():
        if field.type is not Type.PROTOCOL:
            text = f"{name} == "
            for candidate in complete_at(text, len(text), table, values).candidates:
                compile_filter(text + candidate.text, table=table)
                tried += 1
    assert tried >= 2


def test_every_operator_offered_is_one_that_the_field_takes():
    for table in ("flows", "packets"):
        for name, field in Catalogue(table).fields.items():
            if field.type is Type.PROTOCOL:
                continue
            for candidate in complete_at(f"{name} ", len(name) + 1, table, {}).candidates:
                if candidate.text in ("and", "or"):
                    continue
                value = '"a"' if candidate.text == "matches" else SOME[field.type]
                text = f"{name} {candidate.text} {value}" + (" }" if candidate.text == "in {" else "")
                try:
                    compile_filter(text, table=table)
                except FilterError as error:  # pragma: no cover
                    pytest.fail(f"{text}: {error}")


SOME = {
    Type.INTEGER: "1",
    Type.BOOLEAN: "1",
    Type.FLOAT: "1",
    Type.TIME: "1",
    Type.DURATION: "1",
    Type.IPV4: "10.0.0.1",
    Type.IPV6: "::1",
    Type.IP: "::1",
    Type.MAC: "02:00:00:00:00:01",
    Type.TEXT: "x",
    Type.BYTES: "02",
}


def test_what_is_present(snapshot):
    values = present(snapshot, "flows")
    assert [value.text for value in values["vsid"]] == [
        str(vsid)
        for vsid in snapshot.tenants.sort_values("flows", ascending=False, kind="stable")["vsid"].dropna().tolist()
    ]
    addresses = {value.text for value in values["pa_src"]}
    assert addresses == {str(a) for a in {*snapshot.tunnels["pa_src"].dropna(), *snapshot.tunnels["pa_dst"].dropna()}}
    assert {value.text for value in values["state"]} == set(snapshot.flows["state"])
    assert present(snapshot, "packets") == values


def test_columns_with_too_many_values_offer_none(snapshot, monkeypatch):
    from nvgre_inspect.flows.filter import present as module

    monkeypatch.setattr(module, "MOST", 1)
    values = present(snapshot, "flows")
    assert "state" not in values
    assert len(values["vsid"]) == 1


def test_candidates_are_plain_data():
    assert Candidate("==", "x") == Candidate("==", "x", True)
