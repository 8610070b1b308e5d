"""The lake: the catalog, its tables, and where scratch files go. Opening and creating; no rows are touched here."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table import Table
from pyiceberg.utils.config import Config
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.errors import StorageError
from lakehouse_assets.storage.schema import iceberg_schema, partition_spec, table_properties

logger = logging.getLogger(__name__)

CATALOG_NAME = "lake"


@dataclass(frozen=True)
class Lake:
    """An open catalog together with the engine that reads and writes its files.

    Args:
        catalog: the Iceberg catalog `lake`.
        engine: who reads and writes Parquet.
        scratch: folder for files that live for this run only; of no other run.
    """

    catalog: Catalog
    engine: Engine
    scratch: Path
    _loaded: dict[str, Table] = field(default_factory=dict, init=False, repr=False, compare=False)

    def table(self, contract: TableContract) -> Table:
        """The table of a contract at its newest metadata; created, or given its new columns, where need be.

        Raises:
            StorageError: the catalog does not answer.
        """
        try:
            table = self._load_or_create(contract)
            if table.current_snapshot() is None:
                # Branches start from a snapshot, so a table begins with an empty one.
                with table.transaction() as transaction:
                    transaction.update_snapshot().fast_append().commit()
            return table
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(
                f"{contract.name} cannot be opened: {error}. Nothing was written. Check that the catalog can be "
                "reached and written (by default lakehouse/catalog.db below LAKEHOUSE_HOME).",
                table=contract.name,
            ) from error

    def new_scratch_path(self) -> Path:
        """A path of its own for files that this run writes and reads back; gone with its folder (`storage.scratch`)."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        return self.scratch / uuid4().hex

    def _load_or_create(self, contract: TableContract) -> Table:
        schema = iceberg_schema(contract)
        try:
            table = self._load(contract.name)
        except NoSuchTableError:
            # PyIceberg looks and then inserts: of several that make the first table of a layer, all but one fail.
            with suppress(IntegrityError):
                self.catalog.create_namespace_if_not_exists(contract.layer)
            try:
                table = self.catalog.create_table(
                    contract.name,
                    schema,
                    partition_spec=partition_spec(contract.partitioning, schema),
                    properties=table_properties(schema),
                )
            except TableAlreadyExistsError:
                table = self.catalog.load_table(contract.name)
        missing = [name for name in contract.column_names if name not in table.schema().column_names]
        if missing:
            logger.info("%s gets the new columns %s", contract.name, ", ".join(missing))
            with table.update_schema() as update:
                update.union_by_name(schema)
        return table

    def _load(self, name: str) -> Table:
        """The table at its newest metadata, which is parsed once per version: it grows with each snapshot kept."""
        loaded = self._loaded.get(name)
        if loaded is None or loaded.metadata_location != self._metadata_location(name):
            self._loaded[name] = loaded = self.catalog.load_table(name)
        return loaded

    def _metadata_location(self, name: str) -> str | None:
        """Where the catalog says the newest metadata is; None where only loading the table tells."""
        if not isinstance(self.catalog, SqlCatalog):
            return None
        namespace, table = name.split(".")
        row = select(IcebergTables.metadata_location).where(
            IcebergTables.catalog_name == self.catalog.name,
            IcebergTables.table_namespace == namespace,
            IcebergTables.table_name == table,
        )
        with Session(self.catalog.engine) as session:
            return session.scalar(row)


def open_catalog(home: Path) -> Catalog:
    """The catalog `lake`: PyIceberg's own configuration where it names one, else SQLite below `home`.

    Args:
        home: LAKEHOUSE_HOME.

    Raises:
        StorageError: the catalog cannot be opened.
    """
    try:
        if Config().get_catalog_config(CATALOG_NAME):
            return load_catalog(CATALOG_NAME)
        folder = home.resolve() / "lakehouse"
        folder.mkdir(parents=True, exist_ok=True)
        return load_catalog(
            CATALOG_NAME,
            type="sql",
            uri=f"sqlite:///{folder / 'catalog.db'}",
            warehouse=(folder / "warehouse").as_uri(),
        )
    except (SQLAlchemyError, OSError, ValueError) as error:
        raise StorageError(
            f"The catalog {CATALOG_NAME!r} cannot be opened: {error}. Nothing was written. "
            "Check LAKEHOUSE_HOME, or PYICEBERG_CATALOG__LAKE__* where you set it."
        ) from error
