"""What a session and tshark do together: packets of a session are cut out for tshark, and what it says comes back.

    from nvgre_inspect.with_tshark.deep import deep

    with nvgre_inspect.open("capture.pcapng") as session:
        for node in deep(session, 4711).tree:
            print(node.label)

Both faces use this. Every function raises TsharkError (a sentence) where tshark is missing or fails, UsageError for
packets and flows that are not there, and CaptureError as the session does.
"""
