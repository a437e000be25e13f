"""Measures the whole pipeline, and the reference's way beside it, on real parts: `python -m benchmarks`."""
