"""Generator of a lakehouse's landing files: realistic, repeatable, with planted defects and a record of each.

`generate(config, home)` writes `<home>/landing` (what sources would deliver) and `<home>/truth` (what was
planted). It imports nothing of the platform it feeds, so that it can serve as an independent witness in its
tests.
"""

from generator.batch import GenerationSummary, generate
from generator.config import GeneratorConfig

__all__ = ["GenerationSummary", "GeneratorConfig", "generate"]
