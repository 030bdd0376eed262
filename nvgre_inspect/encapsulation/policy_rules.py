"""What has to hold between the values of a policy; single values are checked as they are read (`policy_keys`).

`problems_of` works on a Policy, however it was made, and names paths as a policy file has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from dissectors import offsets
from nvgre_inspect.encapsulation.outer import CARRIES_IP, IDENTIFIERS, overhead
from nvgre_inspect.encapsulation.policy import Address, Encapsulation, Host, Policy, Subnet
from nvgre_inspect.encapsulation.policy_keys import ENCAPSULATION, GRE_KINDS, default
from nvgre_inspect.model.toml_keys import Key

#: Why identifiers of a kind have their range.
_LABEL = "a label has 20 bits, and RFC 3032 section 2.1 reserves 0 to 15"
_ID_WHY = {
    "nvgre": "RFC 7637 section 3.4 reserves 0 to 4095 and 16777215",
    "gretap": "the key has 32 bits",
    "gre": "the key has 32 bits",
    "vxlan": "a VNI has 24 bits",
    "geneve": "a VNI has 24 bits",
    "mpls-in-gre": _LABEL,
    "mpls-in-udp": _LABEL,
}
#: Why some options do not go with a kind; others are simply not there.
_WHY = {
    ("nvgre", "key"): " (its key is the VSID, RFC 7637 section 3.2)",
    ("nvgre", "checksum"): " (RFC 7637 section 3.2: C is 0)",
    ("nvgre", "sequence"): " (RFC 7637 section 3.2: S is 0)",
}
#: The smallest MTU of an IPv4 link (RFC 791); that of an IPv6 link (RFC 8200 section 5).
_LEAST_IPV4 = 68
_LEAST_IPV6 = 1280


def problems_of(policy: Policy) -> list[str]:
    """A sentence for each rule that is broken; empty: the policy can be used."""
    return [
        *_of_encapsulation(policy.encapsulation),
        *_of_mtu(policy),
        *_of_hosts(policy.hosts),
        *_of_subnets(policy),
    ]


def _of_encapsulation(encapsulation: Encapsulation) -> Iterator[str]:
    kind = encapsulation.kind
    for key in ENCAPSULATION:
        value = getattr(encapsulation, key.name)
        if key.kinds and kind not in key.kinds and value != default("encapsulation", key):
            yield (
                f"encapsulation.{key.name}: {_text(value)} makes no sense for {kind}{_WHY.get((kind, key.name), '')}; "
                f"{_kinds(key)} {'have' if len(key.kinds) > 1 else 'has'} it"
            )
    if encapsulation.inner_vlan == "keep" and kind == "nvgre":
        yield "encapsulation.inner_vlan: keep is not allowed for nvgre: RFC 7637 section 3.3 wants tags removed"
    if encapsulation.inner_vlan == "keep" and kind in CARRIES_IP:
        yield f"encapsulation.inner_vlan: keep makes no sense for {kind}, which carries IP packets and no tags"
    if encapsulation.vlan_priority and encapsulation.vlan is None:
        yield f"encapsulation.vlan_priority: {encapsulation.vlan_priority} needs a tag: encapsulation.vlan is missing"
    if encapsulation.over_mtu != "drop" and not encapsulation.mtu:
        yield f"encapsulation.over_mtu: {encapsulation.over_mtu} needs a limit: encapsulation.mtu is 0"


def _kinds(key: Key) -> str:
    return ", ".join(sorted(key.kinds))


def _of_mtu(policy: Policy) -> Iterator[str]:
    mtu = policy.encapsulation.mtu
    if not mtu:
        return
    versions = {host.pa.version for host in policy.hosts}
    if 6 in versions and mtu < _LEAST_IPV6:
        yield f"encapsulation.mtu: {mtu} is too small for IPv6 hosts, whose links carry {_LEAST_IPV6} bytes (RFC 8200)"
        return
    encapsulation = policy.encapsulation
    headers = overhead(encapsulation, max(versions, default=4))
    headers += 0 if encapsulation.kind in CARRIES_IP else offsets.ETH_LEN
    if mtu - headers < _LEAST_IPV4:
        yield (
            f"encapsulation.mtu: {mtu} is too small to carry anything: {headers} bytes are headers, and an inner "
            f"packet may have {_LEAST_IPV4} (RFC 791)"
        )


def _of_hosts(hosts: tuple[Host, ...]) -> Iterator[str]:
    seen: dict[Address, int] = {}
    pas = {host.pa for host in hosts}
    for i, host in enumerate(hosts):
        first = seen.setdefault(host.pa, i)
        if first != i:
            yield f"host[{i}].pa: {host.pa} is already that of host[{first}]"
        for receiver in host.next_hops:
            path = f'host[{i}].next_hops."{receiver}"'
            if receiver not in pas:
                yield f"{path}: {receiver} is not the pa of any host"
            elif receiver == host.pa:
                yield f"{path}: {receiver} is this host itself"
            elif receiver.version != host.pa.version:
                yield f"{path}: {receiver} is of another IP version than {host.pa}"


def _of_subnets(policy: Policy) -> Iterator[str]:
    pas = {host.pa for host in policy.hosts}
    seen: dict[int, int] = {}
    for i, subnet in enumerate(policy.subnets):
        path = f"subnet[{i}]"
        yield from _of_id(policy.encapsulation, subnet, path)
        if subnet.vsid is not None and seen.setdefault(subnet.vsid, i) != i:
            yield f"{path}.vsid: {subnet.vsid} is already that of subnet[{seen[subnet.vsid]}]"
        if subnet.unknown == "flood" and subnet.bum == "drop":
            yield f"{path}.unknown: flood makes no sense where bum is drop: nothing is flooded"
        if isinstance(subnet.bum, IPv4Address | IPv6Address):
            others = [str(pa) for pa in sorted_pas(subnet) if pa.version != subnet.bum.version]
            if others:
                yield f"{path}.bum: {subnet.bum} is of another IP version than {others[0]}, a pa of the subnet"
        yield from _of_entries(subnet, path, pas)


def _of_id(encapsulation: Encapsulation, subnet: Subnet, path: str) -> Iterator[str]:
    kind, vsid = encapsulation.kind, subnet.vsid
    ids = IDENTIFIERS[kind]
    if vsid is None:
        if ids and kind not in GRE_KINDS:
            yield f"{path}.vsid: is missing; {kind} carries one"
    elif not ids:
        yield f"{path}.vsid: {vsid} has no place: {kind} carries no identifier"
    elif vsid not in ids:
        yield f"{path}.vsid: {vsid} is not between {ids[0]} and {ids[-1]}: {_ID_WHY[kind]}"
    elif kind in GRE_KINDS and not encapsulation.key:
        yield f"{path}.vsid: {vsid} has no place: encapsulation.key is false"


def sorted_pas(subnet: Subnet) -> list[Address]:
    """The provider addresses of a subnet, IPv4 first."""
    return sorted({entry.pa for entry in subnet.entries}, key=lambda pa: (pa.version, int(pa)))


def _of_entries(subnet: Subnet, path: str, pas: set[Address]) -> Iterator[str]:
    macs: dict[bytes, int] = {}
    cas: dict[Address, int] = {}
    for i, entry in enumerate(subnet.entries):
        where = f"{path}.address[{i}]"
        if entry.pa not in pas:
            yield f"{where}.pa: {entry.pa} is not the pa of any host"
        if entry.mac is None and not entry.cas:
            yield f"{where}: needs a mac, a ca or both"
        if entry.mac is not None and macs.setdefault(entry.mac, i) != i:
            yield f"{where}.mac: {_text(entry.mac)} is already that of {path}.address[{macs[entry.mac]}]"
        for ca in entry.cas:
            # The same address twice in one entry is as wrong as in two.
            if ca in cas:
                yield f"{where}.ca: {ca} is already that of {path}.address[{cas[ca]}]"
            cas.setdefault(ca, i)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex(":")
    return str(value).lower() if isinstance(value, bool) else str(value)
