"""Wireshark beside this tool: an installed tshark asked, and Wireshark taught NVGRE's fields.

Nothing here is needed at run time: a tshark that is missing, hangs or crashes is a `TsharkError`, one sentence.
"""
