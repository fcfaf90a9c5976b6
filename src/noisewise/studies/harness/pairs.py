"""Two classes of a source as points of length one with labels of plus and minus one, for studies of wide networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.errors import BadInput
from noisewise.studies.harness.data import numeric, unit
from noisewise.theory.wide import distinct, unit_rows


@dataclass(frozen=True, eq=False)
class Pair:
    """Rows of the first two classes of a source.

    Attributes:
        x: (n, d) float64, of length one, without near-duplicates.
        y: (n,) 1 for the first class and -1 for the second.
        held: (m, d) further rows that are not among x.
        dropped: near-duplicates that were left out of x.
        shape: of one row in the source, (H, W, C) or (d,).
    """

    x: np.ndarray
    y: np.ndarray
    held: np.ndarray
    dropped: int
    shape: tuple[int, ...]

    def random(self, seed: int) -> np.ndarray:
        """(n,) random signs in the place of the labels, either with probability one half."""
        return np.random.default_rng([seed, 1]).choice([-1.0, 1.0], size=len(self.y))


def pair(source: str, points: int, held: int = 0, seed: int = 0) -> Pair:
    """Draw `points` rows, minus near-duplicates, and `held` others, of the first two classes of the training split.

    Raises:
        BadInput: the source cannot be read, is of texts, or has too few rows of its first two classes.
    """
    data = numeric(source)
    rows = np.flatnonzero(data.given < 2)
    if points + held > len(rows):
        have = f"has {len(rows)} training rows of its first two classes"
        raise BadInput(f"source={source!r} {have}, but this study needs {points + held}")
    chosen = np.random.default_rng(seed).permutation(rows)[: points + held]
    x = unit_rows(unit(np.asarray(data.inputs[chosen])))
    kept = distinct(x[:points])
    y = np.where(data.given[chosen[kept]] == 0, 1.0, -1.0)
    return Pair(x[kept], y, x[points:], points - len(kept), tuple(data.inputs.shape[1:]))
