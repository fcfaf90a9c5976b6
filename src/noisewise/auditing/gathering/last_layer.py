"""Looks at a network's last layer during a cross-fitting: what detectors need that no training sees by itself.

A look asks the network once more for every row, in evaluation mode, for what its last linear layer is given and what it
makes of that. It happens only where a detector that needs it was asked for, and changes nothing about the training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.grand import gradient_norms
from noisewise.auditing.detectors.self_influence import self_influence
from noisewise.auditing.detectors.tracin import checkpoints, influence
from noisewise.data import Dataset
from noisewise.data.rows import Rows
from noisewise.errors import BadInput
from noisewise.models import build, penultimate
from noisewise.models.parts import linear_layers, record_calls
from noisewise.training import Method, Training
from noisewise.training.networks import evaluating
from noisewise.training.observer import Observer, Row
from noisewise.training.optim import learning_rate
from noisewise.training.streams import batches

STATISTICS = ("gradient_norm", "tracin", "self_influence")
FEATURES = "features"


@dataclass(frozen=True, eq=False)
class LastLayer:
    """What the last linear layer of a network is given and makes of it.

    Attributes:
        features: (m, d) float32. probabilities: (m, K). labels: (m,) given labels.
    """

    features: Tensor
    probabilities: Tensor
    labels: Tensor


def needed(detectors: Iterable[str]) -> frozenset[str]:
    """Which of `STATISTICS` and `FEATURES` the named detectors need.

    Raises:
        BadInput: an unknown name.
    """
    cards = [DETECTORS[name].card for name in detectors]
    return frozenset(
        wanted for card in cards for wanted in (*card.statistics, *card.needs) if wanted in (*STATISTICS, FEATURES)
    )


def check_last_layer(data: Dataset, model: str | nn.Module | Callable[..., nn.Module]) -> None:
    """Refuse a model that has no last linear layer to look at, before anything is trained.

    Raises:
        BadInput: the model has no `nn.Linear`.
    """
    net = build(model, data.shape, len(data.classes))
    if not linear_layers(net):
        raise BadInput(
            f"model {type(net).__name__} has no nn.Linear, so detectors that look at its last layer or its features "
            f"({', '.join(name for name in DETECTORS if needed([name]))}) cannot be asked for"
        )


def look(training: Training, rows: Rows) -> LastLayer:
    """The last layer of the first network that the training predicts by, at its present weights, for rows of a split.

    Raises:
        BadInput: the network uses no `nn.Linear`.
    """
    assert training.predictor is not None
    net = training.predictor.nets[0]
    size = 4 * training.config.batch_size
    with torch.no_grad(), evaluating(net):
        asked = (_ask(net, batch.x) for batch in batches(rows, torch.arange(len(rows)), size, training.classes))
        features, logits = zip(*asked, strict=True)
    return LastLayer(torch.cat(features), torch.cat(logits).softmax(dim=1), rows.given)


def _ask(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """(B, d) features and (B, K) logits by one forward pass."""
    with record_calls([net]) as calls:
        features = penultimate(net, x)
    return features.float(), calls[0].output.float()


def features_of_all(training: Training, held: np.ndarray) -> np.ndarray:
    """(n, d) features, in one space, of the rows that a training trained on and of those it held out, `held` (n,)."""
    inside = look(training, training.rows).features.cpu().numpy()
    outside = look(training, training.split("validation")).features.cpu().numpy()
    features = np.empty((len(held), inside.shape[1]), dtype=np.float32)
    features[~held], features[held] = inside, outside
    return features


class Looks(Observer):
    """Looks at the training rows at the end of chosen epochs, and once more after the training.

    Args:
        wanted: of `STATISTICS`; with none of them nothing is looked at.
        epochs: how many the training is going to take.

    Attributes:
        seconds: per statistic, what it took; a look that serves two counts for both. total: what all took together.
    """

    def __init__(self, wanted: Collection[str], epochs: int) -> None:
        self.wanted = frozenset(wanted)
        self.stops = checkpoints(epochs)
        self.found: dict[str, Tensor] = {}
        self.seconds = dict.fromkeys(sorted(self.wanted), 0.0)
        self.total = 0.0
        self.done = 0

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Look, if the epoch that has just ended is one of the chosen ones."""
        self.done = len(training.history) + 1
        if self.done in self.stops:
            self._look(training, self._due(self.done == self.stops[0]))
        return {}

    def finish(self, training: Training) -> dict[str, np.ndarray]:
        """The statistics (training rows,) by name; what a training that stopped early missed is measured at its end."""
        self._look(training, self.wanted - self.found.keys())
        return {name: value.double().cpu().numpy() for name, value in self.found.items()}

    def _due(self, first: bool) -> frozenset[str]:
        return self.wanted & {"tracin", *(["gradient_norm"] if first else [])}

    def _look(self, training: Training, names: Collection[str]) -> None:
        if not names:
            return
        began = start = time.perf_counter()
        seen = look(training, training.rows)
        parts = (seen.features, seen.probabilities, seen.labels)
        looked = time.perf_counter() - began
        for name in sorted(names):
            began = time.perf_counter()
            if name == "gradient_norm":
                self.found[name] = gradient_norms(*parts)
            elif name == "tracin":
                self.found[name] = influence(*parts, self._rate(training)) + self.found.get(name, 0.0)
            else:
                self.found[name] = self_influence(*parts)
            self.seconds[name] += looked + time.perf_counter() - began
        self.total += time.perf_counter() - start

    def _rate(self, training: Training) -> float:
        """The learning rate at the start of the epoch that has just ended."""
        epochs = training.config.epochs
        return learning_rate(training.config, min((self.done - 1) / epochs, 1.0), epochs)
