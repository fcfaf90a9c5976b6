"""The command line: thin. A command parses, calls one library function and prints what it gave."""

from noisewise.cli.main import main

__all__ = ["main"]
