"""Keys that tell tenants apart, and tenants inside tenants: the part of a flow's key that is not of its packet.

As accounting has it (docs/accounting.md): the tenant's layer, the id of every virtual network inside it, and where
the tenant has no id the pair of provider addresses.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dissectors import encaps
from nvgre_inspect.model.record import MAX_LAYERS

Records = npt.NDArray[np.void]
Keys = npt.NDArray[np.uint64]

#: Layers, and the two provider addresses of two words each.
KEY_WORDS = MAX_LAYERS + 4
_KIND = np.uint8(encaps.HAS_ID - 1)


def tenant_keys(records: Records) -> Keys:
    """uint64[len(records), KEY_WORDS]: equal rows are of one tenant; all 0 outside tunnels."""
    keys = np.zeros((len(records), KEY_WORDS), dtype=np.uint64)
    deepest = int(records["n_layers"].max(initial=0))
    if deepest == 0:
        return keys
    tenant = records["tenant_layer"].astype(np.int64)[:, None]
    kinds = records["layer_kind"][:, :deepest]
    ids = records["layer_id"][:, :deepest].astype(np.uint64)
    index = np.arange(deepest)
    kind = kinds & _KIND
    named = (kinds & np.uint8(encaps.HAS_ID) != 0) & (np.isin(kind, sorted(encaps.VIRTUAL)) | (kind >= encaps.USER))
    is_key = (tenant >= 0) & (index < records["n_layers"][:, None]) & ((index == tenant) | (named & (index > tenant)))
    # The kind is never 0 in a key, so words that are not used differ from all that are.
    words = np.where(is_key, kinds.astype(np.uint64) << np.uint64(32) | ids, np.uint64(0))
    if deepest > 1:
        # What stands between virtual networks (MPLS, plain IP) is a way, not a tenant.
        words = np.take_along_axis(words, np.argsort(~is_key, axis=1, kind="stable"), axis=1)
    keys[:, :deepest] = words
    nameless = np.flatnonzero((tenant[:, 0] >= 0) & (records["vsid"] < 0))
    if len(nameless):
        keys[nameless, MAX_LAYERS:] = _address_pair(records[nameless])
    return keys


def _address_pair(records: Records) -> Keys:
    """uint64[n, 4]: both provider addresses, the lower one first."""
    low, high = (_halves(records[name]) for name in ("pa_src", "pa_dst"))
    swapped = (low[:, 0] > high[:, 0]) | ((low[:, 0] == high[:, 0]) & (low[:, 1] > high[:, 1]))
    return np.where(swapped[:, None], np.concatenate([high, low], axis=1), np.concatenate([low, high], axis=1))


def _halves(words: npt.NDArray[np.uint32]) -> Keys:
    """An address as two uint64."""
    wide = words.astype(np.uint64)
    return np.stack([wide[:, 0] << np.uint64(32) | wide[:, 1], wide[:, 2] << np.uint64(32) | wide[:, 3]], axis=1)
