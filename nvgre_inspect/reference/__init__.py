"""The readable decoder and accountant: the oracle of the kernels, and the path for small inputs."""
