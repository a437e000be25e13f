"""What nobody could exceed: a detector that knows the simulator's numbers, `python -m benchmarks.oracle`."""
