"""What the kernels need to know besides the frames: ports, descriptors, and the initial states."""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

from nvgre_inspect.kernels import headers
from nvgre_inspect.model.options import DecodeOptions
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


def walks(options: DecodeOptions) -> npt.NDArray[np.void]:
    """Scratch and initial state of a walk."""
    walk = np.zeros(2, dtype=headers.WALK)
    walk["inner_layers"] = options.inner if isinstance(options.inner, int) else {"tenant": 0, "all": -1}[options.inner]
    for name in ("entropy", "ip_claim", "ip_ttl", "ip_tos", "ip_label"):
        walk[name] = -1
    walk["ca_mac"] = walk["ca_ip"] = 1
    return walk


_NEXT = {
    "ethernet": headers.NEXT_ETHERNET,
    "ip": headers.NEXT_IP,
    "ipv4": headers.NEXT_IPV4,
    "ipv6": headers.NEXT_IPV6,
    "ethertype": headers.NEXT_ETHERTYPE,
    "stop": headers.NEXT_STOP,
}
_GRE_KEYS = {"auto": headers.GRE_KEY_AUTO, "nvgre": headers.GRE_KEY_NVGRE, "key32": headers.GRE_KEY_32}


def lookup_tables(options: DecodeOptions) -> npt.NDArray[np.void]:
    """One TABLES row: what the options say about ports, protocols, users' headers and keys."""
    tables = np.zeros(1, dtype=headers.TABLES)
    dispatch = options.tables
    tables["udp_kind"][0] = np.frombuffer(dispatch.udp, np.uint8)
    tables["protocol_kind"][0] = np.frombuffer(dispatch.ip, np.uint8)
    tables["ether_kind"][0] = np.frombuffer(dispatch.ethertype, np.uint8)
    for row, fixed in enumerate(dispatch.user):
        at = row * headers.D_SIZE
        tables["descriptors"][0, at : at + headers.D_SIZE] = (
            fixed.length,
            fixed.id_offset,
            fixed.id_length,
            fixed.id_shift,
            fixed.id_mask,
            _NEXT[fixed.next],
            fixed.next_offset,
        )
    tables["gre_key"] = _GRE_KEYS[options.gre_key]
    # Flows are found by hash; a number of this process's own keeps a sender from choosing what collides.
    tables["seed"] = secrets.randbits(63)
    return tables
