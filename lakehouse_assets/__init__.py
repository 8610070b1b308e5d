"""The lakehouse: landing files to bronze, silver and gold Iceberg tables, as Dagster assets.

Importing this package wires nothing, reads no environment and starts no engine. The rooms, from the top down:
`definitions`, `cli` -> `assets`, `sensors`, `jobs`, `settings` -> `pipeline` -> `quality`, `storage`, `landing`,
`engine`, `transforms` -> `contracts` -> `errors`. docs/architecture.md says why the walls stand where they do.
"""
