"""What detectors need to know of a network's last layer, observed during a cross-fitting.

An observation runs the network once more on every row, in evaluation mode, and reads the input and the output of its
last linear layer. It happens only where a requested detector needs it, and leaves the training unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.gradients.grand import gradient_norms
from noisewise.auditing.detectors.gradients.self_influence import self_influence
from noisewise.auditing.detectors.gradients.tracin import checkpoints, influence
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
    """Input and output of a network's last linear layer for m rows.

    Attributes:
        features: (m, d) float32, its input.
        probabilities: (m, K), the softmax of its output.
        labels: (m,) given labels.
    """

    features: Tensor
    probabilities: Tensor
    labels: Tensor

    def __repr__(self) -> str:
        return f"LastLayer({len(self.labels):,} rows, {self.features.shape[1]} features)"


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
    """Refuse a model without a linear layer, before anything is trained.

    Raises:
        BadInput: the model has no `nn.Linear`.
    """
    net = build(model, data.shape, len(data.classes))
    if not linear_layers(net):
        raise BadInput(
            f"model {type(net).__name__} has no nn.Linear, so detectors that need its last layer or its features "
            f"({', '.join(name for name in DETECTORS if needed([name]))}) cannot be used"
        )


def last_layer(training: Training, rows: Rows) -> LastLayer:
    """The last layer of the first network that the training predicts with, at its present weights.

    Args:
        training: after at least one epoch.
        rows: m rows of one of its splits.

    Raises:
        BadInput: the network has no `nn.Linear`.
    """
    assert training.predictor is not None
    net = training.predictor.nets[0]
    size = 4 * training.config.batch_size
    with torch.no_grad(), evaluating(net):
        passes = (
            _features_and_logits(net, batch.x)
            for batch in batches(rows, torch.arange(len(rows)), size, training.classes)
        )
        features, logits = zip(*passes, strict=True)
    return LastLayer(torch.cat(features), torch.cat(logits).softmax(dim=1), rows.given)


def _features_and_logits(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """(B, d) features and (B, K) logits by one forward pass."""
    # `penultimate` runs the network for its features alone; the recorder keeps the logits of the same pass
    with record_calls([net]) as calls:
        features = penultimate(net, x)
    return features.float(), calls[0].output.float()


def features_of_all(training: Training, held: np.ndarray) -> np.ndarray:
    """Features of all rows by one network, and hence in one space.

    Args:
        training: whose validation split is the rows it held out.
        held: (n,) bool, these rows among all.

    Returns:
        (n, d) float32.
    """
    inside = last_layer(training, training.rows).features.cpu().numpy()
    outside = last_layer(training, training.split("validation")).features.cpu().numpy()
    features = np.empty((len(held), inside.shape[1]), dtype=np.float32)
    features[~held], features[held] = inside, outside
    return features


class LastLayerObserver(Observer):
    """Observes the last layer on the training rows after chosen epochs, and once more after the training.

    Args:
        wanted: of `STATISTICS`; with none of them nothing is observed.
        epochs: of the training, unless it stops early.

    Attributes:
        seconds: wall time per statistic; an observation that serves two of them counts for both.
        total: wall time of all observations.
    """

    def __init__(self, wanted: Collection[str], epochs: int) -> None:
        self.wanted = frozenset(wanted)
        self.stops = checkpoints(epochs)
        self.found: dict[str, Tensor] = {}
        self.seconds = dict.fromkeys(sorted(self.wanted), 0.0)
        self.total = 0.0
        self.done = 0

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Observe, if this epoch is one of the chosen ones."""
        self.done = len(training.history) + 1
        if self.done in self.stops:
            self._observe(training, self._due(self.done == self.stops[0]))
        return {}

    def finish(self, training: Training) -> dict[str, np.ndarray]:
        """Measure what is still missing, as after a training that stopped early.

        Returns:
            (training rows,) per wanted statistic.
        """
        self._observe(training, self.wanted - self.found.keys())
        return {name: value.double().cpu().numpy() for name, value in self.found.items()}

    def _due(self, first: bool) -> frozenset[str]:
        return self.wanted & {"tracin", *(["gradient_norm"] if first else [])}

    def _observe(self, training: Training, names: Collection[str]) -> None:
        if not names:
            return
        began = start = time.perf_counter()
        layer = last_layer(training, training.rows)
        parts = (layer.features, layer.probabilities, layer.labels)
        passed = time.perf_counter() - began
        for name in sorted(names):
            began = time.perf_counter()
            if name == "gradient_norm":
                self.found[name] = gradient_norms(*parts)
            elif name == "tracin":
                self.found[name] = influence(*parts, self._rate(training)) + self.found.get(name, 0.0)
            else:
                self.found[name] = self_influence(*parts)
            self.seconds[name] += passed + time.perf_counter() - began
        self.total += time.perf_counter() - start

    def _rate(self, training: Training) -> float:
        """The learning rate at the start of the epoch that has just ended."""
        epochs = training.config.epochs
        return learning_rate(training.config, min((self.done - 1) / epochs, 1.0), epochs)
