"""Rights: what capturing needs, how it is granted, and giving it up.

A packet socket needs CAP_NET_RAW when it is made, and nothing afterwards: binding it to an interface that came back,
promiscuous mode, another filter need no rights. So all rights are given up once the handles are open.
"""

from __future__ import annotations

import sys
from pathlib import Path


def missing_rights(what: str, capability: str = "cap_net_raw") -> str:
    """A sentence that names the capability that `what` needs, and the command that grants it."""
    python = Path(sys.executable).resolve()
    return (
        f"{what} needs the capability {capability.upper()}: run it with sudo, or grant it with"
        f" sudo setcap {capability}+ep {python}"
    )
