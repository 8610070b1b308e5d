"""Benchmarks: whole processes of the lakehouse against peers and against themselves. Run `python -m benchmarks`."""
