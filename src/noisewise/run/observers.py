"""Observers by name: `observe="fisher,curvature:top=3,progress"`."""

from __future__ import annotations

import sys
from typing import Any

from noisewise.catalogue import Catalogue
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.probes import PROBES
from noisewise.probes.build import joined
from noisewise.probes.observer import ProbeObserver
from noisewise.probes.probe import Probe
from noisewise.spec import parse
from noisewise.training.observer import Observer, Row

OBSERVERS = Catalogue(
    "observer",
    {
        "truth": "noisewise.run.truth:TruthObserver",
        "progress": "noisewise.run.observers:ProgressObserver",
        "tensorboard": "noisewise.run.trackers:TensorBoard",
        "mlflow": "noisewise.run.trackers:MLflow",
        "wandb": "noisewise.run.trackers:WeightsAndBiases",
        **PROBES.own,
    },
    groups=("noisewise.observers", "noisewise.probes"),
    refusal="noisewise.run.observers:refusal",
)


def refusal(entry: Any) -> str | None:
    """What an object of another package must be to be an observer; None where it is one."""
    if isinstance(entry, type) and issubclass(entry, (Observer, Probe)):
        return None
    return "a class derived from noisewise.Observer or noisewise.probes.Probe"


def build_observers(text: str, data: Dataset) -> list[Observer]:
    """The observers that a text names, joined by commas or by +, with options: `fisher,curvature:top=3`.

    Args:
        text: names of `OBSERVERS` with options; may be empty.
        data: the split data set that is trained on, with its truth where it is known.

    Returns:
        One observer for all probes, in their order, and one for each other name.

    Raises:
        BadInput: an unknown name or option; a name that is given twice; a probe that needs the truth, without truth.
    """
    probes, others = _parsed(text)
    found: list[Observer] = [kind(data, **options) for kind, options in others]
    return [ProbeObserver(probes, data), *found] if probes else found


def check_observers(text: str) -> None:
    """Refuse a text that `build_observers` cannot read.

    Raises:
        BadInput: an unknown name or option, or a name that is given twice.
    """
    _parsed(text)


def _parsed(text: str) -> tuple[list[Probe], list[tuple[Any, dict[str, Any]]]]:
    if not isinstance(text, str):
        raise BadInput(f"observers are named by text such as 'fisher,curvature', not {text!r}")
    probes, others = [], []
    terms = parse(joined(text), OBSERVERS) if text else []
    names = [term.name for term in terms]
    for term in terms:
        if names.count(term.name) > 1:
            raise BadInput(f"observer {term.name!r} is named twice in {text!r}")
        kind = OBSERVERS[term.name]
        if issubclass(kind, Probe):
            probes.append(kind(**term.bind(kind)))
        else:
            others.append((kind, term.bind(kind, given=("data",))))
    return probes, others


class ProgressObserver(Observer):
    """Prints a line to stderr after every epoch.

    Args:
        data: what is trained on, for its name.
    """

    only_tells = True

    def __init__(self, data: Dataset) -> None:
        self.name = data.name

    def recorded(self, row: Row) -> None:
        """Print the epoch, the time it took and its losses and accuracies."""
        shown = [f"{name} {row[name]:.4f}" for name in row if name.endswith(("_loss", "_accuracy"))]
        print(f"{self.name}: epoch {row['epoch']}, {row['seconds']:.1f} s, {', '.join(shown)}", file=sys.stderr)
