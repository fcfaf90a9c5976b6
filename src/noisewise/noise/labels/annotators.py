"""Labels by a simulated crowd: hard rows go wrong more often, and plausible classes are confused.

Every annotator is a weak classifier, trained on a small sample of the rows. Row i with label y_i is labelled by one
annotator a(i), drawn at random, who did not train on it and predicts p_i = (p_i1, ..., p_iK):

    P(given = y_i | i) = s(b + logit p_i,y_i),   P(given = j | i) ~ p_ij for j != y_i,   s(z) = 1 / (1 + exp(-z))

b is one number, chosen such that the mean of P(given != y_i | i) is the rate. This is the item response model of Rasch
(1960): logit p_i,y_i says how easy row i is for its annotator, b how much more the crowd knows than the classifiers.

After Gu, Masotto, Bachani, Lakshminarayanan, Nikodem and Yin, An Instance-Dependent Simulation Framework for Learning
with Label Noise, 2021 (Machine Learning 112, 2023), where networks that trained on a part of the rows label the others.
Departures: the classifiers are small, so that 50,000 rows take less than two minutes, and b, not the choice of the
classifiers, sets the rate.

Annotators differ in what they see, in how much they have seen and in how they decide. An annotator of images sees the
contrasts along a few random patches (Coates, Lee and Ng, An Analysis of Single-Layer Networks in Unsupervised Feature
Learning, AISTATS 2011); of tables, vectors and texts a random subset of the columns or words (Ho, The Random Subspace
Method, PAMI 1998). No annotator equals a model of the audit, so an audit of these labels is not circular.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from torch.nn import functional as F

from noisewise.bounds import whole
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.checks import SHARE, Checked
from noisewise.noise.corruption import CorruptionCard, relabel
from noisewise.noise.labels.transition import choose_exactly, pick

SLIPS = 0.02  # share of uniform guesses in every prediction, which keeps the odds finite
FEWEST, MOST = 20, 3000  # rows an annotator has seen: from 20 a class to 3,000
COLUMNS = (0.25, 0.75)  # share of the columns that an annotator sees
PATCH, PATCHES, WIDEST = 6, (8, 48), 32  # edge and number of an annotator's patches; edge of the images it sees
CELLS = 3  # averages of a patch's responses per side of the image
STRENGTH, DEPTH, NEAR = 0.1, 8, 15  # of regressions (scikit-learn's C), trees, neighbours
BLOCK_NUMBERS = 2**20  # of inputs at a time: responses to patches are 64 times as many
SMALLEST = 1e-6
View = Callable[[np.ndarray], np.ndarray]  # (m,) rows -> (m, d) float32


@dataclass(frozen=True)
class Annotators(Checked):
    """Every label is given by one of several weak classifiers that did not train on its row.

    Args:
        rate: expected share of wrong labels, in [0, 1] and below that of guessing, 1 - 1/K.
        annotators: number of annotators, from 1 to 100.
        exact: change exactly round(n rate) rows, with odds that are proportional to those of the definition.
    """

    rate: float
    annotators: int = 10
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="annotators",
        does="weak classifiers that did not train on a row label it: hard rows become a plausible class; at rate",
        paper="Gu, Masotto, Bachani, Lakshminarayanan, Nikodem and Yin, 2021",
        example="annotators:0.2",
    )
    bounds = {"rate": SHARE, "annotators": whole(1, 100)}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with the labels of the annotators.

        Raises:
            BadInput: the rate is not below 1 - 1/K, or an input is not finite.
        """
        k = len(data.classes)
        if self.rate >= 1 - 1 / k:
            raise BadInput(
                f"annotators: rate={self.rate} must lie below {1 - 1 / k:.3g}, the rate of guesses among {k} classes"
            )
        predicted = predictions(data, self.annotators, rng)
        right = predicted[np.arange(len(data)), data.given]
        if self.exact:
            leaves = choose_exactly(
                np.zeros(len(data), dtype=np.int64), np.array([self.rate]), rng, (1 - right) / right
            )
        else:
            leaves = rng.random(len(data)) < wrong_chances(right, self.rate)
        predicted[np.arange(len(data)), data.given] = 0
        return relabel(data, np.where(leaves, pick(predicted, rng.random(len(data))), data.given))


def wrong_chances(right: np.ndarray, rate: float) -> np.ndarray:
    """(n,) probabilities of a wrong label, s(-(b + logit `right`)) with the b for which their mean is `rate`.

    Args:
        right: (n,) probabilities in (0, 1) that the annotators predict for the right labels.
        rate: in [0, 1).
    """
    if rate == 0:
        return np.zeros(len(right))
    ease = logit(right)
    edge = np.abs(ease).max() + abs(logit(rate)) + 1
    return expit(-(brentq(lambda b: expit(-(b + ease)).mean() - rate, -edge, edge) + ease))


def predictions(data: Dataset, annotators: int, rng: np.random.Generator) -> np.ndarray:
    """(n, K) predictions, each row by one annotator that was trained on other rows.

    Every annotator splits the rows into random halves, and labels its rows of one half by a classifier that was trained
    on a sample of the other.

    Args:
        data: n rows, K classes.
        annotators: number of annotators.
        rng: generator of everything that is random.

    Raises:
        BadInput: an input is not finite.
    """
    n, k = len(data), len(data.classes)
    data = _small(data) if data.kind == "image" and n else data
    found = np.full((n, k), 1 / k)
    labelled_by = rng.integers(annotators, size=n)
    for annotator in range(annotators):
        half = rng.random(n) < 0.5
        for side in (half, ~half):
            rows, others = np.flatnonzero(side & (labelled_by == annotator)), rng.permutation(np.flatnonzero(~side))
            if len(rows) and len(others):
                sample = _sample(others, data.given, k, rng)
                found[rows] = _labelled(data, sample, rows, annotator, rng)
    return (1 - SLIPS) * found + SLIPS / k


def _sample(rows: np.ndarray, labels: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Rows that an annotator has seen, one of every class among them; their number is log-uniform."""
    size = np.exp(rng.uniform(np.log(FEWEST * k), np.log(max(MOST, 2 * FEWEST * k))))
    first = np.unique(labels[rows], return_index=True)[1]
    return np.union1d(rows[first], rows[: int(size)])


def _labelled(
    data: Dataset, sample: np.ndarray, rows: np.ndarray, annotator: int, rng: np.random.Generator
) -> np.ndarray:
    """(m, K) predictions for `rows` (m,) by a classifier that was trained on the rows `sample`."""
    view = _contrasts(data, sample, rng) if data.kind == "image" else _columns(data, rng)
    seen, labels = view(sample), data.given[sample]
    centre, spread = seen.mean(axis=0), seen.std(axis=0)
    if data.kind == "text":  # one scale for all words, so that rare ones stay rare
        centre, spread = np.zeros_like(centre), np.full_like(spread, seen.std())
    spread[spread < SMALLEST] = 1
    model = _model(annotator, labels, int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        model.fit((seen - centre) / spread, labels)
    found = np.zeros((len(rows), len(data.classes)))
    size = max(1, BLOCK_NUMBERS // max(1, int(np.prod(data.inputs.shape[1:]))))
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        found[block, model.classes_] = model.predict_proba((view(rows[block]) - centre) / spread)
    return found


def _model(annotator: int, labels: np.ndarray, seed: int) -> Any:
    """A regression, a tree or neighbours, in turn; a tree where the sample has one class."""
    kind = annotator % 3 if labels.min() < labels.max() else 1
    if kind == 0:
        return LogisticRegression(C=STRENGTH, max_iter=100, tol=1e-2, random_state=seed)
    if kind == 1:
        return DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=min(3, len(labels)), random_state=seed)
    return KNeighborsClassifier(min(NEAR, len(labels)), weights="distance")


def _columns(data: Dataset, rng: np.random.Generator) -> View:
    width = int(np.prod(data.inputs.shape[1:]))
    chosen = rng.permutation(width)[: max(1, round(rng.uniform(*COLUMNS) * width))]

    def view(rows: np.ndarray) -> np.ndarray:
        block = np.asarray(data.inputs[rows]).reshape(len(rows), width)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise BadInput(f"annotators need finite inputs, but row {rows[~finite][0]} has values that are not")
        return block[:, chosen].astype(np.float32) if width else np.zeros((len(rows), 1), dtype=np.float32)

    return view


def _contrasts(data: Dataset, sample: np.ndarray, rng: np.random.Generator) -> View:
    """Images as the responses to random patches of the sample, positive and negative, averaged in 3 x 3 cells."""
    count = int(np.exp(rng.uniform(*np.log(PATCHES))))
    images = _pixels(data, rng.choice(sample, count))
    height, width = (min(PATCH, edge) for edge in images.shape[2:])
    top = rng.integers(images.shape[2] - height + 1, size=count)
    left = rng.integers(images.shape[3] - width + 1, size=count)
    corners = zip(images, top, left, strict=True)
    cut = torch.stack([image[:, y : y + height, x : x + width] for image, y, x in corners])
    patches = cut - cut.mean(dim=(1, 2, 3), keepdim=True)
    patches = patches / (patches.flatten(1).norm(dim=1)[:, None, None, None] + SMALLEST)

    def view(rows: np.ndarray) -> np.ndarray:
        response = F.conv2d(_pixels(data, rows), patches)
        both = torch.cat([response.relu(), (-response).relu()], dim=1)
        return F.adaptive_avg_pool2d(both, CELLS).flatten(1).numpy()

    return view


def _pixels(data: Dataset, rows: np.ndarray) -> torch.Tensor:
    """(m, C, H, W) float32 images, from 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(data.inputs[rows])).permute(0, 3, 1, 2).float() / 255


def _small(data: Dataset) -> Dataset:
    """Images of at most 32 x 32 pixels, larger ones averaged, so that every photograph is read once."""
    edges = min(WIDEST, data.inputs.shape[1]), min(WIDEST, data.inputs.shape[2])
    if edges == data.inputs.shape[1:3]:
        return data
    size = max(1, BLOCK_NUMBERS // int(np.prod(data.inputs.shape[1:])))
    blocks = [np.arange(start, min(start + size, len(data))) for start in range(0, len(data), size)]
    pooled = [F.adaptive_avg_pool2d(_pixels(data, block), edges) for block in blocks]
    shrunk = torch.cat(pooled).mul(255).round().byte().permute(0, 2, 3, 1).contiguous()
    return replace(data, inputs=shrunk.numpy())
