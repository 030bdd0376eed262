"""The captures of this folder, made from the scenarios beside them.

    python -m samples.make [FOLDER]      all of them, into this folder or another one

`nvgre-inspect generate samples/tcp-lab.toml -o tcp-lab.pcap` writes the same bytes; RECIPES says where more is done.
The captures of Open vSwitch are made by `make_ovs_lab.sh`.
"""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nvgre_inspect.capture.writer import PcapWriter
from nvgre_inspect.encapsulation import Encapsulation, Encapsulator
from nvgre_inspect.traffic.captures import Format, OneFile
from nvgre_inspect.traffic.generate import generate
from nvgre_inspect.traffic.mapping import policy_of
from nvgre_inspect.traffic.scenario import Point, Scenario
from nvgre_inspect.traffic.scenario_file import load

HERE = Path(__file__).parent
#: What makes the bytes of a capture file.
Recipe = Callable[[], bytes]


def scenario(name: str) -> Scenario:
    """A scenario of this folder."""
    return load(HERE / f"{name}.toml")


def generated(name: str, form: Format = "pcap", point: str = "") -> Recipe:
    """The capture of a scenario, as `nvgre-inspect generate` writes it (`point`: with `--split-by point`)."""

    def make() -> bytes:
        loaded = scenario(name)
        points: list[Point] = [each for each in loaded.points if point in ("", each.name)]
        target = io.BytesIO()
        with OneFile(target, replace(loaded, points=points), form=form) as sink:
            generate(replace(loaded, points=points), sink, truth=False)
        return target.getvalue()

    return make


class Recorded:
    """What passes the only point of a scenario, kept (`points.Sink`)."""

    def __init__(self) -> None:
        #: Nanoseconds since 1970, and whole frames.
        self.frames: list[tuple[int, bytes]] = []

    def write(self, point: int, ts_ns: int, frame: bytes, comment: str = "") -> int:
        """A frame passes."""
        self.frames.append((ts_ns, frame))
        return len(self.frames)

    def finish(self, point: int, ts_ns: int, received: int, dropped: int) -> None:
        """No more come."""


def recorded(played: Scenario) -> list[tuple[int, bytes]]:
    """Times and frames of a scenario with one point."""
    sink = Recorded()
    generate(played, sink, truth=False)
    return sink.frames


def pcap(frames: list[tuple[int, bytes]]) -> bytes:
    """A capture of these frames, in the order of time."""
    target = io.BytesIO()
    with PcapWriter(target) as writer:
        for ts_ns, frame in sorted(frames, key=lambda each: each[0]):
            writer.write_frame(frame, ts_ns)
    return target.getvalue()


def nested(inside: str, beneath: str) -> Recipe:
    """What the hosts of one scenario send, sent by the machines of another one."""

    def make() -> bytes:
        outer = scenario(beneath)
        encapsulator = Encapsulator(policy_of(outer))
        frames = recorded(outer)
        for ts_ns, frame in recorded(scenario(inside)):
            frames += [(ts_ns, encapsulated) for encapsulated in encapsulator.encapsulate(frame).frames]
        return pcap(frames)

    return make


def beside_each_other(name: str, encapsulations: Sequence[tuple[Encapsulation, int | None]], others: str) -> Recipe:
    """A scenario of one tenant in several encapsulations, with these identifiers, one after the other; and another."""

    def make() -> bytes:
        loaded = scenario(name)
        (tenant,) = loaded.tenants
        frames = recorded(scenario(others))
        for number, (encapsulation, vsid) in enumerate(encapsulations):
            start_ns = loaded.start_ns + number * 100_000_000
            tenants = (replace(tenant, vsid=vsid or tenant.vsid),)
            frames += recorded(replace(loaded, start_ns=start_ns, encapsulation=encapsulation, tenants=tenants))
        return pcap(frames)

    return make


def cut(recipe: Recipe, missing: int) -> Recipe:
    """A file without its last bytes."""
    return lambda: recipe()[:-missing]


def big_endian(recipe: Recipe) -> Recipe:
    """A pcap as a machine with the other byte order writes it."""

    def make() -> bytes:
        content = recipe()
        result = [struct.pack(">IHHiIII", *struct.unpack_from("<IHHiIII", content))]
        at = 24
        while at < len(content):
            record = struct.unpack_from("<IIII", content, at)
            end = at + 16 + record[2]
            result += [struct.pack(">IIII", *record), content[at + 16 : end]]
            at = end
        return b"".join(result)

    return make


#: Capture -> what makes it.
RECIPES: dict[str, Recipe] = {
    "arp-broadcast.pcap": generated("arp-broadcast"),
    "asymmetric-vsid.pcap": generated("asymmetric-vsid"),
    "fabric.pcapng": generated("fabric", "pcapng"),
    "fragments.pcap": generated("fragments"),
    "icmp-errors.pcap": generated("icmp-errors"),
    "ipv6-overlay.pcap": generated("ipv6-overlay"),
    "ipv6-underlay.pcap": generated("ipv6-underlay"),
    "neighbours.pcap": beside_each_other(
        "neighbours",
        [
            (Encapsulation(), None),
            (Encapsulation(kind="vxlan"), None),
            (Encapsulation(kind="geneve"), None),
            # The port that Linux had before there was a number for VXLAN.
            (Encapsulation(kind="vxlan", port=8472), 5003),
            (Encapsulation(kind="gretap"), 77),
            (Encapsulation(kind="gretap", key=False), None),
        ],
        others="neighbours-others",
    ),
    "nested-vxlan.pcap": nested("nested-vxlan-inside", beneath="nested-vxlan"),
    "overlapping-tenants.pcap": generated("overlapping-tenants"),
    "snaplen.pcap": generated("snaplen", point="snaplen"),
    "snaplen-headers.pcap": generated("snaplen", point="snaplen-headers"),
    "tcp-lab.pcap": generated("tcp-lab"),
    # In the middle of the last data of the second tenant.
    "truncated.pcap": cut(big_endian(generated("truncated")), 800),
    "truncated.pcapng": cut(generated("truncated", "pcapng"), 1100),
    "vlan.pcap": generated("vlan"),
}


def main() -> None:
    """Make all captures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, recipe in RECIPES.items():
        (folder / name).write_bytes(recipe())


if __name__ == "__main__":
    main()
