"""The engine: chooses reference or kernels, feeds batches, keeps state, hands out States."""
