"""Fidelity-weighted learning (Dehghani et al., ICLR 2018, arXiv 1711.02799), algorithm 1.

    1. a student trains on the given labels, which are weak
    2. a Gaussian process with mean T and uncertainty S is fitted to the trusted rows, on the student's features
    3. the student trains on with T(x) as the label of every row, in steps of size a exp(-beta S(x))

The teacher is a regression of each class against the rest on the student's penultimate features, with one kernel for
all classes. T is its mean, clipped at zero and normalised to sum to one; S its standard deviation divided by the
prior's, in [0, 1]. Features are standardised by the trusted rows. Beyond `most` trusted rows the teacher is clustered,
as in the paper: k-means on the features, and one process per cluster, used for the rows nearest to its centre. Far from
all trusted rows T is uniform. A class without trusted rows is never the most probable one.

In the third step trusted rows join the batches in their natural proportion, at least one per batch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.models import penultimate
from noisewise.training.batch import Batch
from noisewise.training.method import Method, MethodCard
from noisewise.training.networks import Networks, evaluating
from noisewise.training.recipe import recipe
from noisewise.training.streams import batches
from noisewise.training.trainer import Training

CARD = MethodCard(
    "fwl",
    "A Gaussian process on a few trusted rows gives every row a new label and an uncertainty. The network, first "
    "trained on the given labels, is fine-tuned on the new ones, in smaller steps where they are uncertain.",
    "Dehghani, Mehrjou, Gouws, Kamps and Schoelkopf, Fidelity-Weighted Learning, ICLR 2018",
    2018,
    "step on x: a exp(-beta S(x)) grad L(x, T(x))",
    forwards=1.1,
    backwards=1.05,
    stations=("edit", "target", "weight"),
    needs_trusted=True,
    departures="the first phase takes half of the epochs (`first`); the teacher is a regression on each class, its "
    "mean clipped to a distribution",
)


# The smallest probability of a class before normalising, and the rows predicted at once, which bound the memory.
_LEAST = 1e-6
_PORTION = 5000


class Teacher:
    """Gaussian processes from (m, d) features to (m, K) one-hot labels.

    Args:
        features: (m, d) of the trusted rows.
        labels: (m,) of the trusted rows.
        classes: number of classes K.
        most: largest number of rows of one process; more are clustered.
        seed: random seed of the clustering.
    """

    def __init__(self, features: np.ndarray, labels: np.ndarray, classes: int, most: int = 500, seed: int = 0) -> None:
        self.classes = classes
        self.middle, self.spread = features.mean(axis=0), features.std(axis=0) + 1e-8
        inputs, values = self._scaled(features), np.eye(classes)[labels] - 1 / classes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.clusters = KMeans(math.ceil(len(inputs) / most), n_init=1, random_state=seed).fit(inputs)
            parts = {part: self.clusters.labels_ == part for part in np.unique(self.clusters.labels_)}
            self.processes = {part: _process(inputs[rows], values[rows]) for part, rows in parts.items()}

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return (features - self.middle) / self.spread / math.sqrt(features.shape[1])

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict labels and uncertainties of (n, d) features.

        Returns:
            T, (n, K) distributions, and S, (n,) in [0, 1].
        """
        inputs = self._scaled(features)
        soft, uncertainty = np.full((len(inputs), self.classes), 1 / self.classes), np.ones(len(inputs))
        nearest = self.clusters.predict(inputs)
        for part, process in self.processes.items():
            for rows in _portions(np.flatnonzero(nearest == part)):
                mean, deviation = process.predict(inputs[rows], return_std=True)
                prior = np.sqrt(process.kernel_.diag(inputs[rows]))
                soft[rows] += mean
                uncertainty[rows] = np.minimum(deviation[:, 0] / prior, 1.0)
        soft = np.maximum(soft, _LEAST)
        return soft / soft.sum(axis=1, keepdims=True), uncertainty


def _portions(rows: np.ndarray) -> list[np.ndarray]:
    return np.array_split(rows, math.ceil(len(rows) / _PORTION)) if len(rows) else []


def _process(inputs: np.ndarray, values: np.ndarray) -> GaussianProcessRegressor:
    kernel = ConstantKernel(0.1, (1e-3, 1e2)) * RBF(1.0, (1e-2, 1e2)) + WhiteKernel(1e-2, (1e-5, 1.0))
    return GaussianProcessRegressor(kernel).fit(inputs, values)


class FidelityWeighted(Method):
    """Edit, target and weight stations of the third step.

    Args:
        labels: (rows, K) T.
        uncertainty: (rows,) S.
        beta: how much smaller the weights of uncertain rows are.
        ratio: number of trusted rows per training row.
    """

    card = CARD
    remembers_rows = True
    auxiliary = ("trusted",)
    memory: Tensor
    uncertainty: Tensor

    def __init__(self, labels: Tensor, uncertainty: Tensor, beta: float, ratio: float) -> None:
        super().__init__()
        self.register_buffer("memory", labels.float())
        self.register_buffer("uncertainty", uncertainty.float())
        self.beta, self.ratio = beta, ratio

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        gold = batch.auxiliary["trusted"]
        wanted = self.ratio * len(batch)
        more = min(len(gold), max(1, math.ceil(wanted)))
        w = torch.cat([batch.w, gold.w[:more] * wanted / more])
        x, y = torch.cat([batch.x, gold.x[:more]]), torch.cat([batch.y, gold.y[:more]])
        return replace(batch, x=x, y=y, w=w, index=torch.cat([batch.rows, gold.rows[:more]]))

    def target(self, batch: Batch) -> Tensor:
        return self.memory[batch.rows].to(batch.y.dtype)

    def weight(self, batch: Batch) -> Tensor:
        return batch.w * torch.exp(-self.beta * self.uncertainty[batch.rows])


def _features(nets: Networks, drawn: Iterator[Batch]) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad(), evaluating(nets):
        found = [(penultimate(nets[0], batch.x).float().cpu(), batch.rows.cpu()) for batch in drawn]
    features, rows = (torch.cat(part).numpy() for part in zip(*found, strict=True))
    return features.astype(np.float64), rows


def ask_teacher(training: Training, nets: Networks, most: int) -> dict[str, Tensor]:
    """The teacher's "labels" (rows, K) and "uncertainty" (rows,) of all training and trusted rows, by index."""
    classes, size = training.classes, 4 * training.config.batch_size
    trusted, rows = training.split("trusted"), training.rows
    known, known_at = _features(nets, batches(trusted, torch.arange(len(trusted)), size, classes))
    features, at = _features(nets, batches(rows, torch.arange(len(rows)), size, classes))
    teacher = Teacher(known, trusted.given.cpu().numpy(), classes, most, training.config.seed)
    labels = torch.full((training.task.rows, classes), 1 / classes)
    uncertainty = torch.ones(training.task.rows)
    for where, what in ((at, features), (known_at, known)):
        soft, spread = teacher(what)
        labels[where], uncertainty[where] = torch.as_tensor(soft).float(), torch.as_tensor(spread).float()
    return {"labels": labels, "uncertainty": uncertainty}


@recipe(CARD, {"beta": between(0, 1000), "first": between(0, 1), "most": whole(2, 10_000)})
def fwl(training: Training, beta: float = 3.0, first: float = 0.5, most: int = 500) -> None:
    """Fidelity-weighted learning.

    Args:
        training: the training; needs trusted rows.
        beta: how much smaller the weights are where the teacher is uncertain; 0 gives all rows the same weight.
        first: epochs of the first step, as a share of the epochs.
        most: largest number of trusted rows of one Gaussian process, whose time grows with its cube.

    Raises:
        BadInput: no trusted rows; a network without a linear layer.
    """
    ratio = len(training.split("trusted")) / len(training.rows)
    student, epochs = training.learner(), training.config.epochs
    start = min(max(1, round(first * epochs)), epochs)
    training.fit(student, CrossEntropy(), start)
    answers = training.memoize("teacher", lambda: ask_teacher(training, student.nets, most))
    labels, uncertainty = (answers[name].to(training.device) for name in ("labels", "uncertainty"))
    training.fit(student, FidelityWeighted(labels, uncertainty, beta, ratio), max(1, epochs - start))
