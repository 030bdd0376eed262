"""A gateway loads its kernels while it may read the folder in which their compiled code is."""

from __future__ import annotations

import subprocess
import sys

from tests.live.gateways import MACS, write_policy

#: Nothing can be loaded any more when the first frame comes.
WITHOUT_RIGHTS = """
import sys
import numpy as np
from numba.core import caching
from nvgre_inspect.encapsulation import load
from nvgre_inspect.gateway import endpoint, roles
policy = load(sys.argv[1])
(port,) = roles.ports_of(policy, [(None, "blue0")])
endpoint._load_kernels(policy, port)
def refuse(*_):
    raise RuntimeError("a folder of root's")
caching.FunctionCache.__init__ = caching.FunctionCache.load_overload = caching.FunctionCache.save_overload = refuse
encapsulator = endpoint._encapsulator(policy, port, compiled=True)
for receiver in (sys.argv[2], "ff:ff:ff:ff:ff:ff", "02:00:00:00:99:99"):
    frame = bytes.fromhex((receiver + sys.argv[3]).replace(":", "") + "88b5") + bytes(46)
    batch = endpoint._batch(np.frombuffer(bytearray(frame), np.uint8), [len(frame)])
    encapsulator.rewrite(batch, endpoint._NO_RECORDS, np.arange(1))
"""


def test_no_kernel_is_loaded_with_the_first_frame(tmp_path):
    policy = write_policy(tmp_path / "policy.toml")
    command = [sys.executable, "-c", WITHOUT_RIGHTS, str(policy), MACS[1], MACS[0]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
