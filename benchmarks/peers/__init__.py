"""Peers: hand-written baselines that do the same steps with other tools, and their generator; run as processes."""
