"""Remarks on flows: every case of the TCP lab, and what is not TCP."""

from __future__ import annotations

import pytest

import nvgre_inspect
from nvgre_inspect.flows.flow_health import Remark, remarks
from tests.unit.flows.again import SAMPLES

#: Server port of tcp-lab.pcap -> (severity, part of the sentence) of every remark, in order.
LAB = {
    6001: [("good", "closed by both sides")],
    6002: [("good", "closed"), ("warning", "1 retransmission from the initiator")],
    6005: [("good", "closed"), ("note", "1 segment from the initiator out of order")],
    6006: [("good", "closed"), ("note", "2 packets captured twice")],
    6007: [("error", "reset by the responder"), ("error", "1 gap in the data from the initiator neither")],
    6008: [("good", "closed"), ("note", "2 gaps in the data from the initiator, acknowledged")],
    6009: [("good", "closed")],
    6010: [("good", "closed"), ("warning", "the responder announced a window of 0 2 times")],
    6015: [("error", "refused")],
    6016: [("error", "no answer to the SYN"), ("warning", "2 retransmissions from the initiator")],
    6017: [("good", "closed by both sides")],
    6019: [("good", "closed by both sides")],
}


@pytest.fixture(scope="module")
def lab():
    with nvgre_inspect.open(SAMPLES / "tcp-lab.pcap") as session:
        return session.flows


def flow_of(flows, port):
    return flows[(flows["dst_port"] == port) | (flows["src_port"] == port)].iloc[0].to_dict()


@pytest.mark.parametrize("port", LAB)
def test_every_case_of_the_lab(lab, port):
    found = remarks(flow_of(lab, port))
    assert [remark.severity for remark in found] == [severity for severity, _ in LAB[port]]
    for remark, (_, words) in zip(found, LAB[port], strict=True):
        assert remark.text.startswith(words)


def test_a_reset_after_answers_is_not_a_refusal(lab):
    reset = flow_of(lab, 6015) | {"packets_rev": 5}
    assert remarks(reset)[0] == Remark("error", "reset by the responder")


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"state": "established"}, "good", "established, and still open"),
        ({"state": "closing"}, "note", "closed by one side"),
        ({"state": "midstream"}, "note", "began before the capture"),
        ({"state": "syn-received"}, "warning", "SYN answered, but the handshake"),
        ({"retransmissions_rev": 1, "packets_rev": 1000}, "note", "1 retransmission from the responder, 0.1%"),
        ({"window_scale_rev": None}, "note", "no window scaling: only the initiator offers it"),
        ({"mss_fwd": 1460, "mss_rev": 1460}, "note", "full segments (MSS 1460) make outer packets of 1,542 bytes"),
        ({"anomalies": ("ip-total-length-zero",)}, "warning", "anomalies: ip-total-length-zero"),
        ({"reverse_flow": 77}, "note", "one half: the opposite direction is flow 77"),
    ],
)
def test_what_one_column_says(lab, changes, severity, words):
    found = remarks(flow_of(lab, 6001) | changes)
    assert [r.severity for r in found if r.text.startswith(words)] == [severity]


def test_a_half_says_nothing_about_its_unknown_losses():
    with nvgre_inspect.open(SAMPLES / "asymmetric-vsid.pcap") as session:
        halves = session.flows[session.flows["reverse_flow"].notna() & (session.flows["protocol"] == "tcp")]
    assert len(halves)
    for flow in halves.to_dict("records"):
        texts = [remark.text for remark in remarks(flow)]
        assert any(text.startswith("one half") for text in texts)
        assert not any("gap" in text for text in texts)


def test_full_segments_that_fit_are_not_worth_a_word(lab):
    texts = [r.text for r in remarks(flow_of(lab, 6001) | {"mss_fwd": 1400, "mss_rev": 1460})]
    assert not any("MSS" in text for text in texts)


def test_every_flow_of_every_sample_has_remarks_of_known_severity():
    count = 0
    for path in sorted(SAMPLES.glob("*.pcap*")):
        with nvgre_inspect.open(path) as session:
            for flow in session.flows.to_dict("records"):
                assert {r.severity for r in remarks(flow)} <= {"good", "note", "warning", "error"}
                count += 1
    assert count > 400


def test_an_unanswered_datagram_is_noted_and_a_half_is_not():
    with nvgre_inspect.open(SAMPLES / "fabric.pcapng") as session:
        flows = session.flows
    flow = flows[(flows["protocol"] == "udp") & (flows["packets_rev"] == 0)].iloc[0].to_dict()
    flow |= {"dst_mac": "02:00:00:00:00:01"}
    assert "one direction only: no answers were seen" in [r.text for r in remarks(flow)]
    for excused in ({"reverse_flow": 3}, {"dst_mac": "ff:ff:ff:ff:ff:ff"}, {"dst_mac": "01:00:5e:00:00:fb"}):
        assert "one direction only" not in " ".join(r.text for r in remarks(flow | excused))
