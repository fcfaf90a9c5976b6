"""Tasks for choosing estimators of the audit: data sets with known noise, and predictions by models of any strength.

A task is a data set of `audit_sets.pool` with one draw of noise. Its file, SET-KIND-RATE-SEED.npz in the folder
`--out`, holds

    set, kind, rate, seed   what was drawn; rate is the nominal one
    given, truth, K         (n,), (n,), and the number of classes
    probs_MODEL             (n, K) float32, out-of-fold probabilities by five folds
    half_MODEL              the same by models trained on a random half of each fold's training rows
    guess                   (K,) shares of the classes in the given labels
    network_STATISTIC       (n,) or (n, K), in-training statistics of `--models network` (see `Evidence.ledger`)

Finished parts are kept: run again, it adds the models that a file lacks. The model `network` is a small network,
`audit` the evidence of the default audit as it is now; both take longer and are made where asked for.

    NOISEWISE_DATA=... python benchmarks/pool/audit_tasks.py --tables TABLES --texts TEXTS --out TASKS
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from audit_sets import IMAGES, pool
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier

import noisewise as nw
from noisewise.auditing.gathering.gather import gather
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.rows.visual_features import visual_features
from noisewise.data import folds
from noisewise.data.dataset import Dataset
from noisewise.data.embeddings import embed
from noisewise.data.texts import documents
from noisewise.files import whole
from noisewise.models import DEFAULTS

FOLDS = 5
RATES = {
    "none": (0.0,),
    "symmetric": (0.05, 0.1, 0.2, 0.4),
    "annotators": (0.05, 0.1, 0.2, 0.4),
    "pair": (0.1, 0.3),  # more than two classes
    "asymmetric": (0.3,),  # images, whose confusions are published
    "instance": (0.1, 0.3),
}
Model = tuple[str, Any]  # name of the features, classifier


@dataclass(frozen=True)
class Task:
    """A data set with one draw of noise."""

    set: str
    kind: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        return f"{self.set}-{self.kind}-{self.rate:g}-{self.seed}"

    def apply(self, data: Dataset) -> Dataset:
        """The data with the noise; its truth is its labels before."""
        if self.kind == "none":
            return nw.corrupt(data, "symmetric:0", self.seed)
        return nw.corrupt(data, f"{self.kind}:{self.rate}", self.seed)


def tasks(sets: Sequence[str], two: Sequence[str], seeds: int = 1) -> Iterator[Task]:
    """All tasks, so ordered that the first ones have every set, the next ones again.

    Args:
        sets: names of the data sets.
        two: those with two classes, where pair noise is symmetric noise.
        seeds: draws of every kind and rate.
    """
    kinds = [(kind, rate) for kind, rates in RATES.items() for rate in rates]
    order = np.random.default_rng(0).permutation(len(kinds))
    for seed in range(seeds):
        for turn in range(len(kinds)):
            for at, name in enumerate(sets):
                kind, rate = kinds[order[(turn + 3 * at) % len(kinds)]]
                if (kind == "pair" and name in two) or (kind == "asymmetric" and name not in IMAGES):
                    continue
                yield Task(name, kind, rate, seed)


def features(data: Dataset) -> dict[str, Any]:
    """The features of a data set by name: `all`, and `few`, on which a model is weak."""
    rng = np.random.default_rng(1)
    if data.kind == "text":
        vectoriser = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, dtype=np.float32)
        words = vectoriser.fit_transform(documents(data.inputs)).tocsr()
        common = np.argsort(-np.asarray((words > 0).sum(axis=0)).ravel())[:100]
        return {"all": words, "few": words[:, common]}
    if data.kind == "image":
        pixels = np.asarray(data.inputs[:]).reshape(len(data), -1).astype(np.float32) / 255
        few = PCA(8, random_state=0).fit_transform(pixels)
        parts = {"all": visual_features(data), "few": few, "embedded": embed(data)}
        return {name: _standard(part) for name, part in parts.items()}
    columns = np.asarray(data.inputs[:], dtype=np.float32).reshape(len(data), -1)
    few = rng.permutation(columns.shape[1])[: max(1, round(columns.shape[1] / 4))]
    return {"all": _standard(columns), "few": _standard(columns[:, few])}


def models(data: Dataset) -> dict[str, Model]:
    """The models of a data set by name, each with the name of its features."""

    def regression(strength: float) -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=200, tol=1e-3)

    if data.kind == "text":
        return {
            "weak": ("few", regression(0.3)),
            "linear": ("all", regression(2.0)),
            "bayes": ("all", MultinomialNB(alpha=0.5)),
        }
    found: dict[str, Model] = {
        "weak": ("few", regression(0.3)),
        "linear": ("all", regression(0.01 if data.kind == "image" else 0.3)),
        "forest": ("all", ExtraTreesClassifier(100, min_samples_leaf=3, random_state=0)),
        "neighbours": ("all", KNeighborsClassifier(15, weights="distance")),
    }
    return found | ({"embedding": ("embedded", regression(0.001))} if data.kind == "image" else {})


def out_of_fold(model: Any, rows: Any, labels: np.ndarray, k: int, seed: int, share: float = 1.0) -> np.ndarray:
    """(n, K) float32 probabilities by models that did not train on the row.

    Args:
        model: a classifier of scikit-learn.
        rows: (n, d) features.
        labels: (n,) given labels.
        k: number of classes.
        seed: seed of the folds, and of the part.
        share: share of each fold's training rows that is used.
    """
    numbers = folds(labels, FOLDS, seed)
    used = np.random.default_rng(seed).random(len(labels)) < share
    found = np.zeros((len(labels), k), dtype=np.float32)
    for fold in range(FOLDS):
        train, held = np.flatnonzero((numbers != fold) & used), np.flatnonzero(numbers == fold)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
            model.fit(rows[train], labels[train])
        found[np.ix_(held, model.classes_)] = model.predict_proba(rows[held])
    return found


def gathered(name: str, data: Dataset, seed: int) -> dict[str, np.ndarray]:
    """The parts of a file that an audit's evidence fills.

    Args:
        name: "network", which cross-fits small networks, or "audit", the default audit.
        data: n rows, without truth.
        seed: random seed.
    """
    asked: dict[str, Any] = {"model": DEFAULTS[data.kind]} if name == "network" else {}
    evidence = gather(data, AuditPlan.of(data.name, {"seed": seed, **asked}))
    assert evidence.probabilities is not None
    parts = {f"probs_{name}": evidence.probabilities.astype(np.float32)}
    for statistic, values in (evidence.ledger or {}).items():
        parts[f"{name}_{statistic}"] = values.astype(np.float32)
    return parts


def complete(task: Task, data: Dataset, seen: dict[str, Any], path: Path, wanted: Sequence[str]) -> list[str]:
    """Make the task's file, or add to it what it lacks; return the names of the models that were added."""
    held: dict[str, Any] = dict(np.load(path)) if path.exists() else {}
    k = len(data.classes)
    if not held:
        noisy = task.apply(data)
        assert noisy.truth is not None
        held = {"set": task.set, "kind": task.kind, "rate": task.rate, "seed": task.seed, "K": k}
        held |= {"given": noisy.given.astype(np.int16), "truth": noisy.truth.astype(np.int16)}
        held["guess"] = np.bincount(noisy.given, minlength=k) / len(data)
    labels = np.asarray(held["given"], dtype=np.int64)
    simple = models(data)
    added = [name for name in wanted or simple if f"probs_{name}" not in held and name in (*simple, "network", "audit")]
    for name in added:
        if name in simple:
            which, model = simple[name]
            held[f"probs_{name}"] = out_of_fold(model, seen[which], labels, k, task.seed)
            held[f"half_{name}"] = out_of_fold(model, seen[which], labels, k, task.seed, 0.5)
        else:
            held |= gathered(name, data.with_labels(labels, {}).blind(), task.seed)
    if added:
        with whole(path) as part, open(part, "wb") as file:
            np.savez_compressed(file, **held)
    return added


def _standard(columns: np.ndarray) -> np.ndarray:
    spread = columns.std(axis=0)
    scaled: np.ndarray = ((columns - columns.mean(axis=0)) / np.where(spread > 1e-6, spread, 1)).astype(np.float32)
    return scaled


def main() -> None:
    """Make the tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the tasks")
    parser.add_argument("--tables", type=Path, required=True, help="folder with NAME.csv of the tables")
    parser.add_argument("--texts", type=Path, required=True, help="folder with NAME.csv of the texts")
    parser.add_argument("--sets", nargs="*", default=[], help="only these data sets")
    parser.add_argument("--models", nargs="*", default=[], help="only these models")
    parser.add_argument("--seeds", type=int, default=1, help="draws of every kind and rate")
    parser.add_argument("--limit", type=int, default=10**6, help="only so many tasks")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made: dict[str, Callable[[], Dataset]] = pool(options.tables, options.texts)
    data = {name: make() for name, make in made.items() if not options.sets or name in options.sets}
    seen = {name: features(rows) for name, rows in data.items()}
    two = [name for name, rows in data.items() if len(rows.classes) == 2]
    start = time.process_time()
    for at, task in enumerate(tasks(list(data), two, options.seeds)):
        if at == options.limit:
            break
        added = complete(task, data[task.set], seen[task.set], options.out / f"{task.name}.npz", options.models)
        print(f"{at} {task.name} {' '.join(added)} {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
