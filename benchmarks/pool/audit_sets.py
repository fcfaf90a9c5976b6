"""The data sets on which constants of the audit are chosen, none of which the audit is shown on afterwards.

Sets of scikit-learn and made ones need nothing. `export_tables.R` in this folder writes the tables. Images are found
as `noisewise.load` finds them; only the second half of their training rows is used, the first half is for showing.
Texts are CSV files with columns text and label:

- questions: TREC questions, six types (Li and Roth, Learning Question Classifiers, COLING 2002)
- reviews: sentences on products (Hu and Liu, Mining and Summarizing Customer Reviews, KDD 2004)
- subjective: subjective and objective sentences on films (Pang and Lee, A Sentimental Education, ACL 2004)

all three as in the folder `data` of https://github.com/harvardnlp/sent-conv-torch, at most 3,000 rows, without copies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris, make_classification, make_friedman1

from noisewise.data import load
from noisewise.data.dataset import Dataset

ROWS = 2000
TABLES = ("pima", "vehicle", "ionosphere", "letters", "satellite", "vowel", "soybean", "dna")
TEXTS = ("questions", "reviews", "subjective")
IMAGES = ("mnist", "fashion-mnist", "cifar10")


def pool(tables: Path, texts: Path, rows: int = ROWS) -> dict[str, Callable[[], Dataset]]:
    """A function that makes the data set, by name; a larger set is cut to random rows."""
    made: dict[str, Callable[[], Dataset]] = {
        "iris": _iris,
        "digits": partial(load, "digits"),
        "friedman": _friedman,
        "overlapping": partial(_classification, "overlapping", 1200, 8, 2, 0.7),
        "clusters": partial(_classification, "clusters", 1500, 12, 5, 1.5),
    }
    made |= {name: partial(load, tables / f"{name}.csv") for name in TABLES}
    made |= {name: partial(load, texts / f"{name}.csv") for name in TEXTS}
    made |= {name: partial(_second_half, name) for name in IMAGES}
    return {name: partial(_cut, make, name, rows) for name, make in made.items()}


def _cut(make: Callable[[], Dataset], name: str, rows: int) -> Dataset:
    data = make()
    kept = np.sort(np.random.default_rng(0).permutation(len(data))[:rows])
    return replace(data.take(kept), test=None, index=np.arange(len(kept)), name=name, provenance=())


def _second_half(name: str) -> Dataset:
    data = load(name)
    return data.take(np.arange(len(data) // 2, len(data)))


def _iris() -> Dataset:
    flowers = load_iris()
    return Dataset(_scaled(flowers.data), flowers.target, tuple(map(str, flowers.target_names)))


def _friedman() -> Dataset:
    """Three classes by the terciles of Friedman's first function with noise, ten columns of which five matter."""
    inputs, values = make_friedman1(1200, noise=1.5, random_state=0)
    return Dataset(_scaled(inputs), np.digitize(values, np.quantile(values, [1 / 3, 2 / 3])), ("low", "mid", "high"))


def _classification(name: str, n: int, d: int, k: int, apart: float) -> Dataset:
    inputs, labels = make_classification(
        n, d, n_informative=d - 2, n_redundant=0, n_classes=k, class_sep=apart, flip_y=0, random_state=len(name)
    )
    return Dataset(_scaled(inputs), labels, tuple(f"c{label}" for label in range(k)))


def _scaled(inputs: np.ndarray) -> np.ndarray:
    return ((inputs - inputs.mean(axis=0)) / inputs.std(axis=0)).astype(np.float32)
