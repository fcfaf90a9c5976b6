"""What a study is: a card, runs, claims and a figure."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from noisewise.compute import Task
from noisewise.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from noisewise.studies.frame.results import Results

SCALES = ("smoke", "cpu", "paper")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
_NAME = r"[a-z0-9]+(-[a-z0-9]+)*"


@dataclass(frozen=True)
class Claim:
    """One measurable statement.

    Attributes:
        id: unique within the study, in lower case with hyphens.
        statement: one sentence that is true if the claim holds.
        measured: what was found; None where nothing could be measured.
        comparison: how `measured` must compare with `threshold`: >=, <=, >, <, ==, or `in` for a closed interval.
        threshold: a number, or for `in` the two ends.

    Raises:
        BadInput: an unknown comparison, or a threshold that does not go with it.
    """

    id: str
    statement: str
    measured: float | None
    comparison: str
    threshold: float | tuple[float, float]

    def __post_init__(self) -> None:
        if not re.fullmatch(_NAME, self.id):
            raise BadInput(f"a claim's id={self.id!r} must be lower case words joined by hyphens")
        if self.comparison != "in" and self.comparison not in _COMPARISONS:
            raise BadInput(f"comparison={self.comparison!r} of claim {self.id!r} is not one of {', '.join(_known())}")
        ends = self.threshold if isinstance(self.threshold, Sequence) else (self.threshold,)
        if len(ends) != (2 if self.comparison == "in" else 1) or not all(map(math.isfinite, ends)):
            wanted = "two finite numbers" if self.comparison == "in" else "a finite number"
            raise BadInput(f"threshold={self.threshold!r} of claim {self.id!r} must be {wanted}")

    @property
    def holds(self) -> bool:
        """Whether the measured value compares as claimed; what was not measured, or is not finite, does not."""
        if self.measured is None or not math.isfinite(self.measured):
            return False
        if isinstance(self.threshold, Sequence):
            return self.threshold[0] <= self.measured <= self.threshold[1]
        return bool(_COMPARISONS[self.comparison](self.measured, self.threshold))

    @property
    def required(self) -> str:
        """What is required as text: ">= 0.99", "0.8 to 1"."""
        if isinstance(self.threshold, Sequence):
            return f"{self.threshold[0]:.4g} to {self.threshold[1]:.4g}"
        return f"{self.comparison} {self.threshold:.4g}"

    @property
    def found(self) -> str:
        """The measured value as text."""
        return "not measured" if self.measured is None else f"{self.measured:.4g}"

    def plain(self, scale: str) -> dict[str, Any]:
        """An entry of `claims.json`."""
        return {
            "claim": self.id,
            "statement": self.statement,
            "measured": self.measured,
            "comparison": self.comparison,
            "threshold": self.threshold,
            "holds": self.holds,
            "scale": scale,
        }


def _known() -> tuple[str, ...]:
    return (*_COMPARISONS, "in")


@dataclass(frozen=True)
class Card:
    """What a person is told about a study.

    Attributes:
        name: in the catalogue, in lower case with hyphens.
        title: the finding in one line.
        shows: what it shows, in two sentences.
        paper: authors, title and where it was published. year: of it.
        figure: the figure or table of the paper, such as "Figure 1b".
        explanation: one paragraph: why one sees what one sees.
        departures: where the study departs from the paper.
        scales: by scale what it runs: data, networks, seeds. A scale that is not named cannot be run.
        budget: by scale the seconds of computing, on an idle machine, that it must not exceed; stated for smoke at
            least.
        takes: which of "source" and "model" a person may choose.

    Raises:
        BadInput: a name of the wrong form, an unknown scale or choice, or no budget for smoke.
    """

    name: str
    title: str
    shows: str
    paper: str
    year: int
    figure: str
    explanation: str
    scales: Mapping[str, str]
    budget: Mapping[str, float]
    departures: str = "none known"
    takes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(_NAME, self.name):
            raise BadInput(f"a study's name={self.name!r} must be lower case words joined by hyphens")
        for given, known in ((self.scales, SCALES), (self.budget, tuple(self.scales)), (self.takes, _CHOICES)):
            for word in given:
                if word not in known:
                    raise BadInput(f"the card of study {self.name!r} names {word!r}, which is none of {known}")
        if "smoke" in self.scales and "smoke" not in self.budget:
            raise BadInput(f"the card of study {self.name!r} states no budget for the scale smoke")


_CHOICES = ("source", "model")


@dataclass(frozen=True)
class Study:
    """A published experiment as a program.

    Attributes:
        card: what a person is told.
        runs: called with the keywords scale, source and model; gives the tasks. Source and model are None, or what a
            person chose, where the card says that they may.
        claims: from the results to claims.
        figure: from the results to a figure (see `style.subplots`).
    """

    card: Card
    runs: Callable[..., list[Task]] = field(repr=False)
    claims: Callable[[Results], list[Claim]] = field(repr=False)
    figure: Callable[[Results], Figure] = field(repr=False)

    def tasks(self, scale: str, *, source: str | None = None, model: str | None = None) -> list[Task]:
        """The runs at a scale, each once.

        Raises:
            BadInput: the study has no such scale, or takes no source or model.
        """
        if scale not in self.card.scales:
            legal = ", ".join(self.card.scales)
            raise BadInput(f"scale={scale!r} is none of the study {self.card.name!r}, which has: {legal}")
        chosen = {"source": source, "model": model}
        for name, value in chosen.items():
            if value is not None and name not in self.card.takes:
                raise BadInput(f"{name}={value!r} cannot be chosen: the study {self.card.name!r} has its own {name}")
        return list({task.key: task for task in self.runs(scale=scale, **chosen)}.values())

    def judged(self, results: Results) -> list[Claim]:
        """The claims about the results.

        Raises:
            BadInput: two claims of one id.
        """
        found = self.claims(results)
        ids = [claim.id for claim in found]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise BadInput(f"the study {self.card.name!r} has two claims called {twice[0]!r}")
        return found
