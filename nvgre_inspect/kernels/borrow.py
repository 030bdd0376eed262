"""`borrowed(array)`: the same array without an owner, for use inside one kernel call.

Numba counts references to an array at every call between kernels, atomically; with some thirty calls a frame that
is more than half of the time (measured: decode 320 ns a frame, 140 ns with the buffer borrowed). The caller holds
the array for as long as the kernel runs, so the count is not needed. Shape and bounds checks stay as they are.
"""

import os
from typing import Any

if os.environ.get("NVGRE_INSPECT_NO_JIT") == "1":

    def borrowed(array: Any) -> Any:
        """The array itself: nothing is counted in plain Python."""
        return array

else:
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    @intrinsic
    def borrowed(_typing: Any, array: Any) -> Any:
        """A view of `array` that keeps nothing alive."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = make_array(signature.args[0])(context, builder, arguments[0])
            view.meminfo = cgutils.get_null_value(view.meminfo.type)
            view.parent = cgutils.get_null_value(view.parent.type)
            return view._getvalue()

        return array(array), generate
