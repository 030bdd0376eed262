"""The compiled encapsulator and translator beside the reference: every byte, every reason, every note.

python -m tests.unit.encapsulation.compiled_agreement SEED COUNT     prints how many frames were compared
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from ipaddress import ip_address

import numpy as np

from nvgre_inspect.encapsulation.compiled_encapsulator import CompiledEncapsulator
from nvgre_inspect.encapsulation.compiled_translator import CompiledTranslator
from nvgre_inspect.encapsulation.encapsulator import Encapsulator
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.policy import Encapsulation, Entry, Host, Policy, Subnet
from nvgre_inspect.encapsulation.rewritten import Rewritten
from nvgre_inspect.encapsulation.translator import Translator
from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.source import InterfaceInfo

#: Each option at least once away from its default, every kind at least once.
ENCAPSULATIONS = (
    Encapsulation(),
    Encapsulation(flow_id="zero", dscp=10, ecn="compatibility", ttl=3, df=False, inner_vlan="refuse"),
    Encapsulation(flow_id=77, mtu=200, over_mtu="icmp", vlan=7, vlan_priority=3),
    Encapsulation(kind="vxlan", mtu=150, over_mtu="send", inner_vlan="keep"),
    Encapsulation(kind="vxlan", checksum=True, port=8472),
    Encapsulation(kind="geneve", mtu=180),
    Encapsulation(kind="gretap", checksum=True, sequence=True),
    Encapsulation(kind="gretap", key=False),
    Encapsulation(kind="gre", sequence=True, mtu=120, over_mtu="icmp"),
    Encapsulation(kind="gre", key=False, checksum=True),
    Encapsulation(kind="ipip", inner_vlan="refuse"),
    Encapsulation(kind="mpls-in-gre"),
    Encapsulation(kind="mpls-in-udp", checksum=True),
)
Frames = list[tuple[int, bytes, int]]


def interfaces(count: int, origin: Origin | None = None) -> list[InterfaceInfo]:
    """As many interfaces; the first says that its frames were recorded in `origin`."""
    infos = [InterfaceInfo("a.pcapng", i, f"eth{i}", 1, 0) for i in range(count)]
    if origin is not None:
        infos[0].description = origin.description()
    return infos


def policy_for(batch: PacketBatch, encapsulation: Encapsulation, *, six: bool) -> Policy:
    """Hosts behind which the senders of a batch are, in two subnets, and some that nobody knows."""
    net = "2001:db8::" if six else "192.0.2."
    hosts = tuple(Host(ip_address(f"{net}{i}"), bytes((2, 0, 0, 0, 0, i))) for i in (1, 2, 3))
    hosts = (*hosts[:2], Host(hosts[2].pa, hosts[2].mac, next_hop=b"\2\0\0\0\0\x09"))
    macs = sorted({batch.frame(i)[6:12] for i in range(len(batch)) if batch.caplen[i] >= 14 and batch.linktype[i] == 1})
    known = [mac for k, mac in enumerate(macs) if k % 7 and not mac[0] & 1]
    entries = [Entry(hosts[k % 3].pa, mac=mac) for k, mac in enumerate(known)]
    entries.append(Entry(hosts[0].pa, cas=(ip_address("10.0.0.1"), ip_address("2001:db8::2"))))
    entries.append(Entry(hosts[1].pa, cas=(ip_address("10.0.1.2"), ip_address("2001:db8::1"))))
    identified = encapsulation.kind != "ipip" and encapsulation.key
    half = len(entries) // 2
    if not identified:
        return Policy(encapsulation, hosts, (Subnet(None, tuple(entries), unknown="flood"),))
    group = ip_address("ff0e::7" if six else "239.1.1.1")
    return Policy(
        encapsulation,
        hosts,
        (Subnet(5001, tuple(entries[:half]), unknown="flood"), Subnet(5002, tuple(entries[half:]), bum=group)),
    )


def came_out(got: Rewritten) -> Frames:
    """Number, bytes and length on the wire of each frame."""
    lengths = got.batch.wirelen.tolist()
    return [(int(got.number[j]), got.batch.frame(j), lengths[j]) for j in range(len(got.batch))]


def encapsulated_alike(batches: list[PacketBatch], infos: list[InterfaceInfo], policy: Policy) -> int:
    """Frames that came out of both. AssertionError where they differ."""
    compiled, reference = CompiledEncapsulator(policy, infos), Encapsulator(policy)
    noted: Counter[str] = Counter()
    count = 0
    for batch in batches:
        got = compiled.rewrite(batch, np.zeros(0), np.arange(1, len(batch) + 1))
        frames: Frames = []
        replies, skipped = [], []
        for i in range(len(batch)):
            origin = Origin.parse(infos[int(batch.interface[i])].description)
            one = reference.encapsulate(
                batch.frame(i), int(batch.wirelen[i]), origin=origin, linktype=int(batch.linktype[i])
            )
            noted.update(one.notes)
            frames += [(i + 1, frame, len(frame) + one.missing) for frame in one.frames]
            replies += [(i + 1, frame) for frame in one.replies]
            skipped += [(i + 1, one.reason)] if one.reason else []
        assert came_out(got) == frames
        assert list(zip(got.skipped.tolist(), got.reason, strict=True)) == skipped
        answers = got.replies
        numbers = got.reply_number.tolist()
        assert [(n, answers.frame(j)) for j, n in enumerate(numbers) if answers is not None] == replies
        count += len(frames)
    assert +compiled.noted == +noted
    return count


def translated_alike(
    batches: list[PacketBatch],
    infos: list[InterfaceInfo],
    encapsulation: Encapsulation,
    ids: Mapping[int, int],
    options: DecodeOptions,
) -> int:
    """Frames that came out of both. AssertionError where they differ."""
    e = encapsulation
    compiled = CompiledTranslator(e, infos, ids=ids, options=options)
    reference = Translator(
        e.kind, ids=ids, port=e.port, key=e.key, checksum=e.checksum, sequence=e.sequence, options=options
    )
    decoder = KernelDecoder(options)
    noted: Counter[str] = Counter()
    count = 0
    for batch in batches:
        got = compiled.rewrite(batch, decoder.decode(batch), np.arange(1, len(batch) + 1))
        frames: Frames = []
        skipped = []
        for i in range(len(batch)):
            one = reference.translate(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i]))
            noted.update(one.notes)
            if one.reason is None:
                frames.append((i + 1, one.frame, one.wirelen))
            else:
                skipped.append((i + 1, one.reason))
        assert came_out(got) == frames
        assert list(zip(got.skipped.tolist(), got.reason, strict=True)) == skipped
        count += len(frames)
    assert +compiled.noted == +noted
    return count


def main() -> None:
    """Both, on random frames; for a process without the compiler."""
    from tests.unit.engine.random_frames import random_batch, sample_frames

    seed, size = int(sys.argv[1]), int(sys.argv[2])
    batch, infos = random_batch(seed, size, sample_frames()), interfaces(3)
    count = 0
    for e in ENCAPSULATIONS:
        count += encapsulated_alike([batch], infos, policy_for(batch, e, six=False))
        count += translated_alike([batch], infos, e, {5001: 7001}, DecodeOptions())
    print(count)


if __name__ == "__main__":
    main()
