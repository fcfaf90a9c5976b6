"""The candidates of an audit alone and stacked, on the data sets on which the audit's constants are chosen.

    python benchmarks/pool/candidates.py --tables TABLES --texts TEXTS --work WORK --out docs/results/candidates.md

TABLES and TEXTS are as in `audit_sets.py`. WORK keeps what is finished, one file per data set and noise.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from audit_sets import pool
from sklearn.metrics import average_precision_score

import noisewise as nw
from noisewise.auditing.candidate import log_loss
from noisewise.auditing.gathering.candidates.predictor import Task, Trial
from noisewise.auditing.gathering.compare import allowed, entries, within
from noisewise.auditing.gathering.stack import stacked
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.progress import SILENT
from noisewise.files import whole
from noisewise.judgement.calibration import tempered

NOISES = ("symmetric:0.2", "pair:0.2", "annotators:0.2")
STACK = "stack"
SIMPLE = ("regression", "forest")


def measured(name: str, data: nw.Dataset, noise: str, seed: int) -> list[dict[str, Any]]:
    """A row per candidate and per stack: loss, average precision of 1 - p[given], weight, seconds."""
    noisy = nw.corrupt(data, noise, seed=seed)
    wrong, labels = noisy.given != noisy.truth, noisy.given
    task = Task(noisy.blind(), AuditPlan(seed=seed))
    chosen, _ = within(task, entries(task), allowed(task))
    made: dict[str, Any] = {}
    predictions, rows = {}, []
    for entry in chosen:
        began = time.perf_counter()
        if entry.view.name not in made:
            made[entry.view.name] = entry.view.make(task, SILENT)
        found = entry.predictor.predict(made[entry.view.name], task, SILENT)
        found = found.finish(SILENT) if isinstance(found, Trial) else found
        predictions[entry.name] = found.probabilities
        rows.append({"candidate": entry.name, "seconds": time.perf_counter() - began})
    tables = list(predictions.values())
    calibrated = [tempered(table, labels) for table in tables]
    stack = stacked(tables, labels)
    for row, table, weight, loss in zip(rows, calibrated, stack.weights, stack.losses, strict=True):
        row |= {"loss": loss, "plain": log_loss(table, labels), "weight": weight, "ap": _ap(wrong, table, labels)}
    rows.append(
        {
            "candidate": STACK,
            "plain": log_loss(stack.probabilities, labels),
            "ap": _ap(wrong, stack.probabilities, labels),
        }
    )
    return [{"set": name, "rows": len(noisy), "noise": noise, **row} for row in rows]


def _ap(wrong: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(average_precision_score(wrong, -probabilities[np.arange(len(labels)), labels]))


def simple(candidates: pd.Series) -> pd.Series:
    """Which candidates are a regression or a forest."""
    return candidates.str.split().str[0].isin(SIMPLE)


def by_candidate(found: pd.DataFrame) -> pd.DataFrame:
    """A row per candidate: means over the tasks in which it was run."""
    keys = ["set", "noise"]
    best = found[found.candidate != STACK].groupby(keys).loss.min().rename("best")
    stack = found[found.candidate == STACK].set_index(keys).ap.rename("stack")
    joined = found.join(best, on=keys).join(stack, on=keys)
    joined["above best"], joined["AP of the stack"] = joined.loss - joined.best, joined["stack"] - joined.ap
    shown = ["above best", "weight", "ap", "AP of the stack", "seconds"]
    table = joined[joined.candidate != STACK].groupby("candidate")[shown].mean()
    table.insert(0, "tasks", joined.groupby("candidate").size())
    return table.sort_values("weight", ascending=False)


def by_set(found: pd.DataFrame) -> pd.DataFrame:
    """A row per data set: the best regression or forest, picked by the truth, and the stack."""
    keys = ["set", "noise"]
    single = found[simple(found.candidate)].groupby(keys).ap.max().rename("best single")
    table = found[found.candidate == STACK].set_index(keys).join(single)
    table["gain"] = table.ap - table["best single"]
    means = table.groupby("set", sort=False)[["rows", "best single", "ap", "gain"]].mean()
    means["worst gain"] = table.groupby("set").gain.min()
    means["seconds"] = found.groupby(keys).seconds.sum().groupby("set").mean()
    used = found[found.weight > 0].groupby(["set", "candidate"]).weight.sum() / found.groupby("set").noise.nunique()
    means["weights"] = [_weights(used[name]) for name in means.index]
    return means


def _weights(of: pd.Series) -> str:
    return ", ".join(
        f"{name} {weight:.2f}" for name, weight in of.sort_values(ascending=False).items() if weight >= 0.05
    )


def page(found: pd.DataFrame, rows: int) -> str:
    """The results as Markdown."""
    sets = by_set(found)
    gains = sets["gain"].mean()
    lines = [
        "# Candidates: the models of an audit, alone and stacked",
        "",
        "Made by `python benchmarks/pool/candidates.py --tables TABLES --texts TEXTS --work WORK --out "
        "docs/results/candidates.md`.",
        f"At most {rows:,} rows of each data set of the pool (`benchmarks/pool/audit_sets.py`), with the noise "
        f"{', '.join(NOISES)}; pair noise only with more than two classes. AP is the average precision of "
        "1 - p[given label] against the wrong labels; losses are held-out, in nats, through the fitted noise channel.",
        "",
        "Compared with the better of regression and forest, picked by the truth on every task, the stack's AP differs "
        f"by {gains:+.3f} on average and by {sets['worst gain'].min():+.3f} at worst.",
        "",
        "## Data sets",
        "",
        "Means over the noises. `gain` is the AP of the stack minus that of the best single regression or forest.",
        "",
        "| data | rows | best single | stack | gain | worst gain | seconds | weights |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, row in sets.iterrows():
        lines.append(
            f"| {name} | {row.rows:,.0f} | {row['best single']:.3f} | {row.ap:.3f} | {row.gain:+.3f} | "
            f"{row['worst gain']:+.3f} | {row.seconds:.1f} | {row.weights} |"
        )
    lines += [
        "",
        "## Candidates",
        "",
        "Means over the tasks in which a candidate was run. `loss` is above the best candidate's of the same task, "
        "`AP` its own, `stack` how much higher the stack's AP is.",
        "",
        "| candidate | tasks | loss | weight | AP | stack | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in by_candidate(found).iterrows():
        lines.append(
            f"| {name} | {row.tasks:.0f} | {row['above best']:+.3f} | {row.weight:.2f} | {row.ap:.3f} | "
            f"{row['AP of the stack']:+.3f} | {row.seconds:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what is not yet in WORK, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("tables", "texts", "work", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--only", nargs="*", help="names of data sets")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    for name, make in pool(args.tables, args.texts, args.rows).items():
        data = make()
        for noise in NOISES:
            file = args.work / f"{name}-{noise.replace(':', '-')}.csv"
            if (
                file.exists()
                or (args.only and name not in args.only)
                or (noise[:4] == "pair" and len(data.classes) < 3)
            ):
                continue
            rows = measured(name, data, noise, seed=1)
            with whole(file) as temporary:
                pd.DataFrame(rows).to_csv(temporary, index=False)
            print(name, noise, {row["candidate"]: round(row["ap"], 3) for row in rows}, flush=True)
    found = pd.concat([pd.read_csv(file) for file in sorted(args.work.glob("*.csv"))], ignore_index=True)
    with whole(args.out) as temporary:
        temporary.write_text(page(found, args.rows), encoding="utf-8")


if __name__ == "__main__":
    main()
