"""tshark's tree: what the worker writes becomes nodes, whose numbers of packets are those of the input."""

from __future__ import annotations

import pytest

from nvgre_inspect.wireshark.tree import Node, from_json, renumbered


def test_nodes_from_what_the_worker_wrote() -> None:
    item = ["Transmission Control Protocol", "tcp", "", [["This is an ACK to 3", "tcp.analysis.acks_frame", "3", []]]]
    node = from_json(item, {"tcp.analysis.acks_frame"})
    (child,) = node.children
    assert (node.name, node.is_packet_number, child.value, child.is_packet_number) == ("tcp", False, "3", True)
    assert [(depth, line.name) for depth, line in node.lines()] == [(0, "tcp"), (1, "tcp.analysis.acks_frame")]
    assert node.to_dict()["children"] == [
        {"name": "tcp.analysis.acks_frame", "label": "This is an ACK to 3", "value": "3"}
    ]


@pytest.mark.parametrize("item", [None, 5, ["a"], ["a", "b", "c", 5], [["a", "b", "c"]]])
def test_what_it_cannot_have_written(item: object) -> None:
    with pytest.raises(ValueError, match=r"not a node|unpack"):
        from_json(item, set())


@pytest.mark.parametrize(
    ("node", "label", "value"),
    [
        (Node("Request in frame: 2", "http.request_in", "2", (), True), "Request in frame: 207", "207"),
        # Only the last one is the number.
        (Node("2 of 2", "x.response_in", "2", (), True), "2 of 207", "207"),
        (Node("Response Code: 2", "http.response.code", "2"), "Response Code: 2", "2"),
        (
            Node("2 Reassembled TCP Segments (20 bytes): #1(10), #3(10)", "tcp.segments", ""),
            "2 Reassembled TCP Segments (20 bytes): #105(10), #311(10)",
            "",
        ),
        # A sender's text is no list of packets.
        (Node("Line: #1(10)", "http.file_data", ""), "Line: #1(10)", ""),
        (Node("Request in frame: 9", "http.request_in", "9", (), True), "Request in frame: 9", "9"),
        (Node("Request in frame: 0", "http.request_in", "0", (), True), "Request in frame: 0", "0"),
    ],
)
def test_numbers_of_the_input(node: Node, label: str, value: str) -> None:
    found = renumbered(Node("parent", "", "", (node,)), [105, 207, 311]).children[0]
    assert (found.label, found.value) == (label, value)
