"""Some rows of a source for studies that compute on arrays themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.data import Dataset, load
from noisewise.errors import BadInput


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows drawn from a source, and rows of its test split.

    Attributes:
        x: (n, ...) as in the source, (n, H, W, C) uint8 for images. y: (n,) class numbers.
        test_x, test_y: the same of the test split.
        classes: their number, K.
        kind: of the source's data set.
    """

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int
    kind: str

    def targets(self, shuffled: int | None = None) -> np.ndarray:
        """(n, K) one-hot labels; with a seed `shuffled` they are permuted over the rows."""
        labels = self.y if shuffled is None else np.random.default_rng(shuffled).permutation(self.y)
        return np.eye(self.classes)[labels]

    def dataset(self, given: np.ndarray, name: str) -> Dataset:
        """The rows under given labels (n,), as a data set of that name which knows no truth; classes are numbers."""
        names = tuple(str(k) for k in range(self.classes))
        return Dataset(self.x, given, names, "image" if self.kind == "image" else "vector", name=name)


def sample(source: str, points: int, tested: int = 10_000, seed: int = 0) -> Sample:
    """`points` rows of the training split and at most `tested` of the test split, without replacement.

    Rows of a smaller sample are among those of a larger one of the same seed.

    Raises:
        BadInput: the source cannot be read, has too few rows, or has no test split.
    """
    data = load(source)
    if data.test is None:
        raise BadInput(f"source={source!r} has no test split, which this study needs")
    if points > len(data):
        raise BadInput(f"source={source!r} has {len(data)} training rows, but this study needs {points}")
    chosen = np.random.default_rng(seed).permutation(len(data))[:points]
    tests = np.random.default_rng(seed).permutation(len(data.test))[:tested]
    return Sample(
        np.asarray(data.inputs[chosen]),
        data.given[chosen],
        np.asarray(data.test.inputs[tests]),
        data.test.given[tests],
        len(data.classes),
        data.kind,
    )


def unit(x: np.ndarray) -> np.ndarray:
    """Bytes divided by 255 as float32; other numbers as float32."""
    return x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)
