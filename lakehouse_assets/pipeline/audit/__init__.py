"""The audit: what is staged is looked at before main moves, one verdict for each check and arrival day.

Nothing here asks the code that computed the rows: what is staged is held against the contract (`stored`), against
bronze, the judged lines and past weeks (`silver`) and, for gold, against silver (`gold`). An engine that fails raises;
it never makes a failed check. What the checks are called and what they mean is in `quality.catalogue`.
"""

from lakehouse_assets.pipeline.audit.gold import audit_gold
from lakehouse_assets.pipeline.audit.silver import audit_silver

__all__ = ["audit_gold", "audit_silver"]
