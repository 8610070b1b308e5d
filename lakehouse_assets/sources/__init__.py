"""Which sources are configured: from settings to something that can be pulled.

`registry` has the list. Of each source one module says what it is, which the commands load at their start, and one
makes its options and says what settings must be together. How a source is pulled is in `ingestion`; its asset is in
`assets.ingestion`, its job in `jobs`.
"""
