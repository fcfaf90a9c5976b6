"""The HTML report of a run, and the style that it shares with those of studies."""

from importlib.resources import files


def resource(file: str) -> str:
    """The text of one of the pages' own files."""
    return (files(__package__) / file).read_text(encoding="utf-8")
