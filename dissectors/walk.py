"""The walk: from the bytes of one frame to its headers, encapsulation layers and anomalies.

This is docs/decoding.md in readable form: a method says what one kind of header means and what comes next,
as a step (method and offset). `walk_core` holds the state, `walk_tunnels` and `walk_transport` the steps
of those sections; here are link layers, Ethernet and IP. What is flattened into a record is
`reference/decode.py`'s business, what a person is shown `dissectors.stack`'s.

Limits: 64 headers (UDP with its tunnel header, GRE with an ERSPAN header, a whole label stack and a whole
IPv6 extension chain count as one), 16 layers. Fragments are not reassembled.
"""

from __future__ import annotations

from dissectors import anomalies, encaps, offsets
from dissectors.dispatch import DispatchTables
from dissectors.ethernet import LLC, SNAP, SNAP_ETHERNET, VLAN, Ethernet
from dissectors.gre import GreKey
from dissectors.ipv4 import Fragment, IPv4
from dissectors.ipv6 import IPv6
from dissectors.ipv6_extension import FragmentHeader
from dissectors.linklayer import HDLC, PPP, SLL, SLL2, Loop, Null
from dissectors.walk_core import FragmentPlace, Innermost, IPHeader, Leaves, Step
from dissectors.walk_transport import TransportSteps, ip_layer_kind
from dissectors.walk_tunnels import MAX_TAGS, TunnelSteps

_RAW = frozenset({offsets.DLT_RAW, offsets.DLT_RAW_BSD, offsets.DLT_RAW_OPENBSD})


class Walk(TunnelSteps, TransportSteps):
    """One frame, walked: `Walk(frame, wire_len, linktype)`; never raises on the frame's content.

    `frame` are its captured bytes, `wire_len` its length on the wire, `linktype` its LINKTYPE_ number.
    With `leaves` the headers that only a packet tree shows are parsed too.
    """

    def __init__(
        self,
        frame: bytes,
        wire_len: int,
        linktype: int = offsets.DLT_ETHERNET,
        gre_key: GreKey = "auto",
        tables: DispatchTables = DispatchTables.DEFAULT,
        leaves: Leaves | None = None,
    ) -> None:
        super().__init__(frame, wire_len, gre_key, tables, leaves)
        self.run(self._link(linktype))
        #: Index of the layer that names the tenant, -1: none.
        self.tenant = self._find_tenant()
        #: Where the tenant's own frame starts; outside any tunnel, where what is mirrored does, else 0.
        content = self.layers[self.tenant] if self.layers else None  # without a tenant all layers are mirrors
        self.inner_start = content.payload if content else 0
        # At or outside the header that carries the tenant: the underlay's doing, not the tenant's.
        if self.tenant >= 0 and self.fragments and self.fragments[0].ip < self.layers[self.tenant].n_ip:
            self.note(anomalies.UNDERLAY_FRAGMENT)
            fragment = self.ips[self.fragments[0].ip].start
            known = sum(placed.start <= fragment for placed in self.headers)
            self.noted.append((known, 1 << anomalies.UNDERLAY_FRAGMENT))

    def _find_tenant(self) -> int:
        """The first virtual network with an id, else the first layer that is no mirror."""
        fallback = -1
        for index, layer in enumerate(self.layers):
            if layer.is_virtual:
                return index
            if fallback < 0 and layer.kind not in encaps.MIRRORS:
                fallback = index
        return fallback

    # --- link layers
    # ---------------------------------------------------------------------------------------------

    def _link(self, linktype: int) -> Step:
        if linktype == offsets.DLT_ETHERNET:
            return self.ethernet, 0
        if linktype in _RAW:
            return self.ip, 0
        steps = {
            offsets.DLT_IPV4: self.ipv4,
            offsets.DLT_IPV6: self.ipv6,
            offsets.DLT_SLL: self._cooked,
            offsets.DLT_SLL2: self._cooked2,
            offsets.DLT_NULL: self._null,
            offsets.DLT_LOOP: self._loop,
            offsets.DLT_PPP: self.ppp,
            offsets.DLT_PPP_HDLC: self.ppp,
            offsets.DLT_C_HDLC: self._hdlc,
        }
        if linktype not in steps:
            self.note(anomalies.LINKTYPE_UNSUPPORTED)
            return None
        return steps[linktype], 0

    def _cooked(self, off: int) -> Step:
        return self._cooked_payload(self.take(SLL, off))

    def _cooked2(self, off: int) -> Step:
        return self._cooked_payload(self.take(SLL2, off))

    def _cooked_payload(self, header: SLL | SLL2 | None) -> Step:
        if header is None:
            return None
        inner = self.innermost
        if header.address_len == 6:
            inner.src_mac = self.cooked_mac = int.from_bytes(header.src, "big")
        ethertype, off = header.protocol, header.header_len
        inner.ethertype = ethertype if ethertype >= offsets.ETHERTYPE_MIN else 0
        if ethertype in offsets.VLAN_ETHERTYPES:
            return self._tags(ethertype, off)
        return self.by_ethertype(ethertype, off) if inner.ethertype else None

    def _null(self, off: int) -> Step:
        header = self.take(Null, off)
        return self._bare_ip(header.ethertype, off + header.header_len) if header else None

    def _loop(self, off: int) -> Step:
        header = self.take(Loop, off)
        return self._bare_ip(header.ethertype, off + header.header_len) if header else None

    def _bare_ip(self, ethertype: int, off: int) -> Step:
        if ethertype == offsets.ETHERTYPE_IPV4:
            return self.ipv4, off
        return (self.ipv6, off) if ethertype == offsets.ETHERTYPE_IPV6 else None

    def ppp(self, off: int) -> Step:
        """PPP: IP, or MPLS."""
        header = self.take_whole(PPP, off)
        if header is None:
            return None
        payload = off + header.header_len
        if header.protocol == offsets.PPP_IPV4:
            return self.ipv4, payload
        if header.protocol == offsets.PPP_IPV6:
            return self.ipv6, payload
        if header.protocol == offsets.PPP_MPLS:
            self.mpls_kind = encaps.MPLS
            return self.mpls, payload
        return None

    def _hdlc(self, off: int) -> Step:
        header = self.take(HDLC, off)
        if header is None:
            return None
        self.innermost.ethertype = header.protocol
        return self.by_ethertype(header.protocol, off + header.header_len)

    # --- Ethernet
    # ------------------------------------------------------------------------------------------------

    def ethernet(self, off: int) -> Step:
        """An Ethernet frame starts a new innermost packet."""
        header = self.take(Ethernet, off)
        if header is None:
            return None
        src = int.from_bytes(header.src, "big")
        ethertype = header.type
        self.ethernets.append((off, src))
        self.innermost = inner = Innermost(src, int.from_bytes(header.dst, "big"))
        inner.ethertype = ethertype if ethertype >= offsets.ETHERTYPE_MIN else 0
        self.fresh_layer = False
        off += offsets.ETH_LEN
        if ethertype in offsets.VLAN_ETHERTYPES:
            return self._tags(ethertype, off)
        return self._type_or_length(ethertype, off)

    def _tags(self, ethertype: int, off: int) -> Step:
        """A run of VLAN tags of the innermost frame; the type behind it replaces the frame's."""
        inner = self.innermost
        count = 0
        while ethertype in offsets.VLAN_ETHERTYPES:
            if count == MAX_TAGS:
                self.note(anomalies.NESTING_TOO_DEEP)
                return None
            tag = self.take(VLAN, off)
            if tag is None:
                return None
            if count < 2:
                inner.vlans += (tag.vid,)
            ethertype = tag.type
            off += offsets.VLAN_LEN
            count += 1
        inner.ethertype = ethertype if ethertype >= offsets.ETHERTYPE_MIN else 0
        return self._type_or_length(ethertype, off)

    def _type_or_length(self, ethertype: int, off: int) -> Step:
        if ethertype >= offsets.ETHERTYPE_MIN:
            return self.by_ethertype(ethertype, off)
        if off + offsets.SNAP_LEN <= self.limit and self.frame.startswith(SNAP_ETHERNET, off):
            snap = self.take(SNAP, off)
            if snap is None:
                return None
            self.innermost.ethertype = snap.type
            return self.by_ethertype(snap.type, off + offsets.SNAP_LEN)
        if self.leaves is not None:
            self.show(LLC, off)
        return None

    def by_ethertype(self, ethertype: int, off: int) -> Step:
        """What an EtherType announces; a type that nobody knows ends the walk quietly."""
        if kind := self.tables.ethertype[ethertype]:
            return self.user(kind, off)
        if ethertype == offsets.ETHERTYPE_IPV4:
            return self.ipv4, off
        if ethertype == offsets.ETHERTYPE_IPV6:
            return self.ipv6, off
        if ethertype in (offsets.ETHERTYPE_MPLS, offsets.ETHERTYPE_MPLS_MCAST):
            self.mpls_kind = encaps.MPLS
            return self.mpls, off
        if ethertype == offsets.ETHERTYPE_TEB:
            return self.ethernet, off
        if ethertype == offsets.ETHERTYPE_ARP:
            return self.arp(off)
        if self.leaves is not None:
            self.show(self.leaves.ethertype.get(ethertype), off)
        return None

    # --- IP
    # ------------------------------------------------------------------------------------------------------

    def ip(self, off: int) -> Step:
        """IP of a version that only its first nibble says."""
        if not self.there(off, 1):
            return None
        version = self.frame[off] >> 4
        if version == 4:
            return self.ipv4(off)
        if version == 6:
            return self.ipv6(off)
        self.note(anomalies.IP_VERSION_MISMATCH)
        return None

    def ipv4(self, off: int) -> Step:
        """An IPv4 packet, or a fragment of one."""
        header = self.take(IPv4, off)
        if header is None:
            return None
        if header.version != 4:
            self.note(anomalies.IP_VERSION_MISMATCH)
            return None
        if header.ihl < 5:
            self.note(anomalies.IP_HEADER_LENGTH_INVALID)
            return None
        length, total = header.header_len, header.total_length
        if not self.there(off, length):
            return None
        claim = off + total
        if total < length:
            self.anomalies |= header.anomalies
            claim = -1
        protocol = header.protocol
        ip = IPHeader(off, 4, header.src, header.dst, header.tos, header.ttl, -1, protocol, claim)
        self._begin_ip(ip, offsets.ETHERTYPE_IPV4)
        self.innermost.ip_id = header.id
        payload = off + length
        fragment = header.fragment
        if fragment is not None:
            self._note_fragment(fragment, payload)
            if fragment.offset:
                return None
        ip.payload = payload
        self.next_protocol = protocol
        return self.by_protocol, payload

    def ipv6(self, off: int) -> Step:
        """An IPv6 packet with its extension headers, or a fragment of one."""
        header = self.take(IPv6, off)
        if header is None:
            return None
        if header.version != 6:
            self.note(anomalies.IP_VERSION_MISMATCH)
            return None
        self.anomalies |= header.anomalies
        length = header.payload_length
        claim = off + offsets.IP6_LEN + length if length else -1
        tos, ttl, protocol = header.tos, header.hop_limit, header.protocol
        ip = IPHeader(off, 6, header.src, header.dst, tos, ttl, header.flow_label, protocol, claim)
        self._begin_ip(ip, offsets.ETHERTYPE_IPV6)
        if header.extensions:
            self._extensions(header, ip)
            if any(fragment.offset for fragment in header.fragments):
                return None
        if not self.there(off, header.header_len):
            return None
        if header.too_many_extensions:
            return None
        ip.payload = off + header.header_len
        self.next_protocol = protocol
        return self.by_protocol, ip.payload

    def _begin_ip(self, ip: IPHeader, ethertype: int) -> None:
        """Makes it the innermost packet, and moves the packet's end to what it claims, if that is
        possible.
        """
        previous = self.innermost
        if self.fresh_layer:
            inner = Innermost(ethertype=ethertype)
        else:
            inner = Innermost(previous.src_mac, previous.dst_mac, previous.vlans, ethertype)
        inner.ip = ip
        inner.protocol = ip.protocol
        self.innermost = inner
        self.ips.append(ip)
        if 0 <= ip.claim <= self.end:
            self.shrink(ip.claim)
        elif ip.claim >= 0 and not self.open_end:
            self.note(anomalies.IP_TOTAL_LENGTH_INVALID)

    def _extensions(self, header: IPv6, ip: IPHeader) -> None:
        """Notes what the chain of extension headers says of segments and fragments."""
        for extension in header.extensions:
            if isinstance(extension, FragmentHeader):
                self.innermost.ip_id = extension.id
        for start, srh in header.srhs:
            ip.has_srh = True
            if not srh.anomalies and self.path[0] == 0:
                first = ip.start + start + offsets.SRH_LEN
                self.path = (2, min(srh.last_entry + 1, offsets.MPLS_MAX_LABELS), first)
        for fragment in header.fragments:
            self._note_fragment(fragment, ip.start + fragment.start)

    def _note_fragment(self, fragment: Fragment, payload: int) -> None:
        length = max(self.end - payload, 0)
        if fragment.invalid(length):
            self.note(anomalies.FRAGMENT_INVALID)
        place = FragmentPlace(len(self.ips) - 1, len(self.layers), length, fragment)
        self.fragments.append(place)
        if not fragment.offset:
            self.open_end = True

    def by_protocol(self, off: int) -> Step:
        """What an IP protocol announces."""
        protocol = self.next_protocol
        if kind := self.tables.ip[protocol]:
            return self.user(kind, off)
        if protocol == offsets.IPPROTO_TCP:
            return self.tcp(off)
        if protocol == offsets.IPPROTO_UDP:
            return self.udp(off)
        if protocol == offsets.IPPROTO_GRE:
            return self.gre(off)
        if protocol in (offsets.IPPROTO_ICMP, offsets.IPPROTO_ICMPV6):
            return self.icmp(off)
        if protocol in (offsets.IPPROTO_IPIP, offsets.IPPROTO_IPV6):
            return self._ip_in_ip(protocol, off)
        if protocol == offsets.IPPROTO_ETHERNET and self.ips[-1].family == 6:
            return (self.ethernet, off) if self.enter(encaps.SRV6, None, off) else None
        if protocol == offsets.IPPROTO_ESP:
            return self.esp(off)
        if protocol == offsets.IPPROTO_AH:
            return self.ah(off)
        if protocol == offsets.IPPROTO_MPLS:
            self.mpls_kind = encaps.MPLS
            return self.mpls, off
        if protocol == offsets.IPPROTO_SCTP:
            return self.sctp(off)
        if protocol in (offsets.IPPROTO_UDPLITE, offsets.IPPROTO_DCCP):
            return self.ports_only(off)
        if self.leaves is not None:
            self.show(self.leaves.ip.get(protocol), off)
        return None

    def _ip_in_ip(self, protocol: int, off: int) -> Step:
        ip = self.ips[-1]
        kind = encaps.SRV6 if ip.has_srh else ip_layer_kind(ip.family, protocol)
        if not self.enter(kind, None, off):
            return None
        return (self.ipv4 if protocol == offsets.IPPROTO_IPIP else self.ipv6), off
