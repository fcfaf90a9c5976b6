"""From a TOML spec to the experiments of a grid.

    name = "fashion-mnist"
    source = "fashion-mnist"
    corrupt = ["symmetric:0.4", "asymmetric:0.4"]      # a list is an axis of the grid
    method = ["ce", "elr", "coteaching"]
    seed = [0, 1]
    epochs = 20
    trusted = 1000                                     # only for methods that need trusted rows

    [[for]]                                            # what changes in runs of this method, model, ...
    method = "glc"
    lr = 0.05

A key is a field of `Experiment` or of `Config`, or `probe`; docs/bench.md lists them. A list is an axis, the last one
fastest; `milestones`, `columns`, `ignore` and `na` stay lists.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from noisewise.bounds import Bound, a, check
from noisewise.compute.inputs import content, note
from noisewise.data import Dataset
from noisewise.data.portable import portable
from noisewise.data.reading import Reading
from noisewise.errors import BadInput, nearest, shown
from noisewise.files import digest, is_whole, recover
from noisewise.methods import METHODS, card
from noisewise.models import side_of
from noisewise.run.experiment import BOUNDS, Experiment
from noisewise.spec import parse
from noisewise.training.config import Config

KEYS = (
    *(field.name for field in fields(Experiment) if field.name not in ("config", "data_dir")),
    "probe",
    *(field.name for field in fields(Config)),
)
LISTS = ("milestones", "columns", "ignore", "na")
MATCHED = ("method", "corrupt", "model", "source")
MOST_RUNS = 10_000
_OWN = ("name", "for", "tune")  # keys of the bench itself; for [tune] see `bench.tune`
_NAME = a(str, "be text")
_TABLES = Bound(
    "be tables, each under a line [[for]]",
    lambda value: isinstance(value, (list, tuple)) and all(isinstance(table, Mapping) for table in value),
)


@dataclass(frozen=True)
class Trial:
    """An experiment of a grid, computed into a folder (see `compute.Computation` and `compute.computation.WithInput`).

    Attributes:
        experiment: what is trained.
        stated: what the spec states of it, by key.
        shown: the method's name on the leaderboard; empty is the method as stated.
    """

    experiment: Experiment
    stated: dict[str, Any]
    shown: str = ""

    @property
    def key(self) -> str:
        """The name of its folder: a hash of what the spec states."""
        return digest(self.stated)

    @property
    def title(self) -> str:
        """For progress lines."""
        return self.experiment.title

    @property
    def input_name(self) -> tuple[str, Reading, int | None]:
        """The source, how it is read, and the size that the model prefers for images in files."""
        one = self.experiment
        return one.source_name, one.reading, side_of(one.model)

    def read_input(self) -> Dataset:
        """The data set of the source, as arrays.

        Raises:
            BadInput: there is none here.
        """
        return portable(self.experiment.load())

    def finished(self, folder: Path) -> bool:
        """Whether the folder holds the results."""
        recover(folder)
        return is_whole(folder / "run.json")

    def compute(self, folder: Path) -> None:
        """Train into the folder, from a checkpoint there if there is one."""
        self.compute_from(folder, None)

    def compute_from(self, folder: Path, given: Dataset | None) -> None:
        """`compute`, with the data set of the source if it is given."""
        note(self.experiment.source_name, folder, content(self.experiment.source_name))
        self.experiment.run(folder, resume=True, report=False, loaded=given)


def read_spec(path: str | Path) -> dict[str, Any]:
    """A bench spec as plain data.

    Raises:
        BadInput: no such file, or it is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read the bench spec {path}: {error.strerror}") from error
    except RecursionError as error:
        raise BadInput(f"the bench spec {path} is nested too deeply") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the bench spec {path} is not TOML: {error}") from error


def expand(spec: Mapping[str, Any]) -> list[Trial]:
    """All experiments of a spec, each once, in the order of its lists, the last axis fastest.

    Raises:
        BadInput: an unknown key, a missing source or method, a list that is empty or repeats a value, more than 10,000
            runs, a value that is not legal, or a table `[[for]]` that changes no run.
    """
    check(None, "the bench spec", spec, a(Mapping, "be a table of keys"))
    exceptions = check(None, "for", spec.get("for", []), _TABLES)
    for table in (spec, *exceptions):
        for key in table:
            if key not in (*KEYS, *_OWN) or (table is not spec and key in _OWN):
                raise BadInput(f"the bench spec has an unknown key {shown(key)}{nearest(key, KEYS)}")
    check(None, "name", spec.get("name", "bench"), _NAME)
    for key in ("source", "method"):
        if key not in spec:
            raise BadInput(f"the bench spec lacks {key!r}")
    axes = {key: _axis(key, value) for key, value in spec.items() if key in KEYS}
    _check_size(axes)
    used: set[int] = set()
    trials = [
        _trial(dict(zip(axes, values, strict=True)), exceptions, used) for values in itertools.product(*axes.values())
    ]
    for number, exception in enumerate(exceptions):
        if number not in used:
            raise BadInput(
                f"the table [[for]] number {number + 1}, {shown(dict(exception))}, changes no run of the grid"
            )
    return list({trial.key: trial for trial in trials}.values())


def _axis(key: str, value: Any) -> list[Any]:
    """The values of a key: those of its list, or one value.

    Raises:
        BadInput: an empty list, or a value that is repeated.
    """
    if not isinstance(value, list) or key in LISTS:
        return [value]
    if not value:
        raise BadInput(f"{key}=[] of the bench spec lists no value, so the grid has no run")
    for number, one in enumerate(value):
        if any(type(one) is type(other) and one == other for other in value[:number]):
            raise BadInput(f"{key} of the bench spec lists {shown(one)} twice")
    return value


def _check_size(axes: Mapping[str, list[Any]]) -> None:
    runs = math.prod(len(values) for values in axes.values())
    if runs > MOST_RUNS:
        longest = sorted((key for key in axes if len(axes[key]) > 1), key=lambda key: -len(axes[key]))
        lists = ", ".join(f"{len(axes[key]):,} of {key}" for key in longest[:5])
        raise BadInput(f"the grid has {runs:,} runs ({lists}), and at most {MOST_RUNS:,} are possible: shorten a list")


def _trial(stated: dict[str, Any], exceptions: Sequence[Mapping[str, Any]], used: set[int]) -> Trial:
    """The trial of one point of the grid; the numbers of the exceptions that change it are added to `used`."""
    for number, exception in enumerate(exceptions):
        matched = {k: v for k, v in exception.items() if k in MATCHED}
        if all(stated.get(k) in (v if isinstance(v, list) else [v]) for k, v in matched.items()):
            changes = {k: v for k, v in exception.items() if k not in matched}
            stated = {**stated, **changes}
            used.update([number] if changes else [])
    if not any(card(term.name).needs_trusted for term in parse(stated["method"], METHODS)):
        trusted = check(None, "trusted", stated.get("trusted", 0), BOUNDS["trusted"])
        if not isinstance(trusted, str):  # a column or file of the source has to be known to the reader
            stated = {k: v for k, v in stated.items() if k != "trusted"}
    return pointed(stated)


def pointed(stated: dict[str, Any], shown: str = "") -> Trial:
    """The trial of values by key.

    Args:
        stated: one value per key.
        shown: the method's name on the leaderboard; empty is the method as stated.

    Raises:
        BadInput: a value that is not legal.
    """
    return Trial(Experiment.of(**stated), dict(sorted(stated.items())), shown)
