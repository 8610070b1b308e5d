"""What is known of a source: before it is opened, once it is implemented, once it is configured.

The commands load this at their start, so nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse_assets.ingestion.pull import Destination
    from lakehouse_assets.ingestion.source import Source
    from lakehouse_assets.settings import Settings

UNTOUCHED = "nothing was pulled"
"""What a wrong setting of a source leads to, see `secret_files`."""


@dataclass(frozen=True)
class SourceSpec:
    """What is known of a source before it is opened.

    Args:
        name: that of its contract and of its folder below `landing/`, such as `transactions`.
        system: its name in the graph, such as `sftp_transactions`.
        description: what it is and who pulls what from it, a sentence or two.
        kinds: of the asset, for the UI.
        variables: the settings that configure it: one of them is enough.
        is_configured: whether one of them is set; reads no file.
        cron: when Dagster pulls it, UTC.
    """

    name: str
    system: str
    description: str
    kinds: frozenset[str]
    variables: tuple[str, ...]
    is_configured: Callable[[Settings], bool]
    cron: Callable[[Settings], str]


@dataclass(frozen=True)
class SourceEntry:
    """A source that is implemented.

    Args:
        spec: what it is.
        open_source: makes it from settings and where it lands; loads its library; connects to nothing. Raises
            `SettingsError` where settings do not go together or a secret cannot be read.
    """

    spec: SourceSpec
    open_source: Callable[[Settings, Destination], Source]


@dataclass(frozen=True)
class ConfiguredSource:
    """A source with the settings it is configured with.

    Args:
        spec: what it is.
        cron: when Dagster pulls it, UTC.
        open: makes it, see `SourceEntry`.
    """

    spec: SourceSpec
    cron: str
    open: Callable[[], Source]

    @property
    def name(self) -> str:
        return self.spec.name
