"""Thin Dagster wiring: keys, partitions, metadata. What happens in a step is in `pipeline`."""
