"""What the kernels need to know besides the frames: ports, descriptors, and the initial states."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nvgre_inspect.kernels.headers import WALK
from nvgre_inspect.model.record import RECORD

#: Fields of a record that are -1 until something is known; all others begin with 0.
NONE_FIELDS = [
    "tenant_layer",
    "vsid",
    "flow_id",
    "pa_ttl",
    "pa_tos",
    "ca_mac",
    "src_mac",
    "dst_mac",
    "ethertype",
    "protocol",
    "tos",
    "ttl",
    "ip_id",
    "src_port",
    "dst_port",
    "l4_off",
    "payload_len",
    "tcp_seq",
    "tcp_ack",
    "tcp_window",
    "tcp_mss",
    "tcp_wscale",
    "icmp_type",
    "icmp_code",
    "frag_a_ip",
    "frag_b_ip",
]


def template() -> npt.NDArray[np.void]:
    """One record as it is before the first header is read."""
    record = np.zeros(1, dtype=RECORD)
    for name in NONE_FIELDS:
        record[name] = -1
    return record


def walks() -> npt.NDArray[np.void]:
    """Scratch and initial state of a walk."""
    walk = np.zeros(2, dtype=WALK)
    for name in ("entropy", "ip_claim", "ip_ttl", "ip_tos", "ip_label"):
        walk[name] = -1
    walk["ca_mac"] = walk["ca_ip"] = 1
    return walk
