"""Tests of the generator: its promises, checked on the files it wrote. Nothing here imports `lakehouse_assets`."""
