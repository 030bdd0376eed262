"""Deep dissection of one packet of a session: its conversation is cut out, decapsulated, and given to tshark.

Limits: of a conversation whose two directions have different VSIDs tshark sees the packet's own direction only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nvgre_inspect.wireshark.deep import Deep
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tree import Node

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.session import Session


@dataclass(frozen=True, slots=True)
class DeepPacket:
    """What tshark says of a packet."""

    number: int
    #: tshark's lines, of the tenant's own packet. Texts are as they came: escape them before a terminal sees them.
    tree: tuple[Node, ...]
    #: Whether a tunnel was taken off before tshark saw it.
    stripped: bool
    #: Packets of its conversation that tshark was given, and that were left out for their number.
    given: int
    left_out: int


def deep(
    session: Session, number: int, settings: Settings | None = None, *, snapshot: Snapshot | None = None
) -> DeepPacket:
    """tshark's tree of the packet of that number (from 1), dissected with what its conversation sent before.

    Where nothing was counted yet the input is walked up to that packet; else its flow's packets are read again, of
    those that `snapshot` (None: that of now) counted.
    """
    with Deep(settings or Settings()) as asking:
        from nvgre_inspect.with_tshark.cutting import cut_for  # 0.2 s, in which the other process loads as well

        cut = cut_for(session, number, asking.folder / "packets.pcapng", snapshot)
        tree = asking.tree(cut)
    return DeepPacket(number, tree, cut.stripped, len(cut.numbers), cut.left_out)
