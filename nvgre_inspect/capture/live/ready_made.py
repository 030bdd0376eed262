"""Ready-made capture filters: frames of encapsulations, and of one virtual network, as expressions of libpcap.

Limits: a filter sees one frame by itself and knows no loops. So of a VSID it sees that of the outermost header, behind
at most two VLAN tags, in first fragments, and over IPv6 only without extension headers. What is kept by the decoder's
own word (`--vsid`) knows no such limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dissectors import offsets
from nvgre_inspect.capture.live.options import LiveOptions

#: IP protocols that carry packets: GRE, IP, MPLS, and what IPsec hides or protects.
_PROTOCOLS: Final = (
    offsets.IPPROTO_GRE,
    offsets.IPPROTO_IPIP,
    offsets.IPPROTO_IPV6,
    offsets.IPPROTO_MPLS,
    offsets.IPPROTO_ESP,
    offsets.IPPROTO_AH,
)
#: UDP ports whose header has a 24-bit identifier in its second word.
_VNI_PORTS: Final = (
    offsets.PORT_VXLAN,
    offsets.PORT_VXLAN_LINUX,
    offsets.PORT_VXLAN_GPE,
    offsets.PORT_GENEVE,
)
_PORTS: Final = (*_VNI_PORTS, offsets.PORT_GRE_IN_UDP, offsets.PORT_MPLS_IN_UDP, offsets.PORT_ESP_IN_UDP)
#: Where a payload begins, as libpcap says it: behind IPv4 with its options, behind IPv6 without extension headers.
_IPV4_PAYLOAD: Final = "ip[((ip[0] & 0xf) << 2) + {at}:{size}]"
_IPV6_PAYLOAD: Final = "ip6[40 + {at}:{size}]"
#: GRE: checksum present, key present, version; where the key is without and with a checksum before it.
_GRE_FLAGS: Final = 0xA007
_KEY_AT: Final = {0x2000: 4, 0xA000: 8}
_LONGEST_VSID: Final = 0xFFFFFF


def chosen(options: LiveOptions, linktype: int) -> str:
    """All that the options want of frames of that link type, as one expression; empty: every frame."""
    # "vlan" moves what the rest of an expression looks at, so the user's own comes first and the tagged case last.
    own = options.bpf.strip()
    ready_made = ""
    if options.vsid:
        ready_made = _any(map(for_vsid, options.vsid))  # which only tunnels have
    elif options.tunnels_only:
        ready_made = tunnels_only()
    if ready_made and linktype == offsets.DLT_ETHERNET:
        # The second "vlan" is the tag behind the first.
        ready_made = f"({ready_made}) or (vlan and ({ready_made})) or (vlan and ({ready_made}))"
    return f"({own}) and ({ready_made})" if own and ready_made else own or ready_made


def tunnels_only() -> str:
    """An encapsulation that is decoded, over IPv4 or IPv6, or MPLS. Fragments whose port is not there are in it."""
    return _any(
        (
            *(f"ip proto {number} or ip6 proto {number}" for number in _PROTOCOLS),
            *(f"udp dst port {port}" for port in _PORTS),
            f"ip proto {offsets.IPPROTO_UDP} and ip[6:2] & 0x1fff != 0",
            f"ip6[6] = {offsets.IPPROTO_FRAGMENT} or ip6[6] = {offsets.IPPROTO_ROUTING}",
            f"ether proto {offsets.ETHERTYPE_MPLS} or ether proto {offsets.ETHERTYPE_MPLS_MCAST}",
        )
    )


def for_vsid(vsid: int) -> str:
    """Frames with that VSID or VNI, or that 32-bit GRE key: NVGRE, GRETAP, GRE, VXLAN, VXLAN-GPE and Geneve."""
    unfragmented = "ip[6:2] & 0x1fff = 0"
    return _any(
        (
            f"ip proto {offsets.IPPROTO_GRE} and {unfragmented} and ({_gre_key(_IPV4_PAYLOAD, 0, vsid)})",
            f"ip6[6] = {offsets.IPPROTO_GRE} and ({_gre_key(_IPV6_PAYLOAD, 0, vsid)})",
            f"ip proto {offsets.IPPROTO_UDP} and {unfragmented} and ({_in_udp(_IPV4_PAYLOAD, vsid)})",
            f"ip6[6] = {offsets.IPPROTO_UDP} and ({_in_udp(_IPV6_PAYLOAD, vsid)})",
        )
    )


def _gre_key(payload: str, at: int, vsid: int) -> str:
    """A key in a GRE header `at` bytes into an IP payload."""
    flags = payload.format(at=at, size=2)
    protocol = payload.format(at=at + 2, size=2)
    tests = []
    for present, key_at in _KEY_AT.items():
        key = payload.format(at=at + key_at, size=4)
        same = f"{key} = {vsid}"
        if vsid <= _LONGEST_VSID:
            same += f" or ({protocol} = {offsets.ETHERTYPE_TEB} and {key} & 0xffffff00 = {vsid << 8})"
        tests.append(f"{flags} & {_GRE_FLAGS} = {present} and ({same})")
    return _any(tests)


def _in_udp(payload: str, vsid: int) -> str:
    port = payload.format(at=2, size=2)
    tests = [f"{port} = {offsets.PORT_GRE_IN_UDP} and ({_gre_key(payload, offsets.UDP_LEN, vsid)})"]
    if vsid <= _LONGEST_VSID:
        identifier = payload.format(at=offsets.UDP_LEN + 4, size=4)
        ports = _any(f"{port} = {number}" for number in _VNI_PORTS)
        tests.append(f"({ports}) and {identifier} & 0xffffff00 = {vsid << 8}")
    return _any(tests)


def _any(tests: Iterable[str]) -> str:
    return " or ".join(f"({test})" for test in tests)
