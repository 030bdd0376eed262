"""Rules by which a replay differs from loop to loop: `vsid+1`, `ca+0.0.1.0`, `mac+1`, `pa+1`.

In loop i (the first is 0) i times the step is added to what the capture has. A step with dots is for IPv4 addresses
only, one with colons for IPv6 addresses (or MACs) only, a plain number for all.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal, cast

What = Literal["vsid", "ca", "mac", "pa"]
WHATS: tuple[What, ...] = ("vsid", "ca", "mac", "pa")
_RULE = re.compile(r"(?P<what>[a-z]+)(?P<sign>[+-])(?P<step>[0-9A-Fa-fx.:]+)")
_MAC = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}")


class RuleError(ValueError):
    """A text that is no rule; one sentence."""


@dataclass(frozen=True, slots=True)
class AddressStep:
    """Steps for the two kinds of IP addresses; 0: they stay."""

    ipv4: int = 0
    ipv6: int = 0

    def __add__(self, other: AddressStep) -> AddressStep:
        return AddressStep(self.ipv4 + other.ipv4, self.ipv6 + other.ipv6)

    def __mul__(self, loops: int) -> AddressStep:
        return AddressStep(self.ipv4 * loops, self.ipv6 * loops)

    def __bool__(self) -> bool:
        return bool(self.ipv4 or self.ipv6)


@dataclass(frozen=True, slots=True)
class Shift:
    """What is added: per loop, or (`times`) in a loop."""

    vsid: int = 0
    mac: int = 0
    ca: AddressStep = field(default_factory=AddressStep)
    pa: AddressStep = field(default_factory=AddressStep)

    def times(self, loops: int) -> Shift:
        """In the loop of that number, from 0."""
        return Shift(self.vsid * loops, self.mac * loops, self.ca * loops, self.pa * loops)

    def __bool__(self) -> bool:
        return bool(self.vsid or self.mac or self.ca or self.pa)

    @classmethod
    def parse(cls, rules: list[str]) -> Shift:
        """All rules together; steps of the same name add up. RuleError says which is none, and why."""
        total = cls()
        for rule in rules:
            total = _added(total, rule)
        return total


def _added(shift: Shift, rule: str) -> Shift:
    match = _RULE.fullmatch(rule)
    if match is None or match["what"] not in WHATS:
        raise RuleError(f"{rule!r} is no rule: vsid+1, ca+0.0.1.0, ca+::1:0, mac+1 or pa+1, or with - instead of +")
    what = cast(What, match["what"])
    sign = -1 if match["sign"] == "-" else 1
    ipv4, ipv6, mac = _steps(match["step"], rule)
    if what in ("ca", "pa"):
        if ipv4 is None and ipv6 is None:
            raise RuleError(f"{rule!r}: a step of addresses is a number or an address")
        step = AddressStep((ipv4 or 0) * sign, (ipv6 or 0) * sign)
        if what == "ca":
            return Shift(shift.vsid, shift.mac, shift.ca + step, shift.pa)
        return Shift(shift.vsid, shift.mac, shift.ca, shift.pa + step)
    if what == "mac" and mac is not None:
        return Shift(shift.vsid, shift.mac + mac * sign, shift.ca, shift.pa)
    if what == "vsid" and None not in (ipv4, ipv6, mac):
        return Shift(shift.vsid + cast(int, mac) * sign, shift.mac, shift.ca, shift.pa)
    raise RuleError(f"{rule!r}: a step of {what} is a number")


def _steps(text: str, rule: str) -> tuple[int | None, int | None, int | None]:
    """The step for IPv4 addresses, IPv6 addresses and MACs; None: it is not for them."""
    try:
        if _MAC.fullmatch(text):
            return None, None, int("".join(part.zfill(2) for part in text.split(":")), 16)
        if ":" in text:
            return None, int(ipaddress.IPv6Address(text)), None
        if "." in text:
            return int(ipaddress.IPv4Address(text)), None, None
        number = int(text, 0)
    except ValueError:
        raise RuleError(f"{rule!r}: {text!r} is neither a number nor an address") from None
    return number, number, number
