"""Names: what a user calls virtual networks and provider addresses.

The command line reads them from the configuration file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Stands for what is null in a table, where packets are summed up by it.
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Names:
    """Names by number; anything without a name is simply shown by its number."""

    #: Key: "nvgre:5001", or 5001 for every encapsulation; the first wins.
    vsids: Mapping[str | int, str] = field(default_factory=dict)
    #: Key: address in its usual text form ("192.0.2.1", "2001:db8::1").
    pas: Mapping[str, str] = field(default_factory=dict)

    def vsid(self, encap: str, vsid: int | None) -> str | None:
        """The name of a tenant; without a vsid by the encapsulation alone ("gre")."""
        if vsid is None:
            return self.vsids.get(encap)
        return self.vsids.get(f"{encap}:{vsid}") or self.vsids.get(vsid)

    def pa(self, address: str) -> str | None:
        """The name of a provider address."""
        return self.pas.get(address)
