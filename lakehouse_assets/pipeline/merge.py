"""The merge: accepted versions of some arrival days into silver, which keeps the greatest version of each key.

Whatever order days are run in, silver ends as one full recompute would leave it. A version that loses is not stored;
when the winner is withdrawn later (corrected or removed file, day held), the versions it had beaten are found again in
bronze, which has every line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.rules import InRange
from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.pipeline.bronze import read_bronze_days
from lakehouse_assets.pipeline.changes import stage_changes, write_scratch
from lakehouse_assets.pipeline.judging import JudgedDays, files_in_reach, judge_days
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import on_days, plan_files, read_table
from lakehouse_assets.storage.stage import RunInfo, StagedWrite, stage, write_files
from lakehouse_assets.transforms.deduplicate import build_contested_keys, build_user_history, deduplicate
from lakehouse_assets.transforms.differences import build_added_rows, build_removed_rows


@dataclass(frozen=True)
class Merge:
    """One merge of judged days into the silver table of a source.

    Args:
        gate: holds the days that are judged again in search of beaten versions.
        horizon_days: versions of a key further apart in event time need not meet.
    """

    lake: Lake
    source: SourceContract
    judged: JudgedDays
    gate: Gate
    horizon_days: int

    @property
    def contract(self) -> TableContract:
        return SILVER[self.source.name]

    def stage(self, run: RunInfo, applied: Mapping[str, Any]) -> StagedWrite:
        """Stage the difference between what silver holds and what it should hold.

        Raises:
            StorageError: a table cannot be read or staged; nothing is published.
        """
        lake, contract = self.lake, self.contract
        accepted = self.judged.accepted
        if not plan_files(lake, contract):
            rows = self._current_rows(accepted)
            new_files = write_files(lake, contract, rows)
            return stage(lake, contract, new_files=new_files, replaced=[], run=run, applied=applied)
        stored = self._stored_rows(accepted)
        versions = accepted.unionByName(stored.filter(~F.col("arrival_date").isin(*self.judged.days)))
        desired = write_scratch(lake, self._current_rows(versions))
        removed = write_scratch(lake, build_removed_rows(stored, desired, contract))
        beaten = self._find_beaten_versions(removed, desired)
        if beaten is not None:
            desired = write_scratch(lake, self._current_rows(versions.unionByName(beaten)))
            removed = write_scratch(lake, build_removed_rows(stored, desired, contract))
        added = build_added_rows(desired, stored, removed, contract)
        return stage_changes(lake, contract, added=added, removed=removed, run=run, applied=applied)

    def _current_rows(self, versions: DataFrame) -> DataFrame:
        """One row per key; users with their intervals."""
        contested = write_scratch(self.lake, build_contested_keys(versions, self.contract))
        rows = deduplicate(versions, contested, self.contract)
        return build_user_history(rows, self.contract) if self.source.event_time is None else rows

    def _stored_rows(self, accepted: DataFrame) -> DataFrame:
        """Rows of silver that this run may change: those of the judged days, and those whose key a new version has.

        Users have no horizon, and their intervals depend on each other: all of them.
        """
        contract, days = self.contract, self.judged.days
        if self.source.event_time is None:
            return write_scratch(self.lake, read_table(self.lake, contract))
        of_days = read_table(self.lake, contract, on_days("arrival_date", days))
        of_days = of_days.filter(F.col("arrival_date").isin(*days))
        if self.judged.times is None:
            return write_scratch(self.lake, of_days)
        in_reach = files_in_reach(self.source.event_time, self.judged.times, self.horizon_days)
        nearby = read_table(self.lake, contract, in_reach)
        same_key = nearby.filter(~F.col("arrival_date").isin(*days)).join(
            accepted.select(*contract.key), on=list(contract.key), how="left_semi"
        )
        return write_scratch(self.lake, of_days.unionByName(same_key.select(*contract.column_names)))

    def _find_beaten_versions(self, removed: DataFrame, desired: DataFrame) -> DataFrame | None:
        """Versions of other arrival days that withdrawn rows had beaten; None where no row was withdrawn.

        A removed row is withdrawn when what stands for its key now is not greater: a version between may exist.
        """
        key = list(self.contract.key)
        order = F.struct(*self.contract.version_order)
        now = desired.select(*key, order.alias("_now"))
        withdrawn = removed.select(*key, order.alias("_was")).join(now, on=key, how="left")
        withdrawn = write_scratch(
            self.lake, withdrawn.filter(F.col("_now").isNull() | (F.col("_now") < F.col("_was"))).select(*key, "_was")
        )
        if not withdrawn.limit(1).count():
            return None
        search = self._days_to_search(withdrawn)
        if not search:
            return None
        found = judge_days(self.lake, self.source, search, self.gate).accepted
        same_key = found.join(withdrawn.select(*key), on=key, how="left_semi")
        return write_scratch(self.lake, same_key.select(*found.columns))

    def _days_to_search(self, withdrawn: DataFrame) -> list[date]:
        """The other arrival days in which a version within the horizon of a withdrawn one may have landed."""
        search = [day for day in read_bronze_days(self.lake, self.source.name) if day not in self.judged.numbers]
        if self.source.event_time is None:
            return search
        in_range = next(rule for rule in self.source.rules if isinstance(rule, InRange))
        time = F.to_date(F.col("_was")[self.source.event_time])
        first, last = withdrawn.agg(F.min(time), F.max(time)).collect()[0]
        earliest = first - timedelta(days=self.horizon_days + in_range.days_after)
        latest = last + timedelta(days=in_range.days_before)
        return [day for day in search if earliest <= day <= latest]
