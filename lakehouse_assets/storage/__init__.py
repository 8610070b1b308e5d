"""The Iceberg tables: everything that reads or writes them, by PyIceberg.

`lake` opens the catalog and its tables, `schema` turns contracts into Iceberg schemas, `read` plans files and hands
DataFrames out, `stage` writes files and commits them on a branch, `publish` moves main. What to write is decided above,
in `pipeline`; what a row may hold is in `contracts`.
"""
