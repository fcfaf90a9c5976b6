"""Which scaling of numbers, which weight of words beside numbers, and how many directions of words predict best.

Held-out log loss of given labels, a tenth of which are wrong, on data sets of the pool (see `audit_sets`).

    python benchmarks/pool/choose_columns.py --tables TABLES --texts TEXTS
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import norm, rankdata
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from noisewise.data.columns.numbers import scaled
from noisewise.data.columns.words import word_weights

ROWS, NOISE, SEED = 900, 0.1, 0
TABLES = ("pima", "vehicle", "ionosphere", "letters", "satellite", "vowel")
TEXTS = ("questions", "reviews", "subjective")
MODELS: dict[str, Any] = {
    "regression": LogisticRegression(C=0.3, max_iter=300),
    "neighbours": KNeighborsClassifier(15),
    "forest": ExtraTreesClassifier(200, min_samples_leaf=3, random_state=0),
}


def standard(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1."""
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)


def ranks(values: np.ndarray) -> np.ndarray:
    """Standardised ranks of each column."""
    return standard(np.apply_along_axis(rankdata, 0, values))


def normal(values: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks of each column."""
    return standard(norm.ppf((np.apply_along_axis(rankdata, 0, values) - 0.5) / len(values)))


SCALINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "standard": standard,
    "scaled": scaled,
    "normal": normal,
    "ranks": ranks,
}


def loss(model: Any, rows: Any, labels: np.ndarray) -> float:
    """Log loss of five-fold predictions of the labels."""
    cut = StratifiedKFold(5, shuffle=True, random_state=SEED)
    found = np.clip(cross_val_predict(model, rows, labels, cv=cut, method="predict_proba"), 1e-3, 1)
    return float(log_loss(labels, found / found.sum(axis=1, keepdims=True)))


def drawn(path: Path, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """At most 900 rows, their classes, and labels of which a tenth are wrong."""
    frame = pd.read_csv(path)
    frame = frame.sample(min(ROWS, len(frame)), random_state=SEED)
    truth = pd.factorize(frame.pop("label"))[0]
    wrong = rng.random(len(truth)) < NOISE
    return (
        frame,
        truth,
        np.where(wrong, (truth + rng.integers(1, truth.max() + 1, len(truth))) % (truth.max() + 1), truth),
    )


def choose_scaling(folder: Path) -> pd.DataFrame:
    """Loss by model and scaling, for each table as it is and with the exponential of its standardised columns."""
    rows = []
    for name in TABLES:
        frame, _, labels = drawn(folder / f"{name}.csv", np.random.default_rng(SEED))
        plain = frame.fillna(frame.median()).to_numpy(dtype=float)
        for shown, values in ((name, plain), (f"exp {name}", np.exp(2 * standard(plain)))):
            found = {(m, s): loss(MODELS[m], SCALINGS[s](values), labels) for m in MODELS for s in SCALINGS}
            rows.append(pd.Series(found, name=shown))
    return pd.DataFrame(rows)


def choose_words(folder: Path) -> pd.DataFrame:
    """Loss by length of a row of words, and by number of directions, beside six columns two of which tell something."""
    rows = []
    for name in TEXTS:
        rng = np.random.default_rng(SEED)
        frame, truth, labels = drawn(folder / f"{name}.csv", rng)
        numbers = rng.normal(size=(len(labels), 6))
        numbers[:, 0] += 0.7 * (truth == 0)
        numbers[:, 1] += 0.7 * (truth == 1)
        texts = frame["text"].tolist()
        words, single = word_weights(texts), word_weights(texts, pairs=False)
        found = {("numbers alone", "regression"): loss(MODELS["regression"], numbers, labels)}
        for length in (1, 2, 3, 4, 5, 6, 9):
            both = sparse.hstack([numbers, length * words], format="csr")
            found["length of words", str(length)] = loss(MODELS["regression"], both, labels)
        for count in (8, 16, 32, 64, 128):
            some = TruncatedSVD(count, random_state=0).fit_transform(single)
            found["directions", str(count)] = loss(MODELS["forest"], np.hstack([numbers, some]), labels)
        rows.append(pd.Series(found, name=name))
    return pd.DataFrame(rows)


def main() -> None:
    """Print both tables, with their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for found in (choose_scaling(arguments.tables), choose_words(arguments.texts)):
        print(pd.concat([found, found.mean().rename("mean").to_frame().T]).T.round(3).to_string(), "\n")


if __name__ == "__main__":
    main()
