"""The rows that studies train and test on: whole data sets by `draw`, and arrays by `sample`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from noisewise.data import Dataset, load, split, subset
from noisewise.data.catalogue import SOURCES
from noisewise.errors import BadInput
from noisewise.noise import corrupt as apply_corruption

HELD_OUT = 0.2


def loaded(source: str) -> Dataset:
    """The data set of a source; one with a name is read once for all runs of a process."""
    return _named(source) if source in SOURCES.own else load(source)


@lru_cache(maxsize=1)
def _named(source: str) -> Dataset:
    return load(source)


def draw(
    source: str | Dataset,
    rows: int | None,
    tested: int | None,
    corrupt: str | None,
    seed: int,
    trusted: int = 0,
    redraw: bool = False,
) -> Dataset:
    """Rows to train on, of which a corruption changes some, and rows to test on, as they are.

    By default the seed does not choose rows: seeds differ only in trusted rows, corruption, weights and order. Trusted
    rows are set aside before the others are corrupted, and therefore stay balanced under a long tail. With `redraw`
    the seed chooses the rows to train on as well, and trusted rows come from the corrupted ones, with right labels.

    Args:
        source: Of the data. 20 % of the rows are held out where it has no test split.
        rows: How many rows to train on, in addition to the trusted ones, stratified; None, or more than there are
            where no trusted rows are needed, takes all.
        tested: How many rows to test on, at most; None takes all.
        corrupt: A corruption spec; only shuffled pixels change the test rows too. None changes nothing.
        seed: Of the corruption and the trusted rows.
        trusted: How many rows with right labels to set aside, as many of each class as possible.
        redraw: Whether the seed chooses the rows.

    Raises:
        BadInput: data that cannot be read or corrupted, or has too few rows; with `redraw`, no test split.
    """
    data = loaded(source) if isinstance(source, str) else source
    if redraw:
        return _redrawn(data, rows, tested, corrupt, seed, trusted)
    if data.test is None:
        held = split(replace(data, validation=None, trusted=None), validation=HELD_OUT)
        data = replace(held, test=held.validation, validation=None)
    assert data.test is not None
    wanted = None if rows is None else rows + trusted
    if trusted and wanted is not None and wanted > len(data):
        raise BadInput(f"{data.name} has {len(data)} rows to train on, but this study needs {wanted}")
    data = replace(_at_most(data, wanted), test=_at_most(data.test, tested), validation=None, trusted=None)
    if trusted:
        data = split(vouched(data), trusted=trusted, seed=seed)
    return apply_corruption(data, corrupt, seed) if corrupt else data


def _redrawn(
    data: Dataset, rows: int | None, tested: int | None, corrupt: str | None, seed: int, trusted: int
) -> Dataset:
    if data.test is None:
        raise BadInput(f"{data.name} has no test split, which this study needs")
    if tested is not None and tested < len(data.test):
        data = replace(data, test=data.test.take(np.random.default_rng(0).permutation(len(data.test))[:tested]))
    if rows is not None:
        data = subset(data, rows + trusted, seed)
    return split(apply_corruption(data, corrupt or "symmetric:0", seed=seed), trusted=trusted, seed=seed)


def _at_most(data: Dataset, rows: int | None) -> Dataset:
    return data if rows is None or rows >= len(data) else subset(data, rows)


def vouched(data: Dataset) -> Dataset:
    """The data set, with its given labels as the truth if no truth is known."""
    return data if data.truth is not None else replace(data, truth=data.given)


def of_classes(data: Dataset, classes: list[int]) -> Dataset:
    """The rows of some classes, of both splits, with new class numbers in the order stated.

    Raises:
        BadInput: there is no such class.
    """
    if any(not 0 <= k < len(data.classes) for k in classes):
        raise BadInput(f"classes={classes!r} must be numbers below the {len(data.classes)} classes of {data.name}")
    chosen = data.take(np.flatnonzero(np.isin(data.given, classes)))
    given = np.array([classes.index(k) for k in chosen.given])
    test = None if data.test is None else of_classes(data.test, classes)
    return replace(chosen, given=given, truth=None, classes=tuple(data.classes[k] for k in classes), test=test)


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows drawn from a source, and rows of its test split.

    Attributes:
        x: (n, ...) as in the source, (n, H, W, C) uint8 for images.
        y: (n,) class numbers.
        test_x: Rows of the test split, like `x`.
        test_y: Class numbers of the test split.
        classes: Number of classes, K.
        kind: Of the source's data set.
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


def numeric(source: str) -> Dataset:
    """Load a source of images or vectors.

    Raises:
        BadInput: the source cannot be read, or is of texts.
    """
    data = loaded(source)
    if data.kind == "text":
        raise BadInput(f"source={source!r} holds texts, but this study needs rows of numbers")
    return data


def sample(source: str, points: int, tested: int = 10_000, seed: int = 0) -> Sample:
    """`points` rows of the training split and at most `tested` of the test split, without replacement.

    Rows of a smaller sample are among those of a larger one of the same seed.

    Raises:
        BadInput: the source cannot be read, is of texts, has too few rows, or has no test split.
    """
    data = numeric(source)
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
