"""The snapshots of a lakehouse, read straight from its catalog with PyIceberg."""

from __future__ import annotations

from pyiceberg.catalog import load_catalog

from benchmarks.home import Home

_LOG = "quality"


def snapshots(home: Home) -> set[tuple[str, int]]:
    """Table and id of every snapshot of every table but the log of verdicts, to which each run appends on purpose."""
    catalog = load_catalog("lake", **home.catalog_properties)
    names = [
        name
        for namespace in catalog.list_namespaces()
        if namespace != (_LOG,)
        for name in catalog.list_tables(namespace)
    ]
    return {
        (".".join(name), snapshot.snapshot_id) for name in names for snapshot in catalog.load_table(name).snapshots()
    }
