"""Numbers that decoders, accountants, model and tables share: states, caps and thresholds. Plain ints, no numba.

Caps bound what an attacker can make grow; what does not fit is counted (anomaly table-overflow), never lost silently.
"""

#: A length on the wire is a claim of 32 bits, lengths in records are signed ones: no packet is taken for longer. (Real
#: ones, offload and jumbograms included, stay far below.)
LONGEST_PACKET = (1 << 31) - 1

#: No time: times are within 2^62 of the epoch, on both sides of it.
NEVER = -(1 << 63)

# --- TCP states of a flow (column `state`) -------------------------------------------------------------------------
ACTIVE = 0
SYN_SENT = 1
SYN_RECEIVED = 2
ESTABLISHED = 3
CLOSING = 4
CLOSED = 5
RESET = 6
MIDSTREAM = 7
STATE_NAMES = (
    "active",
    "syn-sent",
    "syn-received",
    "established",
    "closing",
    "closed",
    "reset",
    "midstream",
)

# --- thresholds ----------------------------------------------------------------------------------------------------
#: A gap filled within this time was reordering, where the handshake RTT is not known (tshark uses the same 3 ms).
REORDER_NS = 3_000_000
#: Copies of packets without a sequence number count as duplicates only within this time.
DUPLICATE_NS = 5_000_000
#: RFC 8200 section 4.5 gives up reassembly after 60 s, Linux after 30 s.
FRAGMENT_TIMEOUT_NS = 30_000_000_000
DEFAULT_IDLE_NS = 120_000_000_000

# --- caps ----------------------------------------------------------------------------------------------------------
GAPS_PER_DIRECTION = 64
RECENT_PACKETS = 4
PLACEMENTS_PER_FLOW = 256
PAS_PER_ENDPOINT = 64
FRAGMENT_SETS = 4096
PENDING_FRAGMENTS = 1024
BINS = 256
FIRST_BIN_NS = 1_000_000
MAX_SERIES = 4096
MAX_FLOWS = 1 << 23
MAX_PLACEMENTS = 1 << 24
MAX_TUNNELS = 1 << 20
MAX_ENDPOINTS = 1 << 22
MAX_STACKS = 1 << 20
MAX_ADDRESSES = 1 << 20
MAX_PATHS = 1 << 16
PATH_ITEMS = 16
