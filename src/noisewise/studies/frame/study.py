"""A study: a TOML file with its card, scales and claims, and three functions."""

from __future__ import annotations

import contextlib
import copy
import math
import re
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise import models
from noisewise.compute import Task
from noisewise.errors import BadInput
from noisewise.formatting import count
from noisewise.studies.frame import estimate
from noisewise.studies.frame.claim import NAME, Claim, listed
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.fields import CARD, CHOICES, OPTIONAL, SCALES, check_file
from noisewise.studies.frame.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"


def refusal(entry: object) -> str | None:
    """What an object of another package must be to be a study; None where it is one."""
    return None if isinstance(entry, Study) else "a Study"


@dataclass(frozen=True)
class StudyCard:
    """Description of a study.

    Attributes:
        name: In the catalogue, in lower case with hyphens.
        title: The finding in one line.
        shows: What the study shows, in two sentences.
        paper: Authors, title and where it was published.
        year: Year of publication.
        figure: The figure or table of the paper, such as "Figure 1b".
        explanation: One paragraph: why one sees what one sees.
        scales: By scale, what it runs: data, networks, seeds. A scale that is missing cannot be run.
        budget: By scale, the most seconds of computing on an idle machine; stated for smoke at least.
        departures: Where the study departs from the paper.
        takes: Which of "source" and "model" a person may choose.
        needs: By scale, the device, hours and memory that it takes, where that is more than a few minutes.

    Raises:
        BadInput: a name of the wrong form, an unknown scale or choice, or no budget for smoke.
    """

    name: str
    title: str
    shows: str = field(repr=False)
    paper: str
    year: int
    figure: str
    explanation: str = field(repr=False)
    scales: Mapping[str, str] = field(repr=False)
    budget: Mapping[str, float] = field(repr=False)
    departures: str = field(default="none known", repr=False)
    takes: tuple[str, ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise BadInput(f"a study's name={self.name!r} must be lower case words joined by hyphens")
        for given, known in ((self.scales, SCALES), (self.budget, tuple(self.scales)), (self.takes, CHOICES)):
            for word in given:
                if word not in known:
                    legal = ", ".join(known)
                    raise BadInput(f"the card of study {self.name!r} names {word!r}; available: {legal}")
        if "smoke" in self.scales and "smoke" not in self.budget:
            raise BadInput(f"the card of study {self.name!r} states no budget for the scale smoke")


@dataclass(frozen=True)
class Scale:
    """A scale of a study: its values in the TOML file, as attributes.

    `scale.rows` is the value `rows` of the table `[scales.NAME]`, or else of `[values]`, which holds for all scales.
    Where a person chose a source or a model, it stands in `scale.source` or `scale.model`, and alone in the lists
    `scale.sources` or `scale.models` of a study that has them.

    Attributes:
        name: smoke, cpu or paper.
        values: Plain data by name.
        chosen: What a person chose, of `source` and `model`.
    """

    name: str
    values: Mapping[str, Any]
    chosen: Mapping[str, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """A value.

        Raises:
            AttributeError: the scale has no such value.
        """
        # Copying and pickling ask for attributes before `values` is there.
        values = self.__dict__.get("values", {})
        if name not in values:
            raise AttributeError(
                f"scale {self.__dict__.get('name')!r} has no value {name!r}; it has: {', '.join(values)}"
            )
        return values[name]


@dataclass(frozen=True, repr=False)
class Study:
    """A published experiment as a program; `Study.load` makes one.

    Attributes:
        card: What it is about.
        values: By scale, the values that its runs and claims use.
        claims: The tables `[[claims]]` of its file; `listed` reads them at a scale.
        runs: From a `Scale` to tasks.
        measured: From `Results` to what was measured, by id of the claim: numbers or `Estimate`s.
        figure: From `Results` to a figure (see `noisewise.figures.subplots`).
    """

    card: StudyCard
    values: Mapping[str, Mapping[str, Any]]
    claims: Sequence[Mapping[str, Any]]
    runs: Callable[[Scale], list[Task]]
    measured: Callable[[Results], Mapping[str, Any]]
    figure: Callable[[Results], Figure]

    def __repr__(self) -> str:
        return f"Study({self.card.name}: {count(len(self.claims), 'claim')}; scales: {', '.join(self.card.scales)})"

    @classmethod
    def load(
        cls,
        path: str | Path,
        runs: Callable[[Scale], list[Task]],
        measured: Callable[[Results], Mapping[str, Any]],
        figure: Callable[[Results], Figure],
    ) -> Study:
        """Load the study from the TOML file next to a Python file.

        Args:
            path: The Python file, `__file__`.
            runs: From a `Scale` to tasks.
            measured: From `Results` to what was measured, by id of the claim: numbers or `Estimate`s.
            figure: From `Results` to a figure.

        Raises:
            BadInput: there is no such TOML file, it cannot be read, or it has fields that are missing, unknown or
                wrong; the message names the file and the field.
        """
        path = Path(path).with_suffix(".toml")
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"cannot read the study in {path}: {error}") from error
        try:
            check_file(table)
            study = cls(*_read(table), runs, measured, figure)
            for name in study.card.scales:
                study.listed(study.scale(name))
        except BadInput as error:
            raise BadInput(f"{path.name}: {error}") from error
        return study

    def scale(self, name: str, *, source: str | None = None, model: str | None = None) -> Scale:
        """A scale with the source and model that a person chose.

        Args:
            name: smoke, cpu or paper.
            source: A data source in place of the study's own.
            model: A network in place of the study's own.

        Raises:
            BadInput: the study has no such scale, or takes no source or model.
        """
        own = chosen(self.card, name, source=source, model=model)
        lists = {f"{what}s": [one] for what, one in own.items() if f"{what}s" in self.values[name]}
        return Scale(name, {**copy.deepcopy(self.values[name]), **own, **lists}, own)

    def tasks(self, scale: str, *, source: str | None = None, model: str | None = None) -> list[Task]:
        """The runs at a scale, each once; arguments and errors as of `scale`."""
        tasks = self.runs(self.scale(scale, source=source, model=model))
        return list({task.key: task for task in tasks}.values())

    def listed(self, scale: Scale) -> list[Claim]:
        """The claims at a scale, before anything is measured."""
        return listed(self.claims, scale.name, scale.values)

    def judged(self, results: Results) -> list[Claim]:
        """The claims with what was measured and its standard error, in the order of the TOML file.

        A plain number gets its error by the jackknife over the seeds of the runs, where there are at least three.

        Raises:
            BadInput: a claim was not measured, or something was measured that no claim is about.
        """
        found, claims = dict(self.measured(results)), self.listed(results.scale)
        missing = [claim.id for claim in claims if claim.id not in found and not claim.optional]
        unknown = [name for name in found if name not in {claim.id for claim in claims}]
        if missing or unknown:
            where = f"study {self.card.name!r} at scale {results.scale.name}"
            raise BadInput(f"{where}: claims not measured: {missing}, measured without a claim: {unknown}")
        estimates = {name: estimate.of(value) for name, value in found.items()}
        plain = [name for name, value in found.items() if not isinstance(value, Estimate)]
        estimates.update(_without_seeds(self.measured, results, {name: estimates[name] for name in plain}))
        return [
            replace(claim, measured=one.value, error=one.error, n=one.n)
            for claim in claims
            if (one := estimates.get(claim.id)) is not None
        ]


def chosen(card: StudyCard, scale: str, *, source: str | None, model: str | None) -> dict[str, str]:
    """What a person chose, by name.

    Raises:
        BadInput: the study has no such scale, or takes no source or model.
    """
    if scale not in card.scales:
        raise BadInput(f"study {card.name!r} has no scale {scale!r}; available: {', '.join(card.scales)}")
    found = {name: value for name, value in (("source", source), ("model", model)) if value is not None}
    for name, value in found.items():
        if name not in card.takes:
            raise BadInput(f"{name}={value!r} cannot be chosen: study {card.name!r} has its own {name}")
    if model is not None:
        models.check(model)
    return found


def _read(
    table: Mapping[str, Any],
) -> tuple[StudyCard, dict[str, Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    """The card, the values by scale and the tables of claims of a checked TOML file."""
    text = {name: _unwrapped(table[name]) for name in (*CARD, *OPTIONAL) if name in table}
    scales = {name: dict(values) for name, values in table["scales"].items()}
    card = StudyCard(
        **text,
        scales={name: _unwrapped(values.pop("runs")) for name, values in scales.items()},
        budget={name: values.pop("budget") for name, values in scales.items() if "budget" in values},
        needs={name: _unwrapped(values.pop("needs")) for name, values in scales.items() if "needs" in values},
    )
    shared = table.get("values", {})
    return card, {name: _nones({**shared, **values}) for name, values in scales.items()}, table["claims"]


def _without_seeds(
    measured: Callable[[Results], Mapping[str, Any]], results: Results, found: Mapping[str, Estimate]
) -> dict[str, Estimate]:
    """What was measured as plain numbers, with errors by the jackknife over the argument `seed` of the runs.

    A number whose measurement needs a seed that is left out keeps an unknown error: it stands on that one run.
    """
    seeds = {seed: None for seed in results.choices("seed") if seed is not None}
    if len(seeds) < estimate.FEWEST or not found:
        return dict(found)
    others = []
    # Where the runs of a seed are missing, a measurement may fail in any way; then nothing is known of its error.
    with contextlib.suppress(Exception), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in seeds:
            left = tuple(item for item in results if item.task.arguments.get("seed") != seed)
            others.append(dict(measured(Results(results.scale, left))))
    if len(others) < len(seeds):
        return dict(found)
    return {
        name: Estimate(one.value, estimate.spread([_number(other.get(name)) for other in others]), len(seeds))
        for name, one in found.items()
    }


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _unwrapped(value: Any) -> Any:
    """Text of several lines as one paragraph; a list as a tuple."""
    return " ".join(value.split()) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _nones(value: Any) -> Any:
    """Plain data with None for the word "all": TOML has no null, and None takes all rows."""
    if isinstance(value, dict):
        return {name: _nones(one) for name, one in value.items()}
    return [_nones(one) for one in value] if isinstance(value, list) else None if value == ALL else value
