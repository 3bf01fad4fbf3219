"""Shared numba kernels: numpy in, numpy out, nothing else."""
