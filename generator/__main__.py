"""`python -m generator`: the command on its own, without the platform."""

import typer

from generator.cli import generate

if __name__ == "__main__":
    typer.run(generate)
