"""Errors of alerts; their texts never hold an address of a webhook, a password or what a message says."""

from __future__ import annotations

from lakehouse_assets.errors import LakehouseError


class DeliveryError(LakehouseError):
    """A channel did not take a message; it is tried again when incidents are next looked at."""


class AlertStateError(LakehouseError):
    """What was said so far cannot be read or written; nothing was sent."""
