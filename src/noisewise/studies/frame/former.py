"""Studies whose card and thresholds are still Python; they move to TOML files one by one (see `study`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from noisewise.compute import Task
from noisewise.errors import BadInput
from noisewise.studies.frame.claim import Claim
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Card, chosen

__all__ = ["Card", "Claim", "Study"]


@dataclass(frozen=True)
class Study:
    """A study with `runs(scale, source, model)` and `claims(results)`, where `results.scale` is the scale's name."""

    card: Card
    runs: Callable[..., list[Task]] = field(repr=False)
    claims: Callable[[Results], list[Claim]] = field(repr=False)
    figure: Callable[[Results], Any] = field(repr=False)

    def scale(self, name: str, *, source: str | None = None, model: str | None = None) -> Any:
        """The name of a scale that the study has, if it takes the source and model."""
        chosen(self.card, name, source=source, model=model)
        return name

    def tasks(self, scale: str, *, source: str | None = None, model: str | None = None) -> list[Task]:
        """The runs at a scale, each once."""
        self.scale(scale, source=source, model=model)
        return list({task.key: task for task in self.runs(scale=scale, source=source, model=model)}.values())

    def listed(self, scale: Any) -> list[Claim]:
        """Nothing: these thresholds cannot be read before a run."""
        return []

    def judged(self, results: Results) -> list[Claim]:
        """The claims about the results."""
        found = self.claims(results)
        ids = [claim.id for claim in found]
        if len(set(ids)) < len(ids):
            raise BadInput(f"the study {self.card.name!r} has two claims of one id")
        return found
