"""CleanLearner beside the plain classifier and cleanlab's CleanLearning, on tables that nothing was chosen on.

    python benchmarks/estimators/clean_learner.py --tables TABLES --work WORK --seeds 2 --out docs/results/clean-learner

TABLES holds the CSV files that `benchmarks/pool/export_tables.R` writes. Every training is a line of WORK/rows.jsonl;
lines that are there are not computed again.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from cleanlab.classification import CleanLearning
from scipy.stats import t as student
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from noisewise import CleanLearner, Dataset, corrupt
from noisewise.files import whole

SHOWN = ("glass", "sonar", "votes", "shuttle", "spam", "musk", "income", "breast_wisconsin", "wine", "breast_cancer")
NOISES = ("none", "symmetric:0.2", "pair:0.3", "pair:0.4", "annotators:0.2")
CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "LogisticRegression": lambda seed: LogisticRegression(max_iter=1000),
    "RandomForest": lambda seed: RandomForestClassifier(random_state=seed),
    "HistGradientBoosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}
ARMS = ("plain", "cleanlab", "CleanLearner")
TRAINED, TESTED = 400, 1000  # rows at most
FEWEST = 6  # rows of a class
SURE = 0.95
HEAD = """\
# CleanLearner on tables that nothing was chosen on

    python benchmarks/estimators/clean_learner.py --tables TABLES --work WORK --seeds {seeds} \\
        --out docs/results/clean-learner

Test accuracy in percent, on held-out rows whose labels are right. A set is cut to at most {trained} training rows (two
thirds) and {tested} test rows, drawn anew for every seed; classes with fewer than {fewest} of these rows are left out.
Noise is injected into the training labels; `annotators` imitates people. Categories are one column each, missing
numbers the median; for the regression columns are standardised. All classifiers have scikit-learn's defaults (the
regression 1,000 iterations). *cleanlab* is `CleanLearning` of cleanlab {version} with its defaults, *CleanLearner*
`noisewise.CleanLearner` with its own. Both only see the given labels.

Differences are paired: the mean over the sets of the mean over the seeds, with a {sure} % t interval over the sets.
The design was chosen on other sets ({pool});
these {count} ({names}) were computed once.
"""
POOL = "pima, vehicle, ionosphere, satellite, vowel, dna and digits"


def arrays(name: str, tables: Path) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) columns and (n,) class numbers of a set."""
    if name in ("wine", "breast_cancer"):
        made = getattr(datasets, f"load_{name}")()
        return made.data, made.target
    frame = pd.read_csv(tables / f"{name}.csv").dropna(subset="label").reset_index(drop=True)
    labels = frame.pop("label").astype(str).factorize(sort=True)[0]
    columns = pd.get_dummies(frame).astype(float)
    return columns.fillna(columns.median()).to_numpy(), labels


def drawn(name: str, tables: Path, seed: int) -> tuple[np.ndarray, ...]:
    """Training columns and labels, test columns and labels."""
    columns, labels = arrays(name, tables)
    order = np.random.default_rng(seed).permutation(len(labels))
    trained = min(TRAINED, 2 * len(labels) // 3)
    order = order[: trained + TESTED]
    kept = np.isin(labels[order], np.flatnonzero(np.bincount(labels[order]) >= FEWEST))
    train, test = order[:trained][kept[:trained]], order[trained:][kept[trained:]]
    numbers = np.unique(labels[order][kept], return_inverse=True)[1]
    return columns[train], numbers[: len(train)], columns[test], numbers[len(train) :]


def noisy(columns: np.ndarray, labels: np.ndarray, noise: str, seed: int) -> np.ndarray:
    """(n,) given labels."""
    if noise == "none":
        return labels
    names = tuple(str(number) for number in range(int(labels.max()) + 1))
    data = Dataset(columns.astype(np.float32), labels.astype(np.int64), names, kind="vector", name="table")
    return corrupt(data, noise, seed=seed).given


def measured(name: str, noise: str, kind: str, seed: int, tables: Path) -> dict[str, Any]:
    """The accuracies of the three arms, their seconds, and the noise rate."""
    columns, labels, held, truth = drawn(name, tables, seed)
    given = noisy(columns, labels, noise, seed)
    if kind == "LogisticRegression":
        scaler = StandardScaler().fit(columns)
        columns, held = scaler.transform(columns), scaler.transform(held)
    model = CLASSIFIERS[kind](seed)
    arms: dict[str, Any] = {
        "plain": model,
        "cleanlab": CleanLearning(CLASSIFIERS[kind](seed), seed=seed, find_label_issues_kwargs={"n_jobs": 1}),
        "CleanLearner": CleanLearner(CLASSIFIERS[kind](seed), random_state=seed),
    }
    found: dict[str, Any] = {"set": name, "noise": noise, "classifier": kind, "seed": seed, "rows": len(given)}
    for arm, learner in arms.items():
        started = process_time()
        try:
            learner.fit(columns, given)
        except ValueError as error:  # cleanlab refuses some labels, such as those of which a class is too rare
            found[f"{arm} refused"] = str(error).splitlines()[0]
            continue
        found[f"{arm} seconds"] = process_time() - started
        found[arm] = float((learner.predict(held) == truth).mean())
    ours = arms["CleanLearner"]
    low, high = ours.noise_rate_interval_
    return found | {
        "wrong": float((given != labels).mean()),
        "rate": ours.noise_rate_,
        "low": low,
        "high": high,
        "as given": bool(ours.plain_),
    }


def rows(sets: list[str], tables: Path, work: Path, seeds: int) -> list[dict[str, Any]]:
    """All measurements; those that are missing are made and appended to the file."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / "rows.jsonl"
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(r["set"], r["noise"], r["classifier"], r["seed"]) for r in known}
    for seed in range(seeds):
        for name in sets:
            for noise in NOISES:
                for kind in CLASSIFIERS:
                    if (name, noise, kind, seed) not in done:
                        known.append(measured(name, noise, kind, seed, tables))
                        with file.open("a") as out:
                            out.write(json.dumps(known[-1]) + "\n")
    return [row for row in known if row["seed"] < seeds and row["set"] in sets]


def difference(part: pd.DataFrame, of: str, to: str) -> str:
    """The paired difference of two arms in points, with its interval over the sets."""
    by_set = (100 * (part[of] - part[to])).groupby(part["set"]).mean().dropna()
    mean, n = by_set.mean(), len(by_set)
    if n < 2:
        return f"{mean:+.1f}"
    half = student.ppf((1 + SURE) / 2, n - 1) * by_set.std() / np.sqrt(n)
    return f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"


def summary(frame: pd.DataFrame, by: list[str]) -> Iterator[list[str]]:
    """A line per group: accuracies of the arms, and the differences."""
    for key, part in frame.groupby(by, sort=False):
        means = [f"{100 * part[arm].groupby(part['set']).mean().mean():.1f}" for arm in ARMS]
        gains = [difference(part, "CleanLearner", other) for other in ("plain", "cleanlab")]
        yield [*map(str, key), *means, *gains]


def page(found: list[dict[str, Any]], seeds: int) -> str:
    """The page, in Markdown."""
    import cleanlab

    frame = pd.DataFrame(found)
    head = HEAD.format(
        seeds=seeds,
        trained=TRAINED,
        tested=TESTED,
        fewest=FEWEST,
        version=cleanlab.__version__,
        sure=round(100 * SURE),
        pool=POOL,
        count=frame["set"].nunique(),
        names=", ".join(SHOWN),
    )
    gains = ["CleanLearner − plain", "CleanLearner − cleanlab"]
    everything = frame.assign(all="all")
    noised = everything[everything["noise"] != "none"].assign(all="with noise")
    clean = everything[everything["noise"] == "none"].assign(all="without noise")
    short = [line for part in (noised, clean) for line in summary(part, ["all", "classifier"])]
    short += [
        line for part in (noised, clean) for line in summary(part.assign(classifier="all three"), ["all", "classifier"])
    ]
    pieces = [head, "## In short\n", table(["labels", "classifier", *ARMS, *gains], short)]
    pieces += ["\n## By kind of noise\n"]
    pieces += [table(["classifier", "noise", *ARMS, *gains], list(summary(frame, ["classifier", "noise"])))]
    pieces += ["\n## By set\n", "Means over seeds and kinds of noise; *none* apart.\n"]
    kinds = frame.assign(labels=np.where(frame["noise"] == "none", "none", "with noise"))
    lines = []
    for key, part in kinds.sort_values(["set", "labels"]).groupby(["set", "labels"], sort=False):
        lines.append([*map(str, key), *(f"{100 * part[arm].mean():.1f}" for arm in ARMS)])
    pieces += [table(["set", "noise", *ARMS], lines), "\n## Rate, time and refusals\n", remarks(frame)]
    return "\n".join(pieces) + "\n"


def remarks(frame: pd.DataFrame) -> str:
    """What else was measured, in sentences."""
    inside = ((frame["low"] <= frame["wrong"]) & (frame["wrong"] <= frame["high"])).mean()
    off = 100 * (frame["rate"] - frame["wrong"]).abs().mean()
    times = {arm: frame[f"{arm} seconds"].median() for arm in ARMS}
    given = frame.groupby(frame["noise"] == "none")["as given"].mean()
    refused = int(frame["cleanlab"].isna().sum())
    return (
        f"The 90 % interval of the noise rate held the true rate in {100 * inside:.0f} % of the {len(frame)} "
        f"trainings; the estimate was {off:.1f} points off on average. Median processor seconds of a fit: "
        + ", ".join(f"{arm} {seconds:.2f}" for arm, seconds in times.items())
        + f". CleanLearner left the labels as given in {100 * given.get(True, 0):.0f} % of the trainings without noise "
        f"and {100 * given.get(False, 0):.0f} % of those with noise. cleanlab refused {refused} trainings."
    )


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SHOWN), choices=SHOWN)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    found = rows(chosen.sets, chosen.tables, chosen.work, chosen.seeds)
    with whole(chosen.out.with_suffix(".md")) as path:
        path.write_text(page(found, chosen.seeds))
    with whole(chosen.out.with_suffix(".csv")) as path:
        pd.DataFrame(found).to_csv(path, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
