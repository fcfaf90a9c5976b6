"""Instance-dependent noise: how likely a row is mislabelled, and as what, depends on the row.

For row i with input x_i (d,) and label y_i:

    q_i ~ N(rate, 0.1^2) truncated to [0, 1]
    W_y ~ N(0, 1), a (d, K) matrix per class y
    P(given = j | i) = q_i softmax_{j != y_i}(x_i W_{y_i})_j,   P(given = y_i | i) = 1 - q_i

Xia et al., Part-dependent Label Noise: Towards Instance-dependent Label Noise, NeurIPS 2020.

Departures. The scale of x determines how sharp the softmax is, and the paper does not specify it. Here bytes are
divided by 255, other inputs are used unchanged, and `scale` multiplies both; `scale=255` reproduces the raw bytes of
published code. At a rate of 0 or 1 the noise is absent or complete, without spread.

`rate` is the centre of the truncated normal, not its mean: near 0 or 1 the mean is closer to 1/2 (0.129 for a rate of
0.1). With `exact`, the number of changed rows is fixed and q_i only determines which rows are more likely to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, ndtri

from noisewise.data.dataset import Dataset, Inputs
from noisewise.errors import BadInput
from noisewise.noise.checks import SCALE, SHARE, Checked
from noisewise.noise.corruption import CorruptionCard, relabel
from noisewise.noise.labels.transition import choose_exactly, pick

SPREAD = 0.1
BLOCK_NUMBERS = 2**22  # 32 MiB of float64 at a time


def row_rates(rate: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) flip probabilities q_i: normal with centre `rate` and standard deviation 0.1, truncated to [0, 1]."""
    uniform = rng.random(n)
    if rate in (0, 1):
        return np.full(n, float(rate))
    low, high = ndtr(-rate / SPREAD), ndtr((1 - rate) / SPREAD)
    return np.clip(rate + SPREAD * ndtri(low + uniform * (high - low)), 0, 1)


def instance_labels(
    inputs: Inputs, labels: np.ndarray, leaves: np.ndarray, k: int, scale: float, rng: np.random.Generator
) -> np.ndarray:
    """(n,) labels: rows that change their class draw the new one from softmax(x_i W_{y_i}) over the other classes.

    Only one class's W and one block of rows are in memory at a time.

    Args:
        inputs: n rows of any shape, d numbers each; an array or a lazy reader.
        labels: (n,) classes before the corruption.
        leaves: (n,) bool, whether a row changes its class.
        k: number of classes.
        scale: factor of the inputs.
        rng: generator of the (K, d, K) matrices W and of the draws.

    Raises:
        BadInput: an input is not finite.
    """
    where, result = rng.random(len(labels)), labels.copy()
    d = int(np.prod(inputs.shape[1:]))
    for label in range(k):
        matrix = rng.standard_normal((d, k))
        for rows in _blocks(np.flatnonzero(leaves & (labels == label)), d):
            scores = _vectors(inputs, rows) @ (scale * matrix)
            result[rows] = pick(_softmax_of_others(scores, label), where[rows])
    return result


@dataclass(frozen=True)
class Instance(Checked):
    """Every label changes with a probability, and to a class, that depend on the row's input.

    Args:
        rate: in [0, 1], the centre of the distribution of the rows' probabilities.
        scale: factor of the inputs (bytes divided by 255); the larger, the closer to one wrong class per row.
        exact: change exactly round(n_k rate) rows of every class k.
    """

    rate: float
    scale: float = 1.0
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="instance",
        does="each label becomes a class that the row's features favour, with a probability per row around rate",
        paper="Xia et al., NeurIPS 2020",
        example="instance:0.4",
    )
    bounds = {"rate": SHARE, "scale": SCALE}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with instance-dependent noise in its given labels."""
        k = len(data.classes)
        rates = row_rates(self.rate, len(data), rng)
        if self.exact:
            leaves = choose_exactly(data.given, np.full(k, self.rate), rng, rates)
        else:
            leaves = rng.random(len(data)) < rates
        return relabel(data, instance_labels(data.inputs, data.given, leaves, k, self.scale, rng))


def _blocks(rows: np.ndarray, d: int) -> Iterator[np.ndarray]:
    size = max(1, BLOCK_NUMBERS // max(d, 1))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _vectors(inputs: Inputs, rows: np.ndarray) -> np.ndarray:
    block = np.asarray(inputs[rows]).reshape(len(rows), int(np.prod(inputs.shape[1:])))
    vectors = block.astype(float) / (255 if block.dtype == np.uint8 else 1)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise BadInput(f"instance noise needs finite inputs, but row {rows[~finite][0]} has values that are not")
    return vectors


def _softmax_of_others(scores: np.ndarray, label: int) -> np.ndarray:
    scores[:, label] = -np.inf
    return np.exp(scores - scores.max(axis=1, keepdims=True))
