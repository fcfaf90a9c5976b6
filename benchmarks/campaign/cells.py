"""Cells: the trainings of a campaign, most important first, read from TOML.

    name = "what the campaign is"

    [[part]]
    part = "grid"                 # by which the pages find the cells
    place = "either"              # "cpu", "gpu", or "either"
    source = "fashion-mnist-10000"
    seed = [0]                    # everything else as in the specs of `noisewise bench`: the last list varies fastest
    method = ["elr", "ce"]
    corrupt = ["symmetric:0.5", "pair:0.4"]

    [[part]]
    part = "published"
    place = "gpu"
    source = "cifar10"
    corrupt = ["symmetric:0.5"]
    preset = ["ce paper-cifar10"] # a method and its preset; schedules keep their shape
    epochs = 10                   # instead of the preset's

Parts are computed in the order of the file. Without a GPU every cell is computed on the CPU.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisewise.bench.grid import expand, read_spec
from noisewise.files import digest
from noisewise.methods import METHODS, card
from noisewise.methods.presets import preset
from noisewise.run.experiment import Experiment
from noisewise.spec import parse

PLACES = ("cpu", "gpu", "either")
# Options that count epochs: they shrink with the training. Shares, and what a method caps by itself, need nothing.
COUNTED = {
    "dividemix": ("warmup",),
    "promix": ("warmup", "ramp"),
    "pes": ("first", "middle", "last"),
    "coteaching": ("gradual",),
    "coteaching-plus": ("gradual",),
    "jocor": ("gradual",),
}


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        part: the part of the campaign.
        place: where it may run: "cpu", "gpu", or "either".
        stated: keywords of `Experiment.of`, without the device.
        preset: the published settings that they were taken from, or "".
        published_epochs: how many the preset has.
    """

    part: str
    place: str
    stated: Mapping[str, Any]
    preset: str = ""
    published_epochs: int | None = None

    @property
    def key(self) -> str:
        """A hash of what determines the result, up to rounding."""
        return digest({"part": self.part, **self.stated})

    @property
    def title(self) -> str:
        """For progress lines."""
        said = self.stated
        parts = [self.part, said["source"], said.get("corrupt"), said.get("model"), said["method"]]
        return " ".join(str(part) for part in [*parts, f"seed {said.get('seed', 0)}"] if part)

    @property
    def passes(self) -> float:
        """Rows times epochs, in thousands, weighted by what the method costs relative to `ce`."""
        cost = max(card(term.name).relative_cost for term in parse(self.stated["method"], METHODS))
        return cost * self.stated.get("rows", _rows(self.stated["source"])) / 1000 * self.stated.get("epochs", 20)


def _rows(source: str) -> int:
    return {"fashion-mnist-10000": 10_000, "digits": 1438}.get(source, 50_000)


def read(path: Path, epochs: int | None = None) -> list[Cell]:
    """All cells of a campaign, in order, each once.

    Args:
        path: the TOML file.
        epochs: of published runs; default: what their parts say.

    Raises:
        BadInput: a table that is not legal.
    """
    tables = [
        {**table, "epochs": epochs} if epochs and "preset" in table else table for table in read_spec(path)["part"]
    ]
    found = [cell for table in tables for cell in _cells(dict(table))]
    return list({cell.key: cell for cell in found}.values())


def _cells(table: dict[str, Any]) -> Iterator[Cell]:
    part, place = table.pop("part"), table.pop("place")
    assert place in PLACES, f"{part}: place={place!r}"
    if "preset" in table:
        yield from _published(part, place, table)
    else:
        for trial in expand(table):
            yield Cell(part, place, trial.stated)


def _published(part: str, place: str, table: dict[str, Any]) -> Iterator[Cell]:
    axes = {key: value if isinstance(value, list) else [value] for key, value in table.items()}
    for values in itertools.product(*axes.values()):
        said = dict(zip(axes, values, strict=True))
        name, _, setting = said.pop("preset").partition(" ")
        found = preset(name, setting)
        method = shortened(found.method, said["epochs"] / found.epochs)
        stated = {"model": found.model, **found.settings, **said, "method": method}
        Experiment.of(**stated)  # raises where something is not legal
        yield Cell(part, place, stated, setting, found.epochs)


def shortened(method: str, share: float) -> str:
    """A method's spec for a training of this share of its length: options that count epochs shrink, to at least 1."""
    terms = []
    for term in parse(method, METHODS):
        counted = COUNTED.get(term.name, ())
        options = {
            key: max(1, round(value * share)) if key in counted and isinstance(value, int) else value
            for key, value in term.options.items()
        }
        named = ",".join(f"{key}={_text(value)}" for key, value in options.items())
        given = ",".join([*map(_text, term.args), *([named] if named else [])])
        terms.append(f"{term.name}:{given}" if given else term.name)
    return "+".join(terms)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
