"""A tenant's own frames, live: delivered to a TAP device or a pipe, and both ways through an NVGRE endpoint.

tap, device     what Linux does with network devices, the only modules that ask it to
pcap_pipe       a pcap stream for who reads it now, and never a wait for who does not
delivery        `live --decap-to`: the frames of one tenant out of what is captured
underlay        the raw socket of protocol 47
reception       which arriving packets an endpoint takes (RFC 7637 section 3)
roles           who of the policy this machine is, and which subnets it serves
endpoint        `nvgre-inspect gateway`: both directions (docs/gateway.md)
"""
