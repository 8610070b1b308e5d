"""Errors of the generator: one base class, one class per thing a caller can put right.

GeneratorError
├── ConfigError           a setting is missing, unreadable or out of bounds
└── LandingConflictError  the landing zone holds files that this seed and configuration did not make

Raised before the first write; exit codes are made in `cli`.
"""


class GeneratorError(Exception):
    """Base of all that the generator raises on purpose; the text is meant for the person at the keyboard."""


class ConfigError(GeneratorError):
    """A setting is missing, unreadable or out of bounds."""


class LandingConflictError(GeneratorError):
    """The landing zone holds files that the run would mix with or overwrite; nothing was written."""
