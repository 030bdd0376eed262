"""The scenarios of samples/scenarios, played: each once, where it is asked for."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.reports.json import write_json
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.traffic.captures import OneFile
from nvgre_inspect.traffic.generate import generate
from nvgre_inspect.traffic.scenario import Scenario
from nvgre_inspect.traffic.scenario_file import load

SCENARIOS = Path(__file__).parents[2] / "samples" / "scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.toml"))
HEALTHY = [name for name in NAMES if name.startswith("healthy-")]


@dataclass(frozen=True)
class Played:
    """A scenario, the capture of all its points, and its truth as in JSON."""

    scenario: Scenario
    capture: Path
    truth: dict[str, Any]

    def flows(self, point: str, engine: str = "auto") -> list[dict[str, Any]]:
        """The flows that the analyzer finds at a point, as `--json` writes them."""
        options = SessionOptions(interface=point, engine=engine)
        with open_session([self.capture], options=options) as session:
            stream = io.BytesIO()
            write_json([session.read().flows], TABLES["flows"], stream)
        rows: list[dict[str, Any]] = json.loads(stream.getvalue())
        return rows

    def frames_of(self, kind: str) -> set[int]:
        """Numbers of the frames that faults of that kind touched."""
        faults = [fault for fault in self.truth["faults"] if fault["kind"] == kind]
        return {number for fault in faults for numbers in fault["frames"].values() for number in numbers}

    def digest(self) -> str:
        """Of the capture and the truth."""
        written = json.dumps(self.truth, indent=1).encode()
        return hashlib.sha256(self.capture.read_bytes() + written).hexdigest()


class Player:
    """Plays scenarios into a folder, none twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._played: dict[str, Played] = {}

    def __call__(self, name: str) -> Played:
        if name not in self._played:
            self._played[name] = play(name, self._folder)
        return self._played[name]


def play(name: str, folder: Path) -> Played:
    """Play one of samples/scenarios."""
    return play_scenario(load(SCENARIOS / f"{name}.toml"), folder / f"{name}.pcapng")


def play_scenario(scenario: Scenario, capture: Path) -> Played:
    """Play any scenario."""
    with OneFile(capture, scenario, force=True) as sink:
        result = generate(scenario, sink)
    # What a reader of the file gets: tuples are lists, keys are texts.
    return Played(scenario, capture, json.loads(json.dumps(result.truth)))


if __name__ == "__main__":
    for each in sys.argv[2:]:
        print(each, play(each, Path(sys.argv[1])).digest())
