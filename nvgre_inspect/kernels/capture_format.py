"""Numbers of the pcap and pcapng formats that the compiled walk and its plain-Python twin both need.

pcap: draft-ietf-opsawg-pcap; pcapng: draft-ietf-opsawg-pcapng section 4. Importing this does not load numba.
"""

# --- why a walk stopped ------------------------------------------------------------------------------------
#: It needs bytes beyond the end: a header, record or block is not complete.
MORE = 0
#: The arrays are full.
FULL = 1
#: What follows is for the caller: a damaged length, or a block other than an enhanced packet block.
OTHER = 2

# --- pcapng block types and lengths ------------------------------------------------------------------------
SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
NAME_RESOLUTION = 4
INTERFACE_STATISTICS = 5
ENHANCED_PACKET = 6
#: Type and length before, length after the content of every block.
BLOCK_OVERHEAD = 12
#: Where the frame starts in an enhanced (or obsolete) packet block, and in a simple one.
PACKET_DATA = 28
SIMPLE_PACKET_DATA = 12
#: Upper half of the time stamp of a simple packet, which has none.
NO_TIME = -1

# --- pcap --------------------------------------------------------------------------------------------------
RECORD_HEADER = 16
#: Kuznetzov's variant adds interface index, protocol and packet type.
RECORD_HEADER_MODIFIED = 24
#: What the two length fields of a record mean: as today, the other way round (before 2.3), or unclear (2.3).
LENGTHS_USUAL = 0
LENGTHS_SWAPPED = 1
LENGTHS_UNCLEAR = 2
