"""What came of a case, kept in a file so that a run that was stopped goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .case import Case


@dataclass(frozen=True)
class Result:
    """What came of a case.

    Attributes:
        category: of the case.
        command: what was done.
        tries: how many attacks it was.
        skip: why it was not played.
        faults: what was not as promised.
        seconds: how long the command took.
    """

    category: str
    command: str
    tries: int
    skip: str
    faults: tuple[str, ...]
    seconds: float

    @classmethod
    def of(cls, case: Case, faults: list[str], seconds: float) -> Result:
        """The result of a case."""
        return cls(case.category, case.command, case.tries, case.skip, tuple(faults), seconds)

    @property
    def key(self) -> tuple[str, str]:
        """By which a case is known again."""
        return self.category, self.command

    @property
    def tried(self) -> int:
        """How many attacks it was; a case that is skipped is none."""
        return 0 if self.skip else self.tries

    @property
    def bad(self) -> int:
        """How many of them were not as promised."""
        return min(self.tried, len(self.faults)) if self.tries > 1 else int(bool(self.faults))


def read(path: Path) -> list[Result]:
    """The results in a file, the last one of every case; none if there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [Result(**{**stated, "faults": tuple(stated["faults"])}) for stated in map(json.loads, lines)]
    return list({result.key: result for result in found}.values())


def add(path: Path, result: Result) -> None:
    """Add a line to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")
