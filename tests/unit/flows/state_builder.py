"""Hand-made States: rows given as keyword arguments, everything else 0, or -1 where -1 is "none"."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np

from dissectors import encaps
from nvgre_inspect.kernels.codes import BINS
from nvgre_inspect.model import state as model

#: Fields whose neutral value is -1.
_NONE = {
    model.FLOW: ("tunnel", "port", "mac", "vsid", "handshake_rtt_ns", "mss", "window_scale", "ethertype", "protocol"),
    model.PLACEMENT: ("flow_id", "path"),
    model.ENDPOINT: ("vsid", "tunnel", "mac", "last_pa"),
    model.SERIES: ("vsid", "tunnel"),
    model.ANOMALY: ("tunnel", "vsid", "flow"),
}


def words(text: str) -> tuple[int, int, int, int]:
    """An address as a record holds it."""
    number = int(ipaddress.ip_address(text))
    return (number >> 96, number >> 64 & 0xFFFFFFFF, number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF)


def mac(text: str) -> int:
    return int(text.replace(":", ""), 16)


def rows(dtype: np.dtype[Any], *given: dict[str, Any]) -> np.ndarray:
    """An array of `dtype` with one row per dict."""
    array = np.zeros(len(given), dtype)
    for name in _NONE.get(dtype, ()):
        array[name] = -1
    for i, values in enumerate(given):
        for name, value in values.items():
            array[name][i] = value
    return array


def stack(*layers: tuple[int, int | None]) -> dict[str, Any]:
    """A row of `stacks` from (kind, id or None), outermost first."""
    kinds = [kind if number is None else kind | encaps.HAS_ID for kind, number in layers]
    padding = [0] * (model.MAX_LAYERS - len(layers))
    return {"n": len(layers), "kind": kinds + padding, "id": [number or 0 for _, number in layers] + padding}


def address(text: str | None) -> dict[str, Any]:
    """A row of `addresses`; None: the address of a tenant without PA header."""
    if text is None:
        return {}
    return {"family": ipaddress.ip_address(text).version, "word": words(text)}


def state(**tables: Any) -> model.State:
    """A State of the given arrays (`rows` of them); what is not given is empty."""
    empty: dict[str, Any] = {
        "stacks": rows(model.STACK),
        "addresses": rows(model.ADDRESS),
        "paths": rows(model.PATH),
        "flows": rows(model.FLOW),
        "placements": rows(model.PLACEMENT),
        "tunnels": rows(model.TUNNEL),
        "endpoints": rows(model.ENDPOINT),
        "endpoint_pas": rows(model.ENDPOINT_PA),
        "series": rows(model.SERIES),
        "bins": np.zeros((0, BINS, 4), np.int64),
        "bin_start_ns": 0,
        "bin_width_ns": 1_000_000,
        "anomalies": rows(model.ANOMALY),
        "frame_flow": np.zeros(0, np.int32),
        "frame_position": np.zeros(0, np.int64),
        "overflow": {},
    }
    return model.State(**(empty | tables))


def many_flows(count: int, seed: int = 1) -> model.State:
    """A State of `count` TCP flows over 64 VSIDs and a few tunnels, one placement per direction."""
    random = np.random.default_rng(seed)
    flows = np.zeros(count, model.FLOW)
    for name in _NONE[model.FLOW]:
        flows[name] = -1
    flows["stack"] = flows["full_stack"] = np.arange(count) % 64
    flows["encap"], flows["vsid"] = encaps.NVGRE, 5000 + np.arange(count) % 64
    flows["family"], flows["protocol"], flows["ethertype"] = 4, 6, 0x0800
    flows["addr_a"][:, 3] = 0x0A000000 + random.integers(0, 1 << 16, count)
    flows["addr_b"][:, 3] = 0x0A800000 + random.integers(0, 1 << 20, count)
    flows["port"] = random.integers(1, 65536, (count, 2))
    flows["mac"] = 0x020000000000 + random.integers(0, 1 << 16, (count, 2))
    flows["initiator"] = random.integers(0, 2, count)
    flows["state"] = random.integers(0, 8, count)
    flows["first_ns"] = 1_700_000_000_000_000_000 + np.arange(count) * 1000
    flows["last_ns"] = flows["first_ns"] + random.integers(0, 10**9, count)
    flows["packets"] = random.integers(0, 100, (count, 2))
    flows["bytes"] = flows["packets"] * 500
    flows["wire_bytes"] = flows["packets"] * 542
    flows["data_segments"] = flows["packets"]
    flows["dscp_lo"] = 1 << random.integers(0, 3, (count, 2))
    flows["tunnel"] = np.arange(count) % 16
    placements = np.zeros(2 * count, model.PLACEMENT)
    placements["flow"] = np.repeat(np.arange(count), 2)
    placements["side"] = np.tile([0, 1], count)
    placements["tunnel"] = placements["flow"] % 16
    placements["pa_src"] = np.where(placements["side"] == 0, 0, 1 + placements["tunnel"])
    placements["pa_dst"] = np.where(placements["side"] == 0, 1 + placements["tunnel"], 0)
    placements["flow_id"] = random.integers(0, 256, 2 * count)
    placements["path"] = -1
    placements["packets"] = flows["packets"].reshape(-1)
    return state(
        stacks=rows(model.STACK, *(stack((encaps.NVGRE, 5000 + i)) for i in range(64))),
        addresses=rows(model.ADDRESS, *(address(f"192.0.2.{i + 1}") for i in range(17))),
        tunnels=rows(model.TUNNEL, *({"encap": encaps.NVGRE, "pa_a": 0, "pa_b": i + 1} for i in range(16))),
        flows=flows,
        placements=placements,
    )
