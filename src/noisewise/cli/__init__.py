"""The command line. A command parses its arguments, calls one library function and prints the result."""

from noisewise.cli.main import main

__all__ = ["main"]
