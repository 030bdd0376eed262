"""Wire formats: one dpkt.Packet class per protocol.

Nothing is imported here: `dissectors.offsets`, `.anomalies` and `.encaps` are read by the compiled kernels and
at start-up, and must not pull in dpkt.
"""
