"""Neighbor Discovery for IPv6 (RFC 4861): the ICMPv6 messages 133 to 137 and their options.

    Router Solicitation  (133): reserved (4) | options Router Advertisement (134): hop limit (1) | M O flags
    (1) | lifetime (2) | reachable (4) | retransmit (4) | options Neighbor Solicitation(135): reserved (4) |
    target (16) | options Neighbor Advertisement(136): R S O flags, reserved (4) | target (16) | options
    Redirect             (137): reserved (4) | target (16) | destination (16) | options

    Option: type (1) | length in units of 8 bytes (1) | value

`dissectors.icmp` calls this with whole ICMPv6 messages: offsets count from the ICMPv6 header's type field.

Limits: options other than those named below are listed by number, with their value as hexadecimal digits.
"""

from __future__ import annotations

from typing import NamedTuple

from dissectors.base import Field, show_flag, show_ip, show_mac

ROUTER_SOLICITATION = 133
ROUTER_ADVERTISEMENT = 134
NEIGHBOR_SOLICITATION = 135
NEIGHBOR_ADVERTISEMENT = 136
REDIRECT = 137
MESSAGES = range(ROUTER_SOLICITATION, REDIRECT + 1)

OPTION_SOURCE_ADDRESS = 1
OPTION_TARGET_ADDRESS = 2
_PREFIX = 3
_MTU = 5
_RDNSS = 25
_OPTION_NAMES = {
    OPTION_SOURCE_ADDRESS: "Source link-layer address",
    OPTION_TARGET_ADDRESS: "Target link-layer address",
    _PREFIX: "Prefix information",
    4: "Redirected header",
    _MTU: "MTU",
    14: "Nonce",
    24: "Route Information",
    _RDNSS: "Recursive DNS Server",
    31: "DNS Search List",
}
_OPTIONS_START = {
    ROUTER_SOLICITATION: 8,
    ROUTER_ADVERTISEMENT: 16,
    NEIGHBOR_SOLICITATION: 24,
    NEIGHBOR_ADVERTISEMENT: 24,
    REDIRECT: 40,
}
_FIELD_PREFIX = {
    NEIGHBOR_SOLICITATION: "icmpv6.nd.ns",
    NEIGHBOR_ADVERTISEMENT: "icmpv6.nd.na",
    REDIRECT: "icmpv6.nd.rd",
}


class NDOption(NamedTuple):
    """One option of a message."""

    type: int
    value: bytes
    #: From the start of the ICMPv6 header.
    start: int
    #: Bytes, type and length included.
    length: int


def options(message: bytes) -> list[NDOption]:
    """The options of a Neighbor Discovery message, up to the first of length 0 or that is not all there."""
    result = []
    position = _OPTIONS_START.get(message[0], len(message)) if message else 0
    while position + 2 <= len(message):
        length = message[position + 1] * 8
        if not length or position + length > len(message):
            break
        result.append(NDOption(message[position], message[position + 2 : position + length], position, length))
        position += length
    return result


def target(message: bytes) -> bytes | None:
    """The target address of a Neighbor Solicitation, Neighbor Advertisement or Redirect, 16 bytes."""
    if len(message) < 24 or message[0] not in _FIELD_PREFIX:
        return None
    return message[8:24]


def link_layer_address(message: bytes) -> bytes | None:
    """The MAC of the source or target link-layer address option, 6 bytes."""
    for option in options(message):
        if option.type in (OPTION_SOURCE_ADDRESS, OPTION_TARGET_ADDRESS) and len(option.value) >= 6:
            return option.value[:6]
    return None


def fields(message: bytes) -> list[Field]:
    """What follows the ICMPv6 checksum, as far as it is there."""
    result = []
    kind = message[0] if message else 0
    if kind == ROUTER_ADVERTISEMENT and len(message) >= 16:
        prefix = "icmpv6.nd.ra"
        flags = message[5]
        lifetime = int.from_bytes(message[6:8], "big")
        reachable, retransmit = int.from_bytes(message[8:12], "big"), int.from_bytes(message[12:16], "big")
        managed, other = flags >> 7, flags >> 6 & 1
        result = [
            Field(f"{prefix}.cur_hop_limit", message[4], f"Cur hop limit: {message[4]}", 4, 1),
            Field(f"{prefix}.flag.m", managed, f"Managed address configuration: {show_flag(managed)}", 5, 1),
            Field(f"{prefix}.flag.o", other, f"Other configuration: {show_flag(other)}", 5, 1),
            Field(f"{prefix}.router_lifetime", lifetime, f"Router lifetime (s): {lifetime}", 6, 2),
            Field(f"{prefix}.reachable_time", reachable, f"Reachable time (ms): {reachable}", 8, 4),
            Field(f"{prefix}.retrans_timer", retransmit, f"Retrans timer (ms): {retransmit}", 12, 4),
        ]
    if kind == NEIGHBOR_ADVERTISEMENT and len(message) >= 8:
        for bit, letter, name in ((7, "r", "Router"), (6, "s", "Solicited"), (5, "o", "Override")):
            value = message[4] >> bit & 1
            result.append(Field(f"icmpv6.nd.na.flag.{letter}", value, f"{name}: {show_flag(value)}", 4, 1))
    address = target(message)
    if address is not None:
        name = f"{_FIELD_PREFIX[kind]}.target_address"
        result.append(Field(name, address, f"Target Address: {show_ip(address)}", 8, 16))
    if kind == REDIRECT and len(message) >= 40:
        text = f"Destination Address: {show_ip(message[24:40])}"
        result.append(Field("icmpv6.rd.na.destination_address", message[24:40], text, 24, 16))
    for option in options(message):
        result.append(Field("icmpv6.opt.type", option.type, _show_option(option), option.start, option.length))
    return result


def info(message: bytes) -> str:
    """As Wireshark words it: `Neighbor Advertisement fe80::1 (sol, ovr) is at 00:11:22:33:44:55`."""
    kind = message[0] if message else 0
    address, mac = target(message), link_layer_address(message)
    where = f" {show_ip(address)}" if address is not None else ""
    if kind == NEIGHBOR_SOLICITATION:
        return f"Neighbor Solicitation{' for' + where if where else ''}" + (f" from {show_mac(mac)}" if mac else "")
    if kind == NEIGHBOR_ADVERTISEMENT:
        flags = [
            name for bit, name in ((0x80, "rtr"), (0x40, "sol"), (0x20, "ovr")) if message[4:5] and message[4] & bit
        ]
        text = f"Neighbor Advertisement{where}" + (f" ({', '.join(flags)})" if flags else "")
        return text + (f" is at {show_mac(mac)}" if mac else "")
    if kind == REDIRECT:
        to = f" for {show_ip(message[24:40])} to{where}" if len(message) >= 40 else ""
        return f"Redirect{to}" + (f" is at {show_mac(mac)}" if mac else "")
    name = "Router Solicitation" if kind == ROUTER_SOLICITATION else "Router Advertisement"
    return name + (f" from {show_mac(mac)}" if mac else "")


def _show_option(option: NDOption) -> str:
    name = _OPTION_NAMES.get(option.type, f"Option {option.type}")
    value = option.value
    if option.type in (OPTION_SOURCE_ADDRESS, OPTION_TARGET_ADDRESS):
        return f"ICMPv6 Option ({name}): {show_mac(value[:6])}"
    if option.type == _PREFIX and len(value) >= 30:
        return f"ICMPv6 Option ({name}): {show_ip(value[14:30])}/{value[0]}"
    if option.type == _MTU and len(value) >= 6:
        return f"ICMPv6 Option ({name}): {int.from_bytes(value[2:6], 'big')}"
    if option.type == _RDNSS and len(value) >= 22:
        servers = " ".join(show_ip(value[i : i + 16]) for i in range(6, len(value) - 15, 16))
        return f"ICMPv6 Option ({name}): {servers}"
    return f"ICMPv6 Option ({name}): {value.hex()}"
