"""Random over- and under-sampling (Japkowicz and Stephen, Intelligent Data Analysis 2002).

    over:  rows of every class are drawn with replacement until all have as many as the largest
    under: rows of every class are drawn without replacement until all have as few as the smallest

The two algorithms are imbalanced-learn's samplers. Repeated rows join every batch in their proportion. Under-sampled
rows are drawn anew for every epoch, so that every row is used eventually.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from noisewise.bounds import one_of
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.methods.auxiliary import join
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.training.batch import Batch
from noisewise.training.config import seeded
from noisewise.training.method import Method, MethodCard
from noisewise.training.networks import Networks
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = MethodCard(
    "resampling",
    "Draw rows until every class has equally many: repeat rows of rare classes, or leave out rows of frequent ones. "
    "It addresses class imbalance, not wrong labels.",
    "Japkowicz and Stephen, The Class Imbalance Problem: A Systematic Study, Intelligent Data Analysis 2002",
    2002,
    "n_k = max_j n_j (over) or min_j n_j (under) rows of every class k",
    forwards=1.2,
    backwards=1.2,
    stations=("edit",),
    departures="under-sampling draws anew for every epoch; the cost stated is for nearly "
    "balanced classes, one more row per five, and grows with the imbalance",
)


def imbalanced(module: str) -> ModuleType:
    """A module of imbalanced-learn.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return importlib.import_module(f"imblearn.{module}")
    except ModuleNotFoundError as error:
        raise BadInput(f"this method needs imbalanced-learn: pip install 'noisewise[imbalance]' ({error})") from error


class Joined(Method):
    """Edit station: auxiliary rows join the batch, weighted so that each counts as one row of the whole.

    Args:
        name: name of the auxiliary rows.
        ratio: number of auxiliary rows per row of the training split.
        known: whether their index names rows of the training split; otherwise the index is removed.
    """

    card = CARD

    def __init__(self, name: str, ratio: float, *, known: bool = True) -> None:
        super().__init__()
        self.name, self.ratio = name, ratio
        self.auxiliary = (name,)
        self.mixes_rows = not known

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        return join(batch, batch.auxiliary[self.name], self.ratio, known=not self.mixes_rows)


def drawn(labels: np.ndarray, kind: Literal["over", "under"], seed: int) -> np.ndarray:
    """Positions of the rows that a random over- or under-sampler draws.

    Args:
        labels: (n,) class numbers.
        kind: "over" or "under".
        seed: random seed.

    Returns:
        Positions in `labels`; for "over" the first n are 0 to n - 1.

    Raises:
        BadInput: imbalanced-learn is not installed.
    """
    if len(np.unique(labels)) < 2:
        return np.arange(len(labels))
    module, name = (
        ("over_sampling", "RandomOverSampler") if kind == "over" else ("under_sampling", "RandomUnderSampler")
    )
    # NumPy's legacy generator, which imbalanced-learn uses, accepts seeds below 2**32.
    sampler = getattr(imbalanced(module), name)(random_state=seed % 2**32)
    sampler.fit_resample(np.zeros((len(labels), 1)), labels)
    return np.asarray(sampler.sample_indices_)


@recipe(CARD, {"kind": one_of("over", "under")})
def resampling(training: Training, kind: Literal["over", "under"] = "over") -> None:
    """Random over- or under-sampling.

    Args:
        training: the training.
        kind: "over" repeats rows of rare classes, "under" leaves out rows of frequent ones.

    Raises:
        BadInput: imbalanced-learn is not installed.
    """
    seed, labels = training.config.seed, training.data.given
    if kind == "over":
        repeated = drawn(labels, kind, seed)[len(labels) :]
        train_joined(training, "repeated", training.data.take(repeated), known=True)
        return
    learner, method = training.learner(), CrossEntropy()
    for epoch in range(training.config.epochs):
        chosen = torch.as_tensor(drawn(labels, kind, seeded(seed, "resampling", epoch)))
        training.fit(learner, method, 1, rows=_mask(training, chosen))


def train_joined(training: Training, name: str, data: Dataset, *, known: bool) -> None:
    """Train with cross entropy on the training rows and, if there are any, the rows of `data`."""
    method: Method = CrossEntropy()
    if len(data):
        training.add(name, data)
        method = Joined(name, len(data) / len(training.rows), known=known)
    training.fit(training.learner(), method)


def _mask(training: Training, positions: Tensor) -> Tensor:
    mask = torch.zeros(training.task.rows, dtype=torch.bool, device=training.device)
    mask[training.rows.index[positions.to(training.device)]] = True
    return mask
