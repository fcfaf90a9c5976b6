"""From a TOML spec to the runs of a grid.

    name = "fashion-mnist"
    source = "fashion-mnist"
    corrupt = ["symmetric:0.4", "asymmetric:0.4"]      # a list is an axis of the grid
    method = ["ce", "elr", "coteaching"]
    seed = [0, 1]
    epochs = 20
    trusted = 1000                                     # set aside only for methods that need trusted rows

    [[for]]                                            # runs that match `method` (and others) change
    method = "glc"
    lr = 0.05

A list is an axis, the last one fastest; `milestones` stays a list.
"""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisewise.data import Dataset, load
from noisewise.data.portable import portable
from noisewise.errors import BadInput, nearest
from noisewise.files import digest
from noisewise.methods import METHODS, card
from noisewise.spec import parse
from noisewise.training.config import Config

RUN_KEYS = ("source", "labels", "rows", "corrupt", "method", "model", "trusted", "noise_rate", "probe")
SETTINGS = tuple(Config.__dataclass_fields__)


@dataclass(frozen=True)
class Job:
    """One run of a grid: the keyword arguments of `noisewise.train`."""

    arguments: dict[str, Any]

    @property
    def key(self) -> str:
        """The folder name: a hash of the arguments, so that the same run is never computed twice."""
        return digest(self.arguments)

    @property
    def title(self) -> str:
        """For progress lines."""
        return " ".join(
            str(self.arguments[k]) for k in ("source", "corrupt", "method", "model", "seed") if k in self.arguments
        )

    @property
    def input_name(self) -> tuple[str, str | None]:
        """Its source and label column; see `compute.computation.WithInput`."""
        return self.arguments["source"], self.arguments.get("labels")

    def read_input(self) -> Dataset:
        """The data set of the source, as arrays.

        Raises:
            BadInput: there is none here.
        """
        source, labels = self.input_name
        return portable(load(source, labels=labels))

    def finished(self, folder: Path) -> bool:
        """See `compute.Computation`."""
        return (folder / "run.json").exists()

    def compute(self, folder: Path) -> None:
        """Train into the folder, going on from a checkpoint there; see `compute.Computation`."""
        self.compute_from(folder, self.arguments["source"])

    def compute_from(self, folder: Path, given: Dataset | str) -> None:
        """`compute` from a data set that was read already, or a source."""
        from noisewise.run.train import train

        further = {name: value for name, value in self.arguments.items() if name != "source"}
        train(given, out=folder, report=False, resume=True, **further)


def read_spec(path: str | Path) -> dict[str, Any]:
    """A bench spec as plain data.

    Raises:
        BadInput: no such file, or it is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read the bench spec {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the bench spec {path} is not TOML: {error}") from error


def expand(spec: dict[str, Any]) -> list[Job]:
    """All runs of a spec, in the order of its lists, the last axis fastest.

    Raises:
        BadInput: an unknown key, a missing source or method, an unknown method.
    """
    known = (*RUN_KEYS, *SETTINGS)
    for table in (spec, *spec.get("for", [])):
        for key in table:
            if key not in (*known, "name", "for"):
                raise BadInput(f"the bench spec has an unknown key {key!r}{nearest(key, known)}")
    for key in ("source", "method"):
        if key not in spec:
            raise BadInput(f"the bench spec lacks {key!r}")
    axes = {
        key: value if isinstance(value, list) and key != "milestones" else [value]
        for key, value in spec.items()
        if key in known
    }
    jobs = [
        _job(dict(zip(axes, values, strict=True)), spec.get("for", [])) for values in itertools.product(*axes.values())
    ]
    return list({job.key: job for job in jobs}.values())


def _job(arguments: dict[str, Any], exceptions: list[dict[str, Any]]) -> Job:
    for exception in exceptions:
        matched = {k: v for k, v in exception.items() if k in ("method", "corrupt", "model", "source")}
        if all(arguments.get(k) in (v if isinstance(v, list) else [v]) for k, v in matched.items()):
            arguments = {**arguments, **{k: v for k, v in exception.items() if k not in matched}}
    terms = parse(arguments["method"], METHODS)
    if not any(card(term.name).needs_trusted for term in terms):
        arguments = {k: v for k, v in arguments.items() if k != "trusted"}
    return Job(dict(sorted(arguments.items())))
