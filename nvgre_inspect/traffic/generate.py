"""Generate: plays a scenario; its frames go to a sink, and what is true of them comes back.

    with OneFile("out.pcapng", scenario) as sink:
        result = generate(scenario, sink)
    result.truth

What takes part, in this order: the network, its points, the machines (`stack.vm.machines`), the workloads
(`workloads.start.start`), the faults (`faults.install.install`). All of them draw random numbers from streams of their
own, and nothing looks at a clock, so that one scenario always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nvgre_inspect.traffic.faults.install import install
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.points import Observer, Sink
from nvgre_inspect.traffic.scenario import Scenario
from nvgre_inspect.traffic.stack.vm import machines
from nvgre_inspect.traffic.truth import Truth
from nvgre_inspect.traffic.workloads.start import start

#: How often `progress` is told how far the simulation is, in nanoseconds of its time.
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Counts:
    """What an observation point recorded."""

    frames: int
    #: What its capture missed.
    dropped: int


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a scenario."""

    #: By the names of the points.
    points: Mapping[str, Counts]
    #: As `docs/scenarios.md` describes it; None: it was not asked for.
    truth: dict[str, Any] | None


def generate(
    scenario: Scenario, sink: Sink, *, truth: bool = True, progress: Callable[[float], object] = lambda share: None
) -> Result:
    """Play `scenario`. `progress` is told the share of its time that has passed, from 0 to 1.

    Raises ValueError where there can be no truth: of frames that are given as bytes, and for kinds of encapsulation
    beyond `observer.KINDS`.
    """
    if truth and scenario.frames:
        raise ValueError("nobody knows the truth of frames that are given as bytes")
    network = Network(scenario)
    watcher = Truth(network) if truth else None
    observers = {spec.name: Observer(network, index, spec, sink, watcher) for index, spec in enumerate(scenario.points)}
    vms = machines(network)
    start(network, vms)
    touched = install(network, vms, observers)
    for given in scenario.frames:
        network.simulator.at(given.at_ns, observers[given.point].record_given, given)
    for step in range(1, _STEPS + 1):
        network.simulator.run(scenario.duration_ns * step // _STEPS)
        progress(step / _STEPS)
    for observer in observers.values():
        observer.finish()
    return Result(
        {name: Counts(observer.received - observer.dropped, observer.dropped) for name, observer in observers.items()},
        None if watcher is None else watcher.document(touched),
    )
