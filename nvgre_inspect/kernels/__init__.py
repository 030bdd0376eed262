"""The compiled hot loops, and nothing else: the only place for numba (not loaded by this package itself)."""
