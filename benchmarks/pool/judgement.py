"""Chooses the constants of the judgement on tasks with known noise, and measures them on data sets left out.

A task is a data set with known wrong labels, a kind of noise and its rate, and out-of-fold probabilities of several
models (see `benchmarks/pool/audit_tasks.py`). Whatever is chosen is chosen once more without the tasks of each data
set, and measured on these.

    python benchmarks/pool/audit_tasks.py --tables TABLES --texts TEXTS --out FOLDER
    python benchmarks/pool/judgement.py --tasks FOLDER --out docs/results/judgement.md
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import judgement_page as page
import numpy as np
import pandas as pd
from cleanlab.count import num_label_issues
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack, identity
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score

from noisewise.auditing.detectors.predictions.confident_learning import noise_rate
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.reading import margins
from noisewise.auditing.metrics import best_f1
from noisewise.judgement import constants
from noisewise.judgement import signs as signs_module
from noisewise.judgement.calibration import tempered
from noisewise.judgement.margins import Margins
from noisewise.judgement.rate import NORMAL_90, sampling_error
from noisewise.judgement.signs import measure
from noisewise.judgement.suspicion import calibrating_power, shift_to_mean
from noisewise.judgement.threshold import best_threshold

SHARES, WEIGHTS = (0.1, 0.3, 0.5), (0.0, 0.25, 0.5, 0.75, 1.0)
HELD_OUT_PARTS = (0.0, 0.2, 0.35, 0.5, 0.7, 1.0)
OTHERS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
STEEPNESSES, FLOORS, SHARPENINGS = (2.8, 4.0, 5.6, 8.0), (0.03, 0.1, 0.3), (0.0, 0.5, 1.0)
POWERS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
ENOUGH = 50  # wrong rows from which a ranking is measured
MOST_ROWS = 2000  # of a task, by which suspicions are calibrated
FURTHER = 0.03  # 99 % of the rates are at most so much further from the truth than cleanlab's
TAIL = 0.04  # of the evidence may lie beyond each end of the interval, so that nine in ten of new data sets do not
BEST = 4  # how much the best evidence of a task counts, compared with any other
KNOWN: dict[tuple[Any, ...], float] = {}  # losses of tasks, which many choices share


def read(path: Path) -> Iterator[dict[str, Any]]:
    """What the benchmark needs of each evidence of a task."""
    with np.load(path) as file:
        task = {name: file[name] for name in file.files}
    given, truth = task["given"].astype(int), task["truth"].astype(int)
    wrong = given != truth
    for model in (name[6:] for name in task if name.startswith("probs_")):
        table = np.maximum(task[f"probs_{model}"].astype(float), 0)
        table[table.sum(axis=1) <= 0] = 1
        table /= table.sum(axis=1, keepdims=True)
        known = margins(Evidence(given, table.shape[1], probabilities=table))
        found: dict[str, Any] = measured(table, given, known)
        found |= {"set": str(task["set"]), "kind": str(task["kind"]), "task": path.stem, "model": model}
        found["power"] = calibrating_power(known, table.shape[1])
        found |= {"true": wrong.mean(), "wrong": wrong.sum(), "rows": len(given), "classes": table.shape[1]}
        half = task.get(f"half_{model}")
        found["extrapolated"] = (
            found["disagreement"] if half is None else extrapolated(found["disagreement"], half, given)
        )
        if wrong.sum() >= ENOUGH:
            found |= ranked(table, given, known, wrong, task.get(f"{model}_probability_mean"))
        keep = np.random.default_rng(0).permutation(len(given))[:MOST_ROWS]
        rows = Margins(known.given[keep], known.other[keep], known.best_other[keep])
        yield found | {"margins": rows, "is_wrong": wrong[keep], "right": known.best_other[keep] == truth[keep]}


def measured(table: np.ndarray, given: np.ndarray, known: Margins) -> dict[str, Any]:
    """The signs, and the estimates of the rate that are compared."""
    found: dict[str, Any] = {}
    for share in SHARES:
        signs_module.ANCHOR_SHARE = share
        found[f"anchors {share:.0%}"] = measure(table, given, known).anchors
    signs_module.ANCHOR_SHARE = constants.ANCHOR_SHARE
    signs = measure(table, given, known)
    rows, calibrated = np.arange(len(given)), tempered(table, given)
    log_loss, shares = -np.log(np.maximum(calibrated[rows, given], 1e-6)).mean(), np.bincount(given) / len(given)
    try:
        theirs = num_label_issues(given, table, estimation_method="off_diagonal") / len(given)
    except ValueError:  # a class without rows
        theirs = signs.confident
    return found | {
        "signs": signs,
        "confident learning": signs.confident,
        "cleanlab": theirs,
        "confident learning, calibrated": noise_rate(table, given),
        "disagreement": signs.disagreement,
        "ignorance": signs.ignorance,
        "1 - self-confidence": float(1 - table[rows, given].mean()),
        "two margins": two_margins(np.log(known.given + 1e-3) - np.log(known.other + 1e-3)),
        "skill": 1 + log_loss / (shares[shares > 0] @ np.log(shares[shares > 0])),
        "log loss": log_loss,
    }


def extrapolated(full: float, half: np.ndarray, given: np.ndarray) -> float:
    """Disagreement with infinitely many rows, if what more rows improve falls as one over the root of their number."""
    before = float((half.argmax(axis=1) != given).mean())
    return float(np.clip(full - (before - full) / (np.sqrt(2) - 1), 0, 1))


def two_margins(values: np.ndarray, steps: int = 60) -> float:
    """The weight of the lower of two normal components of the margins (n,), by expectation maximisation."""
    middle, spread, weight = np.quantile(values, [0.05, 0.7]), np.full(2, values.std() / 2 + 1e-6), 0.1
    for _ in range(steps):
        log_ratio = [-0.5 * ((values - m) / s) ** 2 - np.log(s) for m, s in zip(middle, spread, strict=True)]
        low = expit(log_ratio[0] - log_ratio[1] + logit(weight))
        parts = np.stack([low, 1 - low]) + 1e-12
        total = parts.sum(axis=1)
        middle = parts @ values / total
        spread = (
            np.sqrt([(part @ (values - m) ** 2) / t for part, m, t in zip(parts, middle, total, strict=True)]) + 1e-3
        )
        weight = float(np.clip(total[0] / len(values), 1e-4, 1 - 1e-4))
    return weight


def ranked(
    table: np.ndarray, given: np.ndarray, known: Margins, wrong: np.ndarray, trained: np.ndarray | None
) -> dict[str, float]:
    """The average precision of the rankings."""
    own, other = known.given.astype(float), known.other.astype(float)
    rows, calibrated = np.arange(len(given)), tempered(table, given)
    entropy = -(table * np.log(np.maximum(table, 1e-12))).sum(axis=1) / np.log(table.shape[1])
    scores = {
        "self-confidence": -own,
        "self-confidence, calibrated": -calibrated[rows, given],
        "normalised margin": other - own,
        "confidence-weighted entropy": (1 - own) / (1 + entropy),
    }
    for weight in OTHERS:
        logs = np.log(np.maximum(own, 1e-9)) - weight * np.log(np.maximum(other, 1e-9))
        scores[f"other {weight}"] = -logs
    if trained is not None:
        seen = np.log(np.maximum(trained[rows, given] / trained.sum(axis=1), 1e-9))
        for part in HELD_OUT_PARTS:
            scores[f"held-out part {part}"] = -(part * np.log(np.maximum(own, 1e-9)) + (1 - part) * seen)
    return {f"AP {name}": float(average_precision_score(wrong, score)) for name, score in scores.items()}


# Choosing. Every choice is a function of tasks alone, so that it can be made again without those of a data set.


def weights(tasks: pd.DataFrame) -> np.ndarray:
    """(tasks,) weights with which none, class-conditional, instance-dependent and annotators' noise count the same."""
    group = tasks["kind"].replace(dict.fromkeys(("pair", "asymmetric"), "symmetric"))
    return (1 / tasks.groupby(group)["true"].transform("size")).to_numpy()


def choose_other(tasks: pd.DataFrame) -> dict[str, float]:
    """The largest weight under which hardly any ranking is worse than by self-confidence."""
    loss = {w: (tasks[f"AP other {w}"] - tasks["AP self-confidence"]).quantile(0.01) for w in OTHERS}
    return {"OTHER_WEIGHT": max((w for w in OTHERS if loss[w] > -0.005), default=0.0)}


def choose_held_out(tasks: pd.DataFrame) -> dict[str, float]:
    """The smallest part of held-out predictions with which hardly any ranking is worse than by them alone."""
    loss = {p: (tasks[f"AP held-out part {p}"] - tasks["AP self-confidence"]).quantile(0.01) for p in HELD_OUT_PARTS}
    return {"HELD_OUT_WEIGHT": min((p for p in HELD_OUT_PARTS if loss[p] > -0.005), default=1.0)}


def rate(tasks: pd.DataFrame, share: float, weight: float) -> np.ndarray:
    found = weight * tasks[f"anchors {share:.0%}"] + (1 - weight) * tasks["confident learning"]
    return np.asarray(np.minimum(found, tasks["disagreement"]))


def choose_rate(tasks: pd.DataFrame) -> dict[str, float]:
    """The smallest mean error among those that are nowhere much further from the truth than cleanlab."""
    best = tasks[tasks["best"]]
    true, theirs = best["true"].to_numpy(), (best["cleanlab"] - best["true"]).abs().to_numpy()

    def cost(pair: tuple[float, float]) -> tuple[bool, float]:
        error = np.abs(rate(best, *pair) - true)
        return bool(np.quantile(error - theirs, 0.99) > FURTHER), float(np.average(error, weights=weights(best)))

    share, weight = min(((s, w) for s in SHARES for w in WEIGHTS), key=cost)
    return {"ANCHOR_SHARE": share, "ANCHOR_WEIGHT": weight}


def terms(tasks: pd.DataFrame, chosen: dict) -> np.ndarray:
    """(tasks, 2) as `Signs.error_terms`."""
    found = rate(tasks, chosen["ANCHOR_SHARE"], chosen["ANCHOR_WEIGHT"])
    unexplained = np.maximum(tasks["disagreement"] - found, 0)
    return np.stack([unexplained, found * tasks["ignorance"]], axis=1)


def choose_interval(tasks: pd.DataFrame, chosen: dict) -> dict[str, tuple[float, ...]]:
    below = rate(tasks, chosen["ANCHOR_SHARE"], chosen["ANCHOR_WEIGHT"]) - tasks["true"].to_numpy()
    table, counts = terms(tasks, chosen), np.where(tasks["best"], BEST, 1)
    return {"ERROR_BELOW": quantile(table, below, counts), "ERROR_ABOVE": quantile(table, -below, counts)}


def quantile(table: np.ndarray, values: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
    """Non-negative coefficients of the regression quantile that all but `TAIL` of the values lie below."""
    n, columns = table.shape
    cost = np.concatenate([np.zeros(columns), (1 - TAIL) * counts, TAIL * counts])
    equal = hstack([csr_matrix(table), identity(n), -identity(n)])
    return tuple(map(float, linprog(cost, A_eq=equal.tocsr(), b_eq=values, bounds=(0, None)).x[:columns]))


def suspicions(task: pd.Series, chosen: dict, mean: float) -> np.ndarray:
    known = task["margins"]
    confidence = np.maximum(known.given, 1e-9) / np.maximum(known.other, 1e-9) ** chosen["OTHER_WEIGHT"]
    power = task["power"] ** chosen["SHARPENING"]
    odds = -chosen["STEEPNESS"] * np.log(confidence.astype(float) ** power + chosen["CONFIDENCE_FLOOR"])
    return expit(odds + shift_to_mean(odds, mean))


def choose_suspicion(tasks: pd.DataFrame, chosen: dict) -> dict[str, float]:
    """The likeliest, given the estimated rate."""
    best = tasks[tasks["best"]]
    means = np.maximum(rate(best, chosen["ANCHOR_SHARE"], chosen["ANCHOR_WEIGHT"]), 0.5 / (best["rows"] + 1))

    names = ("SHARPENING", "STEEPNESS", "CONFIDENCE_FLOOR")

    def loss(values: tuple[float, ...]) -> float:
        trial = {**chosen, **dict(zip(names, values, strict=True))}
        losses = []
        for (row, task), mean in zip(best.iterrows(), means, strict=True):
            key = (row, values, chosen["OTHER_WEIGHT"], mean)
            if key not in KNOWN:
                chance = np.clip(suspicions(task, trial, mean), 1e-4, 1 - 1e-4)
                KNOWN[key] = float(-np.log(np.where(task["is_wrong"], chance, 1 - chance)).mean())
            losses.append(KNOWN[key])
        return float(np.average(losses, weights=weights(best)))

    pairs: list[tuple[float, ...]] = list(product(SHARPENINGS, STEEPNESSES, FLOORS))
    return dict(zip(names, min(pairs, key=lambda values: loss(tuple(values))), strict=True))


def choose_suggestion(tasks: pd.DataFrame) -> dict[str, float]:
    best = tasks[tasks["best"] & (tasks["classes"] > 2) & (tasks["wrong"] > 0)]

    def loss(power: float) -> float:
        losses = []
        for row, task in best.iterrows():
            if (row, power) not in KNOWN:
                known, wrong = task["margins"], task["is_wrong"]
                share = np.clip(known.other / np.maximum(1 - known.given, 1e-9), 1e-3, 1 - 1e-3)[wrong] ** power
                KNOWN[row, power] = float(-np.log(np.where(task["right"][wrong], share, 1 - share)).mean())
            losses.append(KNOWN[row, power])
        return float(np.nanmean(losses))

    return {"SUGGESTION_POWER": min(POWERS, key=loss)}


def choose(tasks: pd.DataFrame) -> dict:
    chosen: dict = choose_other(tasks) | choose_rate(tasks)
    chosen |= choose_interval(tasks, chosen)
    chosen |= choose_suspicion(tasks, chosen)
    return chosen | choose_suggestion(tasks) | choose_held_out(tasks)


def judged(tasks: pd.DataFrame, chosen: dict) -> pd.DataFrame:
    """The judgement of tasks by constants that were chosen without them."""
    found = tasks.drop(columns=["margins", "is_wrong", "right", "signs"]).copy()
    estimate = np.maximum(rate(tasks, chosen["ANCHOR_SHARE"], chosen["ANCHOR_WEIGHT"]), 0.5 / (tasks["rows"] + 1))
    below, above = (terms(tasks, chosen) @ np.array(chosen[f"ERROR_{end}"]) for end in ("BELOW", "ABOVE"))
    sampling = NORMAL_90 * np.array([sampling_error(r, n) for r, n in zip(estimate, tasks["rows"], strict=True)])
    low, high = np.clip(estimate - np.hypot(below, sampling), 0, 1), np.clip(estimate + np.hypot(above, sampling), 0, 1)
    found = found.assign(estimate=estimate, low=low, high=high)
    found["AP judgement"] = tasks[f"AP other {chosen['OTHER_WEIGHT']}"]
    lines = []
    for (_, task), mean, least in zip(tasks.iterrows(), estimate, low, strict=True):
        lines.append(actions(task, chosen, float(mean), float(least)))
    return found.join(pd.DataFrame(lines, index=found.index))


def actions(task: pd.Series, chosen: dict, mean: float, least: float) -> dict[str, float]:
    """What thresholds and relabelling do, and how suspicions are calibrated."""
    chance, wrong, right = suspicions(task, chosen, mean), task["is_wrong"], task["right"]
    floor = suspicions(task, chosen, least) if least > 0 else np.zeros(len(chance))
    known = task["margins"]
    good = np.clip(known.other / np.maximum(1 - known.given, 1e-9), 0, 1) ** chosen["SUGGESTION_POWER"]
    counted = np.argsort(np.argsort(-chance, kind="stable")) < round(mean * len(chance))
    rules = {
        "best expected F1": chance > best_threshold(chance),
        "one half": chance > 0.5,
        "as many as the rate": counted,
    }
    found: dict[str, float] = {"best F1": best_f1(chance, wrong) if wrong.any() else np.nan}
    for name, named in rules.items():
        found[f"F1 {name}"] = 2 * (named & wrong).sum() / max(named.sum() + wrong.sum(), 1) if wrong.any() else np.nan
    issue = floor > 0.5 if task["ignorance"] > constants.MOST_IGNORANCE else rules["best expected F1"]
    middle = suspicions(task, chosen, (mean + least) / 2)
    kept = {}
    for name, (suspicion, odds) in {"rate, 1": (chance, 1), "rate, 2": (chance, 2), "lower end, 1": (floor, 1),
                                    "half-way, 1": (middle, 1), "half-way, 2": (middle, 2)}.items():  # fmt: skip
        relabel = issue & (suspicion * good > odds * (1 - suspicion))
        found[f"gain {name}"] = (np.sum(relabel & wrong & right) - np.sum(relabel & ~wrong)) / len(wrong)
        kept[name] = relabel
    relabel = kept["lower end, 1"]
    cleaned_wrong = np.where(relabel, ~(wrong & right), wrong)
    found["expected gain"] = np.where(relabel, 1 - chance * good, chance).sum()
    found["real gain"] = cleaned_wrong.sum()
    found["named"] = issue.mean()
    for start, end in page.BINS:
        cell = (chance >= start) & (chance < end)
        found |= {f"n {start}": cell.sum(), f"wrong {start}": wrong[cell].sum(), f"sum {start}": chance[cell].sum()}
    return found


def left_out(tasks: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """The judgement of every task by constants chosen without its data set, and these constants by data set."""
    parts, choices = [], {}
    for name, held in tasks.groupby("set"):
        choices[str(name)] = choose(tasks[tasks["set"] != name])
        parts.append(judged(held, choices[str(name)]))
    return pd.concat(parts).loc[tasks.index], choices


def everything_read(folder: Path) -> pd.DataFrame:
    tasks = pd.DataFrame([line for path in sorted(folder.glob("*.npz")) for line in read(path)])
    tasks["best"] = tasks.groupby("task")["log loss"].transform("min") == tasks["log loss"]
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    tasks = everything_read(args.tasks)
    chosen = choose(tasks)
    print(chosen)
    found, choices = left_out(tasks)
    text = page.written(found, chosen, choices)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
