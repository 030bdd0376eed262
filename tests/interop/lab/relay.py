"""An NVGRE endpoint of the reference encapsulator, in the stead of a host's Open vSwitch.

    python relay.py UNDERLAY POLICY.toml,… DEVICE=VSID…

Runs in the host's network namespace. What a VM's link (DEVICE) sends is encapsulated for its VSID by the policy and put
on the underlay's link; what comes from there for this host's PA is decapsulated onto the link of its VSID. Prints
"ready" when it listens, and on SIGTERM what it carried, as JSON.
"""

from __future__ import annotations

import json
import selectors
import signal
import socket
import sys
from collections import Counter

from nvgre_inspect.encapsulation import Decapsulator, Encapsulator
from nvgre_inspect.encapsulation.policy_file import load

ALL_PROTOCOLS = 0x0003
OUTGOING = 4
GRE = 47


def link(device: str) -> socket.socket:
    """A raw socket on a network device."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    raw.bind((device, 0))
    return raw


def main() -> None:
    underlay = link(sys.argv[1])
    policies = [load(path) for path in sys.argv[2].split(",")]
    pairs = [pair.split("=") for pair in sys.argv[3:]]
    vms = {int(vsid): link(device) for device, vsid in pairs}
    # One policy a tenant: the lab's switches match the whole key, FlowID included.
    encapsulators = {vsid: Encapsulator(policy, vsid=vsid) for vsid, policy in zip(vms, policies, strict=True)}
    decapsulator = Decapsulator()
    here = policies[0].hosts[0].pa
    counts: Counter[str] = Counter()
    # While somebody listens for GRE, the kernel does not answer that nobody does.
    listener = socket.socket(socket.AF_INET, socket.SOCK_RAW, GRE)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

    def stop(*_: object) -> None:
        print(json.dumps(counts), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    waiting = selectors.DefaultSelector()
    waiting.register(underlay, selectors.EVENT_READ, None)
    for vsid, vm in vms.items():
        waiting.register(vm, selectors.EVENT_READ, vsid)
    print("ready", flush=True)
    while True:
        for key, _ in waiting.select():
            frame, (_, _, kind, _, _) = key.fileobj.recvfrom(65535)
            if kind == OUTGOING:
                continue
            if key.data is not None:
                result = encapsulators[key.data].encapsulate(frame)
                counts[result.reason or "encapsulated"] += 1
                for outer in result.frames:
                    underlay.send(outer)
                continue
            inner = decapsulator.decapsulate(frame)
            if inner.origin is None or inner.origin.pa_dst != here:
                counts["not for us"] += 1
            elif inner.origin.encap == "nvgre" and inner.origin.vsid in vms:
                vms[inner.origin.vsid].send(inner.frame)
                counts["decapsulated"] += 1


if __name__ == "__main__":
    main()
