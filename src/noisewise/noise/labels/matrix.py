"""Class-conditional noise from a transition matrix in a file.

T[i, j] = P(given = j | before = i), after Natarajan, Dhillon, Ravikumar and Tewari, Learning with Noisy Labels, NeurIPS
2013, for K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from noisewise.bounds import Bound
from noisewise.data.dataset import Dataset
from noisewise.data.readers.matrices import read_numbers
from noisewise.errors import BadInput
from noisewise.noise.checks import Checked
from noisewise.noise.corruption import CorruptionCard, relabel
from noisewise.noise.labels.transition import draw

TOLERANCE = 1e-6
PATH = Bound("be the path of a .npy or .csv file", lambda value: isinstance(value, str | Path))


def check_transition(matrix: np.ndarray, k: int, origin: str) -> np.ndarray:
    """The (K, K) matrix with rows that sum to 1 exactly.

    Raises:
        BadInput: another shape, a negative entry, one that is not finite, or a row whose sum is off by more than 1e-6.
    """
    if matrix.shape != (k, k):
        raise BadInput(f"{origin!r} has shape {matrix.shape}, but {k} classes need a transition matrix of ({k}, {k})")
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise BadInput(f"{origin!r} must hold probabilities, but {matrix[~(matrix >= 0) | np.isinf(matrix)][0]} occurs")
    sums = matrix.sum(axis=1, keepdims=True)
    off = np.flatnonzero(np.abs(sums - 1) > TOLERANCE)
    if len(off):
        raise BadInput(f"row {off[0]} of {origin!r} must sum to 1, but sums to {sums[off[0], 0]:.6g}")
    return matrix / sums


@dataclass(frozen=True)
class Matrix(Checked):
    """Every label is drawn from its class's row of a transition matrix.

    Args:
        file: a `.npy` or `.csv` file with K rows of K probabilities, row i for labels that are class i before.
        exact: change exactly round(n_k (1 - T[k, k])) rows of every class k.
    """

    file: str
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="matrix",
        does="each label is drawn from its class's row of a K x K transition matrix in a .npy or .csv file",
        paper="Natarajan, Dhillon, Ravikumar and Tewari, NeurIPS 2013",
        example="matrix:transition.npy",
    )
    bounds = {"file": PATH}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with given labels drawn from this transition matrix."""
        transition = check_transition(
            read_numbers(self.file, "the transition matrix"), len(data.classes), str(self.file)
        )
        return relabel(data, draw(data.given, transition, rng, self.exact))
