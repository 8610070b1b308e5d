"""Fixtures of sources for commands that pull from a real server."""

from lakehouse_assets_tests.ingestion.conftest import postgres, users

__all__ = ["postgres", "users"]
