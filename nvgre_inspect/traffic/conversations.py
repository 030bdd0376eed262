"""Conversations: which segment of which TCP connection each packet of a bench profile is, for many packets at once.

Packet n belongs to flow n mod `flows` and is its k-th, k = n div `flows`: a handshake, then a download over TLS (every
second flow: one request, then segments of 1,398 bytes that carry records of 15 kB, an acknowledgement every second one)
or requests of 140 and responses of 420 bytes in a protocol of somebody's own, and a teardown if there is room for it.
Nothing is remembered from packet to packet: sequence numbers follow from k.

    k           0    1        2    3        4 ...            last-1          last
    download    SYN  SYN-ACK  ACK  request  data data ACK …  FIN of client   FIN of server
    exchange    SYN  SYN-ACK  ACK  request  response ACK …   FIN of client   FIN of server
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SEGMENT = 1398
REQUEST = 140
RESPONSE = 420
#: Header of a TLS record, which its first segment begins with, and the segments of a record.
TLS = 5
_RECORD_SEGMENTS = 11
#: A connection of fewer packets is left open.
_SHORTEST_CLOSED = 6
_SYN, _SYN_ACK, _ACK, _PUSH_ACK, _FIN_ACK = 0x02, 0x12, 0x10, 0x18, 0x11


@dataclass(frozen=True, slots=True)
class Segments:
    """One entry per packet."""

    flow: Ints
    #: Which of the flow's packets it is, from 0.
    k: Ints
    download: Bools
    #: From the server to the client.
    reverse: Bools
    #: Bytes of payload, and the length field of the TLS record (or message) that begins with it; 0: none does.
    payload: Ints
    record: Ints
    flags: Ints
    #: Sequence and acknowledgement number, not yet modulo 2^32.
    seq: Ints
    ack: Ints

    @property
    def syn(self) -> Bools:
        """Segments of the handshake that carry SYN."""
        return np.asarray(self.k < 2)


def segments(number: Ints, packets: int, flows: int, seed: int) -> Segments:
    """The segments of the packets with these numbers, of a capture of so many `packets` and `flows`."""
    flow, k = number % flows, number // flows
    # The last round may not reach every flow.
    last = (packets - 1 - flow) // flows
    closing = (last >= _SHORTEST_CLOSED) & (k >= last - 1)
    download = flow % 2 == 0
    turn = np.where(download, (k - 4) % 3, (k - 3) % 3)
    request = np.where(download, k == 3, (k > 2) & (turn == 0)) & ~closing
    response = np.where(download, (k > 3) & (turn < 2), (k > 2) & (turn == 1)) & ~closing
    reverse = np.where(closing, k == last, response | (k == 1))
    payload = np.where(request, REQUEST, np.where(response, np.where(download, SEGMENT, RESPONSE), 0))
    # The two rounds of the teardown carry no data.
    asked, full_segments, answered = _before(np.minimum(k, np.where(closing, last - 1, k)), download)
    flags = np.where(k == 0, _SYN, np.where(k == 1, _SYN_ACK, np.where(payload > 0, _PUSH_ACK, _ACK)))
    client_seq = flow * 2_654_435_761 + seed * 40_503 + np.where(k > 0, 1, 0) + asked
    server_seq = flow * 2_246_822_519 + seed * 69_621 + 77 + np.where(k > 1, 1, 0) + answered
    # The server's FIN, in the last round, acknowledges the client's.
    client_seen = client_seq + np.where(closing & (k == last), 1, 0)
    first = np.where(full_segments % _RECORD_SEGMENTS == 0, SEGMENT * _RECORD_SEGMENTS, 0)
    record = np.where(download & response, first, payload)
    return Segments(
        flow=flow,
        k=k,
        download=download,
        reverse=reverse,
        payload=payload,
        record=np.where(download & (record > 0), record - TLS, 0),
        flags=np.where(closing, _FIN_ACK, flags),
        seq=np.where(reverse, server_seq, client_seq),
        ack=np.where(k == 0, 0, np.where(reverse, client_seen, server_seq)),
    )


def _before(rounds: Ints, download: Bools) -> tuple[Ints, Ints, Ints]:
    """What went before that round: bytes asked, segments of a download, bytes answered."""
    exchanges = np.maximum(rounds - 3, 0)
    asked = np.where(download, np.minimum(exchanges, 1), (exchanges + 2) // 3) * REQUEST
    after = np.maximum(rounds - 4, 0)
    full_segments = after // 3 * 2 + np.minimum(after % 3, 2)
    answered = np.where(download, full_segments * SEGMENT, (exchanges + 1) // 3 * RESPONSE)
    return asked, full_segments, answered
