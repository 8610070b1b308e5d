"""The steps from layer to layer, without Dagster: plan, read, transform and stage. `assets` wires them and publishes.

Each function takes a day range and leaves main alone: it returns staged writes. All may be killed and repeated.
"""
