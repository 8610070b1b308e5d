"""Sources to landing files: each record of a source lands once, and nothing that was not pulled is taken for pulled.

`pull` is where a source begins: it puts `landing_writer` (files, whole or absent), `ledger` (what was pulled so far)
and the protocol between them together. `source` says what a source must offer, `report` what a pull tells, `options`
what it is configured with. A module for each source stands beside them. What the files mean is `transforms`' trade;
which sources are configured is in `lakehouse_assets.sources`; Dagster is in `assets`.
"""
