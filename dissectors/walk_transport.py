"""Steps of the walk: transport headers, ICMP and the packet that it quotes, ARP (docs/decoding.md, section
Transport).
"""

from __future__ import annotations

from dissectors import anomalies, encaps, offsets
from dissectors.arp import ARP
from dissectors.gre import GRETAP
from dissectors.icmp import ICMP, ICMPv6, Quote
from dissectors.nvgre import NVGRE, parse_gre
from dissectors.sctp import SCTP
from dissectors.tcp import TCP
from dissectors.udp import DCCP, UDP, UDPLite
from dissectors.walk_core import Placed, Step, WalkCore

#: ARP's hardware and protocol type and sizes.
_ETHERNET_IPV4 = b"\x00\x01\x08\x00\x06\x04"
_PORTS_ONLY = {offsets.IPPROTO_UDPLITE: UDPLite, offsets.IPPROTO_DCCP: DCCP}


class TransportSteps(WalkCore):
    """What ends a stack, or carries a tunnel."""

    def udp_tunnel(self, kind: int, off: int, port: int) -> Step:
        """The tunnel that the port table says is in UDP."""
        raise NotImplementedError

    def tcp(self, off: int) -> Step:
        """TCP ends the walk."""
        if not self._ports(off, offsets.TCP_MIN_LEN):
            return None
        header = self.take(TCP, off)
        if header is None:
            return None
        inner = self.innermost
        inner.tcp_ok = 1
        inner.tcp_flags = flags = header.flags
        inner.tcp_seq = header.seq
        inner.tcp_ack = header.ack
        inner.tcp_window = header.window
        length = 4 * header.data_offset
        if length < offsets.TCP_MIN_LEN or (off + length > self.end and not self.open_end):
            self.note(anomalies.TCP_HEADER_LENGTH_INVALID)
            inner.payload_len = 0
            return None
        claim = self.ips[-1].claim
        # In a first fragment the segment's own IP header knows its length, `end` only that of the fragment.
        end = claim if self.open_end and claim >= 0 else self.end
        inner.payload_len = max(end - off - length, 0)
        if flags & offsets.TCP_SYN:
            self.anomalies |= header.anomalies
            options = header.parsed_options()
            inner.tcp_mss, inner.tcp_wscale = options.mss, options.window_scale
        if self.leaves is not None and inner.payload_len:
            leaf = self.leaves.tcp.get(header.dport) or self.leaves.tcp.get(header.sport)
            self.show(leaf, off + length)
        return None

    def udp(self, off: int) -> Step:
        """UDP: the destination port may announce a tunnel."""
        if not self._ports(off, offsets.UDP_LEN):
            return None
        header = self.take(UDP, off)
        if header is None:
            return None
        length, inner = header.length, self.innermost
        payload = off + offsets.UDP_LEN
        if 0 < length < offsets.UDP_LEN or (off + length > self.end and not self.open_end):
            self.note(anomalies.UDP_LENGTH_INVALID)
        inner.payload_len = max(length - offsets.UDP_LEN, 0) if self.open_end else self.end - payload
        kind = self.tables.udp[header.dport]
        if not kind and self.tables.udp[header.sport] == encaps.ESP:
            kind = encaps.ESP
        if kind:
            return self.udp_tunnel(kind, payload, header.sport)
        if self.leaves is not None:
            self.show(self.leaves.udp.get(header.dport) or self.leaves.udp.get(header.sport), payload)
        return None

    def sctp(self, off: int) -> Step:
        """SCTP: only its ports matter."""
        if self._ports(off, offsets.SCTP_LEN):
            self.take(SCTP, off)
        return None

    def ports_only(self, off: int) -> Step:
        """UDP-Lite, DCCP."""
        if self._ports(off, 4):
            self.take(_PORTS_ONLY[self.next_protocol], off)
        return None

    def _ports(self, off: int, length: int) -> bool:
        """Sets the ports, which are there before the header of `length` bytes is; whether all of it is
        there.
        """
        inner = self.innermost
        inner.l4_off = off
        if off + 4 <= self.limit:
            frame = self.frame
            inner.src_port = frame[off] << 8 | frame[off + 1]
            inner.dst_port = frame[off + 2] << 8 | frame[off + 3]
        return self.there(off, length)

    # --- ICMP
    # ----------------------------------------------------------------------------------------------------

    def icmp(self, off: int) -> Step:
        """ICMP or ICMPv6, by `next_protocol`: its type needs 4 bytes, the header has 8."""
        inner = self.innermost
        inner.l4_off = off
        if off + 4 <= self.limit:
            cls = ICMP if self.next_protocol == offsets.IPPROTO_ICMP else ICMPv6
            header = cls(self.frame[off : self.limit])
            self.headers.append(Placed(off, header))
            inner.icmp_type, inner.icmp_code = header.type, header.code
            inner.src_port = header.identifier
            # Inside a tunnel an error is the tenant's, and says nothing of the underlay's tunnels.
            quote = None if self.layers else header.quote
            if quote is not None and (kind := self._quoted_kind(quote)):
                self.quote = (kind, quote)
        self.there(off, offsets.ICMP_LEN)
        return None

    def _quoted_kind(self, quote: Quote) -> int:
        """The layer that the quoted packet enters first, `encaps.NONE` where it is no tunnel's."""
        payload = quote.payload
        if quote.protocol == offsets.IPPROTO_GRE:
            return self._quoted_gre(payload) if len(payload) >= offsets.GRE_MIN_LEN else encaps.NONE
        if quote.protocol == offsets.IPPROTO_UDP:
            return self.tables.udp[int.from_bytes(payload[2:4], "big")] if len(payload) >= 4 else encaps.NONE
        return ip_layer_kind(quote.family, quote.protocol)

    def _quoted_gre(self, payload: bytes) -> int:
        """As the rules of GRE, as far as the bytes go; all that is neither NVGRE, GRETAP nor MPLS is
        `gre`.
        """
        header = parse_gre(payload, self.gre_key)
        if isinstance(header, NVGRE):
            return encaps.NVGRE
        if isinstance(header, GRETAP):
            return encaps.GRETAP
        is_mpls = header.type in (offsets.ETHERTYPE_MPLS, offsets.ETHERTYPE_MPLS_MCAST)
        return encaps.MPLS_IN_GRE if is_mpls and header.version == 0 and not header.has_key else encaps.GRE

    # --- ARP
    # -----------------------------------------------------------------------------------------------------

    def arp(self, off: int) -> Step:
        """ARP for IPv4 over Ethernet names its sender; other kinds end the walk quietly."""
        header = self.take(ARP, off)
        if header is None or not self.frame.startswith(_ETHERNET_IPV4, off):
            return None
        if self.there(off, offsets.ARP_LEN):
            self.arp_sender = (off, int.from_bytes(header.sha, "big"), header.spa)
        return None


def ip_layer_kind(outer_family: int, protocol: int) -> int:
    """The layer that an IP protocol alone announces in IPv4 or IPv6; `encaps.NONE` for all others."""
    if protocol == offsets.IPPROTO_IPIP:
        return encaps.IPIP if outer_family == 4 else encaps.FOURINSIX
    if protocol == offsets.IPPROTO_IPV6:
        return encaps.SIXINFOUR if outer_family == 4 else encaps.SIXINSIX
    if protocol == offsets.IPPROTO_ESP:
        return encaps.ESP
    return encaps.AH if protocol == offsets.IPPROTO_AH else encaps.NONE
