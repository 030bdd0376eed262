"""Steps of the walk: GRE and what it carries, MPLS, UDP tunnels, IPsec (docs/decoding.md, sections of
these names).
"""

from __future__ import annotations

from dissectors import anomalies, encaps, erspan, offsets
from dissectors.ethernet import VLAN
from dissectors.geneve import Geneve
from dissectors.gre import GRE
from dissectors.ipsec import AH, ESP, carries_esp, null_encrypted
from dissectors.mpls import MPLS, ControlWord
from dissectors.nvgre import NVGRE, parse_gre
from dissectors.vxlan import VXLAN, VXLANGPE
from dissectors.walk_core import Placed, Step, WalkCore

MAX_TAGS = 8


class TunnelSteps(WalkCore):
    """What is between two IP headers."""

    def ethernet(self, off: int) -> Step:
        """An Ethernet frame."""
        raise NotImplementedError

    def ipv4(self, off: int) -> Step:
        """An IPv4 packet."""
        raise NotImplementedError

    def ipv6(self, off: int) -> Step:
        """An IPv6 packet."""
        raise NotImplementedError

    def ip(self, off: int) -> Step:
        """An IP packet whose version nobody announced."""
        raise NotImplementedError

    def ppp(self, off: int) -> Step:
        """A PPP frame."""
        raise NotImplementedError

    def by_protocol(self, off: int) -> Step:
        """What `next_protocol` announces."""
        raise NotImplementedError

    def by_ethertype(self, ethertype: int, off: int) -> Step:
        """What an EtherType announces."""
        raise NotImplementedError

    # --- GRE
    # -----------------------------------------------------------------------------------------------------

    def gre(self, off: int) -> Step:
        """GRE directly in IP: the layer follows from the protocol type."""
        header = self._take_gre(off)
        if header is None:
            return None
        payload = off + header.header_len
        key = header.key if header.version == 0 else None
        if header.version == 1:
            return self._gre_payload(header, payload) if self.enter(encaps.GRE, None, payload) else None
        if header.type in (offsets.ETHERTYPE_ERSPAN2, offsets.ETHERTYPE_ERSPAN3):
            return self.erspan(header, payload)
        if isinstance(header, NVGRE):
            self.anomalies |= header.anomalies
            entered = self.enter(encaps.NVGRE, header.vsid, payload, header.flow_id or 0)
            return (self.nvgre_frame, payload) if entered else None
        if header.type == offsets.ETHERTYPE_TEB:
            return (self.ethernet, payload) if self.enter(encaps.GRETAP, key, payload) else None
        if header.type in (offsets.ETHERTYPE_MPLS, offsets.ETHERTYPE_MPLS_MCAST):
            self.mpls_kind = encaps.MPLS_IN_GRE if key is None else encaps.MPLS
            if key is not None and not self.enter(encaps.GRE, key, payload):
                return None
            return self.mpls, payload
        return self._gre_payload(header, payload) if self.enter(encaps.GRE, key, payload) else None

    def gre_in_udp(self, off: int, port: int) -> Step:
        """GRE in UDP (RFC 8086): the same header, always one layer of its own."""
        header = self._take_gre(off)
        if header is None:
            return None
        payload = off + header.header_len
        key = header.key if header.version == 0 else None
        if not self.enter(encaps.GRE_IN_UDP, key, payload, port):
            return None
        if header.version == 0 and header.type in (offsets.ETHERTYPE_ERSPAN2, offsets.ETHERTYPE_ERSPAN3):
            return self.erspan(header, payload)
        return self._gre_payload(header, payload)

    def _take_gre(self, off: int) -> GRE | None:
        """A GRE header of version 0 or 1 that is all there."""
        if not self.there(off, offsets.GRE_MIN_LEN):
            return None
        header = parse_gre(self.frame[off : self.limit], self.gre_key)
        self.headers.append(Placed(off, header))
        if header.version > 1:
            self.note(anomalies.GRE_VERSION_UNKNOWN)
            return None
        if not self.there(off, header.header_len_before_routing):
            return None
        self.anomalies |= header.gre_anomalies
        if header.has_routing and header.version == 0 and not header.routing_complete:
            # Too many entries: the walk ends, and gre-routing-present says why.
            self.there(off, header.header_len)
            return None
        return header

    def _gre_payload(self, header: GRE, off: int) -> Step:
        """By protocol type, its layer entered."""
        if header.type == offsets.ETHERTYPE_PPP:
            return self.ppp, off
        ethertype = header.type
        if self.leaves is not None:
            self.show(self.leaves.gre.get(ethertype), off)
        if header.version == 0:
            # Tags without an Ethernet header are skipped: they are no part of an innermost frame.
            for _ in range(MAX_TAGS + 1):
                if ethertype not in offsets.VLAN_ETHERTYPES:
                    return self.by_ethertype(ethertype, off)
                tag = self.take(VLAN, off)
                if tag is None:
                    return None
                ethertype = tag.type
                off += offsets.VLAN_LEN
            self.note(anomalies.NESTING_TOO_DEEP)
            return None
        return self.by_ethertype(ethertype, off)

    def nvgre_frame(self, off: int) -> Step:
        """The tenant's frame in NVGRE, which must not have a VLAN tag (RFC 7637 section 3.2)."""
        if off + offsets.ETH_LEN <= self.limit:
            ethertype = int.from_bytes(self.frame[off + offsets.ETH_TYPE : off + offsets.ETH_LEN], "big")
            if ethertype in offsets.VLAN_ETHERTYPES:
                self.note(anomalies.NVGRE_INNER_VLAN)
        return self.ethernet(off)

    def erspan(self, gre: GRE, off: int) -> Step:
        """A mirrored frame; type I has no header of its own."""
        if gre.type == offsets.ETHERTYPE_ERSPAN2:
            if not gre.has_sequence:
                return (self.ethernet, off) if self.enter(encaps.ERSPAN1, None, off) else None
            if not self.there(off, offsets.ERSPAN2_LEN):
                return None
            if self.frame[off] >> 4 == erspan.VERSION_II:
                header = self.take(erspan.ERSPAN2, off)
                if header is None:
                    return None
                payload = off + header.header_len
                entered = self.enter(encaps.ERSPAN2, header.session, payload)
                return (self.ethernet, payload) if entered else None
        elif not self.there(off, offsets.ERSPAN3_LEN):
            return None
        if self.frame[off] >> 4 != erspan.VERSION_III:
            self.note(anomalies.ERSPAN_VERSION_UNKNOWN)
            return None
        return self._erspan3(off)

    def _erspan3(self, off: int) -> Step:
        header = self.take_whole(erspan.ERSPAN3, off)
        if header is None:
            return None
        payload = off + header.header_len
        if not self.enter(encaps.ERSPAN3, header.session, payload):
            return None
        if header.frame_type == erspan.FRAME_ETHERNET:
            return self.ethernet, payload
        return (self.ip, payload) if header.frame_type == erspan.FRAME_IP else None

    # --- UDP tunnels
    # ---------------------------------------------------------------------------------------------

    def udp_tunnel(self, kind: int, off: int, port: int) -> Step:
        """What the port table says of a UDP payload at `off`; `port` is the source port."""
        if kind >= encaps.USER:
            return self.user(kind, off, port)
        if kind == encaps.VXLAN:
            return self.vxlan(off, port)
        if kind == encaps.VXLAN_GPE:
            return self.vxlan_gpe(off, port)
        if kind == encaps.GENEVE:
            return self.geneve(off, port)
        if kind == encaps.GRE_IN_UDP:
            return self.gre_in_udp(off, port)
        if kind == encaps.MPLS_IN_UDP:
            self.mpls_kind = kind
            return self.mpls, off
        if kind == encaps.ESP and carries_esp(self.frame[off : min(off + 4, self.limit)], self.end - off):
            return self.esp(off)
        return None

    def vxlan(self, off: int, port: int) -> Step:
        """VXLAN: an Ethernet frame follows."""
        header = self.take(VXLAN, off)
        if header is None:
            return None
        self.anomalies |= header.anomalies
        payload = off + offsets.VXLAN_LEN
        vni = header.vni if header.has_vni else None
        return (self.ethernet, payload) if self.enter(encaps.VXLAN, vni, payload, port) else None

    def vxlan_gpe(self, off: int, port: int) -> Step:
        """VXLAN-GPE: its next protocol says what follows."""
        header = self.take(VXLANGPE, off)
        if header is None:
            return None
        self.anomalies |= header.anomalies
        payload = off + offsets.VXLAN_LEN
        vni = header.vni if header.has_vni else None
        if not self.enter(encaps.VXLAN_GPE, vni, payload, port):
            return None
        following = header.next if header.has_next else offsets.GPE_NEXT_ETHERNET
        if following == offsets.GPE_NEXT_MPLS:
            self.mpls_kind = encaps.MPLS
            return self.mpls, payload
        methods = {
            offsets.GPE_NEXT_IPV4: self.ipv4,
            offsets.GPE_NEXT_IPV6: self.ipv6,
            offsets.GPE_NEXT_ETHERNET: self.ethernet,
        }
        return (methods[following], payload) if following in methods else None

    def geneve(self, off: int, port: int) -> Step:
        """Geneve: its protocol type is an EtherType."""
        header = self.take(Geneve, off)
        if header is None:
            return None
        if header.version:
            self.note(anomalies.GENEVE_VERSION_UNKNOWN)
            return None
        if not self.there(off, header.header_len):
            return None
        self.anomalies |= header.anomalies
        payload = off + header.header_len
        if not self.enter(encaps.GENEVE, header.vni, payload, port):
            return None
        return self.by_ethertype(header.type, payload)

    def user(self, kind: int, off: int, port: int = -1) -> Step:
        """A header of fixed length that a user described."""
        fixed = self.tables.fixed(kind)
        if not self.there(off, fixed.length):
            return None
        if self.leaves is not None:
            self.show(self.leaves.user.get(kind), off)
        raw = self.frame[off : off + fixed.length]
        payload = off + fixed.length
        if not self.enter(kind, fixed.id_of(raw), payload, port):
            return None
        if fixed.next == "ethertype":
            ethertype = int.from_bytes(raw[fixed.next_offset : fixed.next_offset + 2], "big")
            return self.by_ethertype(ethertype, payload)
        if fixed.next == "stop":
            return None
        methods = {"ethernet": self.ethernet, "ip": self.ip, "ipv4": self.ipv4, "ipv6": self.ipv6}
        return methods[fixed.next], payload

    # --- MPLS
    # ----------------------------------------------------------------------------------------------------

    def mpls(self, off: int) -> Step:
        """A whole label stack as a layer of `mpls_kind`, then what its first nibble says."""
        kind = self.mpls_kind
        header = self.take(MPLS, off)
        if header is None:
            return None
        self.anomalies |= header.anomalies
        if not self.there(off, header.header_len) or not header.has_bottom:
            return None
        labels = header.plain_labels()
        if self.entropy is None and header.entropy_label is not None:
            self.entropy = (len(self.layers), header.entropy_label)
        if self.path[0] == 0:
            self.path = (1, len(header.words), off)
        payload = off + header.header_len
        # Directly in UDP: the source port is the entropy.
        port = self.innermost.src_port if kind == encaps.MPLS_IN_UDP else -1
        if not self.enter(kind, labels[-1] if labels else None, payload, port):
            return None
        return self._behind_labels(payload)

    def _behind_labels(self, off: int) -> Step:
        if not self.there(off, 1):
            return None
        nibble = self.frame[off] >> 4
        if nibble == 4:
            return self.ipv4, off
        if nibble == 6:
            return self.ipv6, off
        if nibble == 1:
            return None
        if nibble == 0:
            if self.take(ControlWord, off) is None:
                return None
            off += ControlWord.__hdr_len__
        return self.ethernet, off

    # --- IPsec
    # ---------------------------------------------------------------------------------------------------

    def esp(self, off: int) -> Step:
        """ESP, looked into where it is not encrypted."""
        header = self.take(ESP, off)
        if header is None:
            return None
        payload = off + offsets.ESP_LEN
        if not self.enter(encaps.ESP, header.spi, payload):
            return None
        # The trailer is needed, so all of the packet is.
        if self.cap_end < self.end or self.open_end:
            return None
        ip = self.ips[-1]
        found = null_encrypted(self.frame[payload : self.end], ip.src, ip.dst)
        if found is None:
            return None
        self.shrink(payload + found.end)
        return self._behind_ipsec(found.next_header, payload)

    def ah(self, off: int) -> Step:
        """AH: its next header follows."""
        header = self.take(AH, off)
        if header is None:
            return None
        if header.anomalies:
            self.anomalies |= header.anomalies
            return None
        if not self.there(off, header.header_len):
            return None
        payload = off + header.header_len
        if not self.enter(encaps.AH, header.spi, payload):
            return None
        return self._behind_ipsec(header.next_header, payload)

    def _behind_ipsec(self, protocol: int, off: int) -> Step:
        """IP in IPsec is no further layer; all else as behind IP."""
        self.innermost.protocol = protocol
        if protocol == offsets.IPPROTO_IPIP:
            return self.ipv4, off
        if protocol == offsets.IPPROTO_IPV6:
            return self.ipv6, off
        self.next_protocol = protocol
        return self.by_protocol, off
