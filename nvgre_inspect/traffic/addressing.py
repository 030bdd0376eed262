"""Addresses of a tenant's machines: those that the file gives, and the next free ones for the others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nvgre_inspect.traffic.scenario import VM, Address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DEFAULT_SUBNET: tuple[Network, ...] = (ipaddress.IPv4Network("10.0.0.0/24"),)
#: The first half of MAC addresses that are made up: Microsoft's, as virtual machines there have it.
_MAC_START = b"\x00\x15\x5d"


class TenantAddresses:
    """Gives the machines of one tenant, the one with that `index`, their addresses."""

    def __init__(self, index: int, subnet: Sequence[Network] | None) -> None:
        self._index = index
        self._subnet = tuple(subnet) if subnet else _DEFAULT_SUBNET

    def machines(
        self, given: Sequence[Mapping[str, Any]], more: int, hosts: Sequence[str], path: str, problems: list[str]
    ) -> list[VM]:
        """The machines of the file, and so many `more`; what is wrong with addresses is added to `problems`."""
        if len({network.version for network in self._subnet}) < len(self._subnet):
            problems.append(f"{path}.subnet: has two prefixes of one IP version")
            return []
        named = [*given]
        taken = {str(values["name"]) for values in given}
        names = (name for name in (f"vm{i}" for i in range(1, more + len(taken) + 1)) if name not in taken)
        if more and not hosts:
            problems.append(f"{path}.vms: there are no hosts for them")
            return []
        named += [{"name": next(names), "host": hosts[i % len(hosts)]} for i in range(more)]
        used = {ip for values in named for ip in values.get("ips", ())}
        free = [(address for address in _usable(network) if address not in used) for network in self._subnet]
        result = []
        for i, values in enumerate(named):
            where = f"{path}.vm[{i}]" if i < len(given) else f"{path}.vms"
            ips = values.get("ips") or self._next(free, where, problems)
            prefixes = self._prefixes(ips, f"{where}.ip", problems)
            result.append(VM(**{"mac": self._mac(i), **values, "ips": ips}, prefixes=prefixes))
        return result

    def _next(self, free: Sequence[Iterator[Address]], where: str, problems: list[str]) -> tuple[Address, ...]:
        found = [next(addresses, None) for addresses in free]
        for network, address in zip(self._subnet, found, strict=True):
            if address is None:
                problems.append(f"{where}: no address is left in {network}")
        return tuple(address for address in found if address is not None)

    def _prefixes(self, ips: Sequence[Address], where: str, problems: list[str]) -> tuple[int, ...]:
        if len({ip.version for ip in ips}) < len(ips):
            problems.append(f"{where}: has two addresses of one IP version")
        lengths = []
        for ip in ips:
            network = next((network for network in self._subnet if ip in network), None)
            if network is None:
                problems.append(f"{where}: {ip} is not in the tenant's subnet: {', '.join(map(str, self._subnet))}")
            lengths.append(network.prefixlen if network is not None else ip.max_prefixlen)
        return tuple(lengths)

    def _mac(self, machine: int) -> bytes:
        return _MAC_START + bytes((self._index & 0xFF,)) + (machine + 1).to_bytes(2, "big")


def _usable(network: Network) -> Iterator[Address]:
    """The addresses of hosts: not that of the network itself, nor the broadcast address."""
    last = int(network.broadcast_address) - (1 if network.version == 4 else 0)
    for number in range(int(network.network_address) + 1, last + 1):
        yield ipaddress.IPv4Address(number) if network.version == 4 else ipaddress.IPv6Address(number)
