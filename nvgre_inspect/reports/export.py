"""The per-tenant reports: a directory of CSV files, one of flows for each tenant.

captures.csv, tenants.csv, tunnels.csv, endpoints.csv, placements.csv and findings.csv hold these tables whole; the
flows of a tenant are in a file named after it: `nvgre-5001.csv`, and `gre.csv` or `none.csv` where there is no vsid.

Limits: an attacker can put any number of tenants into a capture, so only the first MAX_TENANT_FILES in order of
appearance get a file of their own; the flows of all others are in `other-tenants.csv`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.output import Output
from nvgre_inspect.flows.labels import combine, encap_name
from nvgre_inspect.model.columns import FLOWS, TABLES
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.reports.csv import write_csv
from nvgre_inspect.reports.output import replacing

#: Tables that are written whole.
WHOLE = ("captures", "tenants", "tunnels", "endpoints", "placements", "findings")
MAX_TENANT_FILES = 4096
OTHERS = "other-tenants"


def export(
    snapshot: Snapshot, directory: str | Path, force: bool = False, *, inputs: Iterable[str | Path] = ()
) -> list[Path]:
    """Writes the reports into `directory`, which is made if needed; returns the paths of the files, as named.

    Each file is renamed into its place when it is complete. Raises capture.CaptureError, before anything is written,
    if one of them exists (without `force`) or is one of `inputs`, and where something cannot be written.
    """
    folder = Path(directory)
    inputs = list(inputs)
    tenants = _tenant_files(snapshot)
    paths = [folder / f"{name}.csv" for name in (*WHOLE, *tenants)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        raise CaptureError(f"{folder} cannot be made: {there} is a file, not a folder") from None
    except OSError as error:
        raise CaptureError(f"{folder} cannot be made: {error.strerror}") from None
    _check(paths, force, inputs)
    for name in WHOLE:
        with replacing(folder / f"{name}.csv", force=force, inputs=inputs) as output:
            write_csv([snapshot.rows(name)], TABLES[name], output)
    for name, rows in tenants.items():
        with replacing(folder / f"{name}.csv", force=force, inputs=inputs) as output:
            write_csv([snapshot.rows("flows").take(rows)], FLOWS, output)
    return paths


def _check(paths: list[Path], force: bool, inputs: list[str | Path]) -> None:
    """All or nothing: a file that may not be replaced is found before the first one is written."""
    for path in paths:
        if path.exists():
            Output(path, force=force, inputs=inputs).discard()


def _tenant_files(snapshot: Snapshot) -> dict[str, npt.NDArray[np.int64]]:
    """Name of each tenant's file, without `.csv`, and the rows of `flows` in it; in order of appearance."""
    state, kinds = snapshot.state, snapshot.options.tables.names
    tenant, first = combine([state.flows["encap"], state.flows["vsid"]])
    own = min(len(first), MAX_TENANT_FILES)
    groups = np.minimum(tenant, own)
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.searchsorted(groups[order], np.arange(1, own + 1)))
    files = {}
    for row, part in zip(first[:own].tolist(), parts, strict=False):
        encap, vsid = (int(state.flows[name][row]) for name in ("encap", "vsid"))
        name = encap_name(encap, kinds) + ("" if vsid < 0 else f"-{vsid}")
        # A user's encapsulation may be named as a table is.
        files[f"flows-{name}" if name in (*WHOLE, OTHERS) else name] = part
    if len(first) > own:
        files[OTHERS] = parts[own]
    return files
