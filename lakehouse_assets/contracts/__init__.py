"""The contracts: what each source may send and what each table holds. Pure declarations.

Here and nowhere else are written: columns, types, nullability, keys, the order of versions, rules with their
names and numbers, owners, PII classes, descriptions. `sources` has the landing side (required columns and line rules),
`rules` the kinds of rules, `tables` the table side as pandera models, `model` what they have in common.
How a rule becomes a predicate is in `transforms.judge`; how a contract becomes an Iceberg schema in `storage.schema`.
"""
