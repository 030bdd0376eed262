"""Gateway: an NVGRE endpoint in user space, between the TAP devices of subnets and one interface of the underlay.

    TAP -> frames of a tenant, up to 64 at once -> encapsulator (by the policy) -> raw socket of protocol 47
    raw socket -> reception (RFC 7637 section 3) -> the TAP device of the VSID

Both directions in one thread, which waits for whatever is ready. What the policy says of MTU, broadcast, unknown
addresses, DSCP, ECN and FlowID is done by the encapsulator that `encap` uses (docs/encapsulation.md).

Limits: where tenants' machines are is what the policy says; nothing is learnt from frames. What ICMP errors of the
underlay say is the kernel's own: tenants are not told.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.encapsulation.batches import encapsulation
from nvgre_inspect.encapsulation.policy import Address, Host, Policy
from nvgre_inspect.encapsulation.rewritten import Rewriter, Rewritten
from nvgre_inspect.gateway import roles
from nvgre_inspect.gateway.answers import AnswerLimit
from nvgre_inspect.gateway.reception import Reception, groups_of
from nvgre_inspect.gateway.tap import Tap, open_tap
from nvgre_inspect.gateway.totals import PortTotals, Totals
from nvgre_inspect.gateway.underlay import AT_ONCE, Arrived, Underlay
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.model.source import InterfaceInfo

#: Reasons of a gateway's own for which a frame did not go on, and what they mean; others are in `reasons.SKIPPED`,
#: `underlay.NOT_SENT` and `reception.LEFT_OUT`.
LEFT_OUT: Final = {
    "elsewhere": "the policy has its sender behind another host",
    "refused": "refused by the TAP device",
    "longer-than-tap": "longer than the MTU of the TAP device",
}
#: Reasons that say that an address is missing in the policy, and where in the frame it stands.
_STRANGERS: Final = {
    "unknown-sender": slice(offsets.ETH_SRC, offsets.ETH_TYPE),
    "unknown-destination": slice(offsets.ETH_DST, offsets.ETH_SRC),
}
_NO_RECORDS: Final = np.zeros(0, RECORD)
_SOURCES: Final = {4: slice(offsets.IP4_SRC, offsets.IP4_DST), 6: slice(offsets.IP6_SRC, offsets.IP6_DST)}
_DESTINATIONS: Final = {4: slice(offsets.IP4_DST, offsets.IP4_MIN_LEN), 6: slice(offsets.IP6_DST, offsets.IP6_LEN)}


class _Port(NamedTuple):
    """A subnet at work."""

    tap: Tap
    encapsulator: Rewriter
    totals: PortTotals


class Gateway:
    """Carries frames until it is stopped; made by `open_gateway`. A context manager."""

    def __init__(
        self, policy: Policy, host: Host, ports: Sequence[tuple[roles.Port, Tap]], underlay: Underlay, *, compiled: bool
    ) -> None:
        """`policy` is a `roles.fitted` one; `compiled`: kernels put headers on, else the reference does."""
        #: Who of the policy this is.
        self.host = host
        self._own, self._family = host.pa.packed, host.pa.version
        self._underlay = underlay
        self._reception = Reception(host.pa, [port.subnet for port, _ in ports])
        self._ports = [
            _Port(
                tap,
                _encapsulator(policy, port, compiled=compiled),
                PortTotals(port.subnet.vsid or 0, tap.name, tap.mtu),
            )
            for port, tap in ports
        ]
        self._by_vsid = {port.totals.vsid: port for port in self._ports}
        self._limit = AnswerLimit()
        self._stopped = False
        self._wake, self._waker = os.pipe()
        self.totals = Totals([port.totals for port in self._ports])

    @property
    def notes(self) -> list[str]:
        """What is in the way of a gateway here: sentences for people."""
        return [*self._underlay.notes(), *(note for port in self._ports for note in port.tap.notes)]

    def noted(self, vsid: int) -> Counter[str]:
        """What is worth counting of a subnet's frames although nothing was lost (`reasons.NOTED`)."""
        return self._by_vsid[vsid].encapsulator.noted

    def run(self, *, every_s: float = 0, tell: Callable[[], None] = lambda: None) -> None:
        """Carry frames until `stop`; `tell` is called every so many seconds (0: never).

        Nothing in a frame makes this raise. CaptureError if a TAP device was taken away.
        """
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._wake, selectors.EVENT_READ, lambda: None)
            waiting.register(self._underlay, selectors.EVENT_READ, self._receive)
            for port in self._ports:
                waiting.register(port.tap, selectors.EVENT_READ, _bound(self._send, port))
            due = time.monotonic() + every_s
            while not self._stopped:
                left = max(due - time.monotonic(), 0) if every_s else None
                for key, _ in waiting.select(left):
                    key.data()
                if every_s and time.monotonic() >= due:
                    due += every_s * (1 + (time.monotonic() - due) // every_s)
                    self.totals.dropped = self._underlay.drops()
                    tell()
        self.totals.dropped = self._underlay.drops()

    def stop(self) -> None:
        """End `run`. From any thread, and from a signal's handler."""
        self._stopped = True
        with contextlib.suppress(OSError):
            os.write(self._waker, b"\0")

    def close(self) -> None:
        """Let devices and socket go: TAP devices that were made are removed."""
        self._underlay.close()
        for port in self._ports:
            port.tap.close()
        for descriptor in (self._wake, self._waker):
            os.close(descriptor)

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- from a tenant to the underlay -------------------------------------------------------------------------------

    def _send(self, port: _Port) -> None:
        lengths = port.tap.read()
        if not lengths:
            return
        batch = _batch(port.tap.buffer, lengths)
        result = port.encapsulator.rewrite(batch, _NO_RECORDS, np.arange(len(batch)))
        port.totals.out.taken += len(batch)
        self._put_on_wire(port.totals, result.batch)
        self._note_skipped(port.totals, batch, result)
        if result.replies is not None:
            self._answer(port, result.replies)

    def _put_on_wire(self, totals: PortTotals, batch: PacketBatch) -> None:
        view = batch.buffer.data
        source, destination = _SOURCES[self._family], _DESTINATIONS[self._family]
        out = totals.out
        for start, length in zip(batch.offset.tolist(), batch.caplen.tolist(), strict=True):
            packet = view[start + offsets.ETH_LEN : start + length]
            if packet[0] >> 4 != self._family or packet[source] != self._own:
                out.left_out["elsewhere"] += 1
                continue
            reason = self._underlay.send(packet, bytes(packet[destination]))
            if reason is None:
                out.packets += 1
                out.bytes += len(packet)
            else:
                out.left_out[reason] += 1

    def _note_skipped(self, totals: PortTotals, batch: PacketBatch, result: Rewritten) -> None:
        for row, reason in zip(result.skipped.tolist(), result.reason, strict=True):
            totals.out.left_out[reason] += 1
            if reason in _STRANGERS:
                totals.meet(reason, batch.frame(row)[_STRANGERS[reason]])

    def _answer(self, port: _Port, replies: PacketBatch) -> None:
        for i in range(len(replies)):
            if not self._limit.allows():
                port.totals.answers_withheld += 1
            elif port.tap.write(replies.frame(i)):
                port.totals.answers += 1

    # --- from the underlay to a tenant -------------------------------------------------------------------------------

    def _receive(self) -> None:
        for _ in range(AT_ONCE):
            packet = self._underlay.receive()
            if packet is None:
                return
            self._hand_over(packet)

    def _hand_over(self, packet: Arrived) -> None:
        vsid, frame, reason = self._reception.take(packet)
        port = self._by_vsid.get(vsid)
        if port is None:
            self.totals.left_out[reason or "unknown-vsid"] += 1
            if vsid >= 0:
                self.totals.meet(vsid)
            return
        back = port.totals.back
        back.taken += 1
        if reason is None and len(frame) > port.tap.mtu + offsets.ETH_LEN:
            reason = "longer-than-tap"
        if reason is None and not port.tap.write(frame):
            reason = "refused"
        if reason is None:
            back.packets += 1
            back.bytes += len(frame)
        else:
            back.left_out[reason] += 1


def open_gateway(
    policy: Policy,
    interface: str,
    taps: Sequence[tuple[int | None, str]],
    *,
    pa: Address | None = None,
    tap_mtu: int = 0,
) -> Gateway:
    """A gateway by a policy that `policy_rules.problems_of` has nothing against, on the interface of the underlay.

    `taps` are pairs of VSID (None: the policy has only one) and name of a TAP device, which is made if it is not there;
    `tap_mtu` in bytes, 0: what fits into the tunnels. `pa`: which of the policy's hosts this is. Kernels are compiled
    before anything is opened. CaptureError in words that say what to do.
    """
    roles.check_kind(policy)
    ports = roles.ports_of(policy, taps)
    host = roles.find_host(policy, interface, pa)
    for port in ports:
        _load_kernels(policy, port)
    with contextlib.ExitStack() as opened:
        groups = groups_of([port.subnet for port in ports], host.pa.version)
        underlay = Underlay(host.pa, interface, groups)
        opened.callback(underlay.close)
        fitted = roles.fitted(policy, underlay.mtu)
        devices: list[tuple[roles.Port, Tap]] = []
        for port in ports:
            tap = open_tap(port.tap, mtu=tap_mtu or roles.tap_mtu(fitted, host))
            opened.callback(tap.close)
            devices.append((port, tap))
        gateway = Gateway(fitted, host, devices, underlay, compiled=True)
        opened.pop_all()
    return gateway


def _load_kernels(policy: Policy, port: roles.Port) -> None:
    """Have a frame of zeros rewritten, which goes nowhere.

    Kernels are loaded when they are first called, under sudo from a folder of root's, which cannot be read any more
    once rights are given up.
    """
    frame = np.zeros(offsets.ETH_LEN, np.uint8)
    _encapsulator(policy, port, compiled=True).rewrite(_batch(frame, [len(frame)]), _NO_RECORDS, np.arange(1))


def _encapsulator(policy: Policy, port: roles.Port, *, compiled: bool) -> Rewriter:
    interface = InterfaceInfo("live", 0, port.tap, offsets.DLT_ETHERNET, 0)
    return encapsulation(policy, [interface], compiled=compiled, vsid=port.subnet.vsid, by_policy=True)


def _batch(buffer: npt.NDArray[np.uint8], lengths: Sequence[int]) -> PacketBatch:
    """Frames that stand one after the other; they have no times."""
    caplen = np.array(lengths, np.int64)
    zeros = np.zeros(len(caplen), np.int64)
    return PacketBatch(
        buffer=buffer,
        offset=np.cumsum(caplen) - caplen,
        caplen=caplen,
        wirelen=caplen,
        ts_ns=zeros,
        linktype=np.full(len(caplen), offsets.DLT_ETHERNET, np.uint16),
        interface=zeros.astype(np.int32),
        position=zeros,
    )


def _bound(send: Callable[[_Port], None], port: _Port) -> Callable[[], None]:
    return lambda: send(port)
