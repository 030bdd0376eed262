"""The one table of differences between what our records say of a packet and what tshark says of it.

An entry is either a `Beyond`: a protocol that tshark looks into and we do not, so that what it finds behind it is not
compared; or a `Difference`: fields that differ under a precise condition. Each names a capture where it is seen; the
tests fail if that is no longer so. `verify` names the entry that explains a difference, docs/differences.md is this
table for people, and the tests hold the two equal.
"""

from __future__ import annotations

from itertools import pairwise

from dissectors import anomalies, offsets
from nvgre_inspect.model.record import MAX_IP
from nvgre_inspect.wireshark.cases import (
    HEADERS,
    ICMP,
    MADE,
    TCP,
    Beyond,
    Difference,
    acknowledges,
    excess_of_fraction,
    is_stated_zero,
    longer,
    one_more,
    without_next_protocol,
)
from nvgre_inspect.wireshark.view import QUOTING

#: Of more headers than a record has room for, the first ones that it keeps (and the last).
_KEPT = MAX_IP - 1

BEYOND = (
    Beyond("wlan", "IEEE 802.11 inside GRE (Aruba)", "zeek/tunnels__gre-aruba.pcap"),
    Beyond("cmd", "Cisco metadata", "tcpdump/various_gre.pcap"),
    Beyond("nhrp", "NHRP, which quotes packets in its errors", "tcpdump/nhrp-trace.pcap"),
    Beyond("gtp", "GTP-U", "zeek/tunnels__gtp__gtp2_different_udp_port.pcap"),
    Beyond("gtpprime", "GTP'", "zeek/tunnels__gtp__gtp_control_prime.pcap"),
    Beyond("nsh", "Network Service Header", "tcpdump/nsh.pcap"),
    Beyond("macsec", "IEEE 802.1AE; it is ciphertext as a rule", "tcpdump/macsec-short-valid.pcap"),
    Beyond("avsp", "Arista's timestamp header", "tcpdump/arista_ether.pcap"),
    Beyond("pim", "PIM Register, which carries a packet", "tcpdump/pim-packet-assortment.pcap"),
    Beyond("openflow", "OpenFlow, which carries packets in messages", "tcpdump/of10_s4810.pcap"),
    Beyond("sflow", "sFlow, which carries the first bytes of sampled packets", "tcpdump/sflow-print-v6.pcap"),
    Beyond("pppoes", "PPP over Ethernet"),
    Beyond("l2tp", "L2TP"),
    Beyond("etherip", "EtherIP"),
    Beyond("teredo", "Teredo"),
    Beyond("amt", "Automatic Multicast Tunneling"),
    Beyond("lisp-data", "LISP"),
    Beyond("capwap.data", "CAPWAP, which carries IEEE 802.11"),
    Beyond("ieee8021ah", "Provider Backbone Bridges (IEEE 802.1ah)"),
    Beyond("trill", "TRILL"),
    Beyond("cfp", "Cisco FabricPath"),
    Beyond("vntag", "VN-Tag"),
)

#: Layers of tshark at which we stop.
STOPS = frozenset((*QUOTING, *(entry.layer for entry in BEYOND)))

DIFFERENCES = (
    Difference(
        "cut header",
        "a header is cut by the snapshot length, or the packet ends in it",
        "tshark prints what is there of the header, field by field; we use a header when all of it is there",
        HEADERS,
        lambda case, ours, theirs: (
            case.has(anomalies.HEADER_TRUNCATED, anomalies.HEADER_CUT_BY_SNAPLEN) and one_more(ours, theirs)
        ),
        "samples/snaplen-headers.pcap",
    ),
    Difference(
        "cut ICMP message",
        "of an ICMP message less than its 8 bytes are there",
        "tshark prints nothing of it; we take type and code where they are there",
        frozenset(ICMP),
        lambda case, ours, theirs: case.has(anomalies.HEADER_TRUNCATED, anomalies.HEADER_CUT_BY_SNAPLEN) and not theirs,
        MADE,
    ),
    Difference(
        "cut extension header",
        "the packet is cut in an IPv6 extension header, of which the first byte is there",
        "tshark goes by the first byte of the cut header, we by what announced it",
        frozenset({"ipv6 last next header"}),
        lambda case, ours, theirs: (
            case.has(anomalies.HEADER_TRUNCATED, anomalies.HEADER_CUT_BY_SNAPLEN)
            and len(ours) == len(theirs)
            and ours[:-1] == theirs[:-1]
        ),
        "tcpdump/ipv6-srh-tlv-pad1-padn-5-trunc.pcap",
    ),
    Difference(
        "link type",
        "the link type is none that we decode",
        "frames are counted, and reported by the name of their link type",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.LINKTYPE_UNSUPPORTED) and not ours,
        "tcpdump/ipoib.pcap",
    ),
    Difference(
        "ATM",
        "link type 123 (ATM)",
        "the pseudo header of 4 bytes counts here as part of the frame, as the file says",
        frozenset({"frame.len", "frame.cap_len"}),
        lambda case, ours, theirs: case.record["linktype"] == 123 and ours[0] == int(theirs[0]) + 4,
        "tcpdump/atm-heapoverflow.pcap",
    ),
    Difference(
        "length below captured length",
        "a file says that fewer bytes were on the wire than it has",
        "what was captured was there: the captured length counts",
        frozenset({"frame.len"}),
        lambda case, ours, theirs: (
            case.says("Frame length is less than captured length") and ours == case.ours["frame.cap_len"]
        ),
        "tcpdump/aoe-oobr-1.pcap",
    ),
    Difference(
        "segmentation offload",
        "the IP length is 0",
        "tshark fills in the length of the frame; the value here is that of the header, and the lengths that follow "
        "from it are compared",
        frozenset({"ip.len", "ipv6.plen"}),
        lambda case, ours, theirs: case.has(anomalies.IP_TOTAL_LENGTH_ZERO) and is_stated_zero(ours, theirs),
        "tcpdump/bigtcp-ipv6-geneve-ipv6.pcap",
    ),
    Difference(
        "UDP without a length over IPv4",
        "UDP over IPv4 has length 0",
        "tshark stops there. Linux sends it so in packets above 64 KiB (BIG TCP), and the tenant is inside",
        HEADERS,
        lambda case, ours, theirs: case.says("Bad length value 0 < 8") and len(ours) > len(theirs),
        "tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap",
    ),
    Difference(
        "first fragment",
        "TCP in the first fragment of an IP packet",
        "tshark counts what is in this fragment, or nothing; we say the length of the whole segment",
        frozenset({"tcp.len"}),
        lambda case, ours, theirs: (
            case.record["frag_a_ip"] >= 0 and case.record["frag_a_off"] == 0 and (not theirs or ours > theirs)
        ),
        "samples/fragments.pcap",
    ),
    Difference(
        "UDP length below its header",
        "the UDP length is 1 to 7",
        "tshark stops there; we say so and show the rest, which is there",
        HEADERS,
        lambda case, ours, theirs: (
            case.has(anomalies.UDP_LENGTH_INVALID) and case.says("Bad length value") and longer(theirs, ours)
        ),
        MADE,
    ),
    Difference(
        "UDP length below the IP length",
        "a tunnel in UDP whose length says that less is there than its IP packet has",
        "tshark cuts the tenant's packet there; we go by the lengths of the IP headers",
        frozenset({"tcp.len"}),
        lambda case, ours, theirs: (
            "udp" in case.layers[:-1] and case.says("exceeds") and len(ours) == 1 and (not theirs or ours > theirs)
        ),
        MADE,
    ),
    Difference(
        "Geneve version",
        "the Geneve version is not 0",
        "decoding ends there, with an anomaly; tshark reads on as if it were 0",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.GENEVE_VERSION_UNKNOWN) and longer(ours, theirs),
        MADE,
    ),
    Difference(
        "UDP-Lite",
        "UDP-Lite with a port number of a tunnel",
        "tshark looks into it as into UDP; no RFC has tunnels there, and its ports are all that is shown here",
        HEADERS,
        lambda case, ours, theirs: "udplite" in case.layers and longer(ours, theirs),
        MADE,
    ),
    Difference(
        "TCP header length",
        "the TCP header length is below 20, or more than is there",
        "tshark stops there, or says nothing of the payload; we show the fixed fields, and no payload",
        frozenset(TCP),
        lambda case, ours, theirs: (
            case.has(anomalies.TCP_HEADER_LENGTH_INVALID) and (not theirs or not ours or ours == [0])
        ),
        MADE,
    ),
    Difference(
        "VXLAN-GPE without P",
        "VXLAN-GPE whose P bit is not set",
        "Ethernet is inside then, whatever the next protocol field says; tshark goes by that field",
        HEADERS,
        lambda case, ours, theirs: without_next_protocol(case),
        MADE,
    ),
    Difference(
        "Ethernet in MPLS",
        "an Ethernet frame behind an MPLS label stack",
        "nothing in the packet says that it is one; we take it for one where it looks so, tshark by its own rules",
        HEADERS,
        lambda case, ours, theirs: (
            ("mpls", "data") in pairwise(case.layers) or any(word.startswith("pweth") for word in case.layers)
        ),
        MADE,
    ),
    Difference(
        "GRE source route",
        "GRE with a source route (RFC 1701) of more than 16 entries",
        "decoding ends there; tshark goes on",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.GRE_ROUTING_PRESENT) and longer(ours, theirs),
        MADE,
    ),
    Difference(
        "GRE version 1",
        "GRE version 1 (RFC 2637) with an acknowledgment number, and something else than PPP inside",
        "tshark takes the acknowledgment number for a part of what is inside",
        HEADERS,
        lambda case, ours, theirs: acknowledges(case),
        MADE,
    ),
    Difference(
        "GRE version",
        "the GRE version is neither 0 nor 1",
        "the RFCs define no other; tshark reads on as if it were 0",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.GRE_VERSION_UNKNOWN) and longer(ours, theirs),
        "samples/vlan.pcap",
    ),
    Difference(
        "nesting",
        "more than 16 encapsulations",
        "decoding ends there; a record keeps the first three headers and the last one that was decoded",
        HEADERS,
        lambda case, ours, theirs: (
            case.has(anomalies.NESTING_TOO_DEEP)
            and len(theirs) > len(ours)
            and ours[:_KEPT] == theirs[: len(ours)][:_KEPT]
        ),
        "samples/nested-vxlan.pcap",
    ),
    Difference(
        "MPLS without a bottom",
        "no label of the first 16 has the bottom bit",
        "decoding ends there; tshark goes on until some bit is set",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.MPLS_NO_BOTTOM) and not ours,
        "zeek/trunc__mpls-6in6-broken.pcap.gz",
    ),
    Difference(
        "IP version",
        "what announces IPv4 or IPv6 is followed by the other version",
        "tshark believes the version, we end with an anomaly: one of the two is wrong, and what follows may be "
        "anything",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.IP_VERSION_MISMATCH) and one_more(ours, theirs),
        "tcpdump/LINKTYPE_IPV4_invalid.pcap",
    ),
    Difference(
        "IPv4 header length",
        "the IPv4 header length is below 20",
        "tshark prints that length; the header is not used by either",
        frozenset({"ip.hdr_len"}),
        lambda case, ours, theirs: case.has(anomalies.IP_HEADER_LENGTH_INVALID) and one_more(ours, theirs),
        "tcpdump/ipv4_invalid_hdr_length.pcap",
    ),
    Difference(
        "IPv4 length below its header",
        "the IPv4 total length is smaller than the header length",
        "tshark stops there; we say so and show the rest, which is there",
        HEADERS,
        lambda case, ours, theirs: (
            case.has(anomalies.IP_TOTAL_LENGTH_INVALID) and case.says("Bogus IP length") and longer(theirs, ours)
        ),
        "tcpdump/ipv4_invalid_total_length_2.pcap",
    ),
    Difference(
        "no jumbo payload option",
        "IPv6 length 0 with a hop-by-hop header that has no jumbo payload option",
        "tshark stops there, we go on to the end of the frame",
        frozenset({"ipv6 last next header"}),
        lambda case, ours, theirs: case.says("Jumbo Payload option missing") and len(ours) == len(theirs),
        "tcpdump/ipv6_missing_jumbo_payload_option.pcap",
    ),
    Difference(
        "ICMP inside ESP",
        "ESP with null encryption that would hold ICMP or ICMPv6",
        "a guess, which we make only where lengths or a checksum confirm it; the guess is wrong in packet 101 of this "
        "capture",
        frozenset(ICMP),
        lambda case, ours, theirs: (
            case.layers[-2:-1] == ["esp"] and case.record["protocol"] == offsets.IPPROTO_ESP and not ours
        ),
        "zeek/ip6_esp.pcap",
    ),
    Difference(
        "WCCP",
        "GRE with protocol type 0x883E",
        "the redirected packet inside is not decoded here",
        HEADERS,
        lambda case, ours, theirs: "0x883e" in case.row["gre.proto"] and longer(ours, theirs),
        "tcpdump/wccp_redirect_gre.pcap",
    ),
    Difference(
        "time stamps",
        "the fraction of a second in the file is a second or more",
        "the excess is carried over into the seconds here; tshark prints it as it is, and its arithmetic overflows",
        frozenset({"frame.time_epoch"}),
        lambda case, ours, theirs: excess_of_fraction(ours, theirs),
        "tcpdump/timestamp_invalid_nano.pcap",
    ),
    Difference(
        "malformed",
        'tshark says "Malformed Packet"',
        "tshark gives up in the header where it says so; we use the lengths in it, and show what follows",
        HEADERS,
        lambda case, ours, theirs: case.says("Malformed Packet") and longer(theirs, ours),
        MADE,
    ),
    Difference(
        "IP in LLC",
        "IP straight behind an IEEE 802.2 header (SAP 0x06), without SNAP",
        "tshark decodes it; nobody sends it, and 802.3 frames are not looked into here but for SNAP",
        HEADERS,
        lambda case, ours, theirs: ("llc", "ip") in pairwise(case.layers) and longer(ours, theirs),
        MADE,
    ),
    Difference(
        "ISL",
        "Cisco Inter-Switch Link",
        "tshark decodes ISL, which has no EtherType of its own; here it is Ethernet to an ISL address",
        frozenset({"eth.dst"}),
        lambda case, ours, theirs: ours == ["01:00:0c:00:00:00"],
        "tcpdump/DTP.pcap",
    ),
)
