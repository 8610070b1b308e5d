"""Pure DataFrame functions: bronze lines to judged rows, versions to current rows, events to sessions.

No I/O, no Dagster, no clock, no collect. Only functions that both engines answer alike; the names and numbers of the
rules come from `contracts`.
"""
