"""Audits of tables by a network and by classifiers of scikit-learn, with injected noise.

python benchmarks/tables.py --out docs/results/tables.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

import noisewise as nw
from noisewise.data.readers.tables import from_frame
from noisewise.files import whole

NOISES = ("symmetric:0.1", "symmetric:0.2", "pair:0.1", "pair:0.2")
MODELS = ("mlp", "boosting", "forest", "linear", "blend")
RARE = [0.37, 0.48, 0.06, 0.01, 0.02, 0.03, 0.03]
INTRODUCTION = """# Tables: which model to audit them with

Made by `python benchmarks/tables.py --out docs/results/tables.md`. Every number is the mean over {noises}, each with
{seeds} seed(s); the truth is known. AUROC and average precision (AP) rank the rows, F1 is at the chosen threshold, the
error is the mean distance of the estimated noise rate from the true one, seconds are those of one audit on one core.

`mlp` is the network with its in-training statistics (3 folds, 10 epochs); the others are cross-fitted classifiers (5
folds, see [Audit](../audit.md)), `blend` a mixture of the other three.
[Candidates](candidates.md) compares what an audit runs by default.

"""


def tables() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Names, (n, d) columns and (n,) labels."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        found = getattr(datasets, f"load_{name}")()
        yield name.replace("_", " "), found.data, found.target
    settings = {"flip_y": 0, "random_state": 0, "shift": 0.0}
    yield (
        "clusters",
        *datasets.make_classification(
            2000, 20, n_informative=8, n_redundant=4, n_classes=5, n_clusters_per_class=3, class_sep=1.5, **settings
        ),
    )
    yield (
        "rare classes",
        *datasets.make_classification(
            3000, 54, n_informative=10, n_redundant=4, n_classes=7, weights=RARE, class_sep=2, **settings
        ),
    )
    columns, values = datasets.make_friedman1(2000, random_state=0)
    yield "friedman", columns, np.digitize(values, np.quantile(values, [1 / 3, 2 / 3]))


def measured(seeds: int, models: tuple[str, ...]) -> pd.DataFrame:
    """One row per table, noise, seed and model."""
    rows = []
    for name, columns, labels in tables():
        clean = from_frame(pd.DataFrame(columns).add_prefix("x").assign(y=labels), name, name, "y")
        for noise in NOISES:
            for seed in range(seeds):
                noisy = nw.corrupt(clean, noise, seed=seed)
                for model in models:
                    found = nw.audit(noisy, model=model, seed=seed)
                    rows.append({"table": name, "rows": len(clean), "model": model, **_scores(found)})
                    print(noise, seed, rows[-1], flush=True)
    return pd.DataFrame(rows)


def _scores(found: nw.auditing.findings.Findings) -> dict[str, float]:
    metrics = found.metrics
    return {
        "AUROC": metrics["auroc"],
        "AP": metrics["average_precision"],
        "F1": metrics["f1"],
        "error": abs(found.noise_rate - metrics["true_noise_rate"]),
        "seconds": found.seconds,
    }


def page(found: pd.DataFrame, seeds: int) -> str:
    """The results as Markdown: all tables together, then one by one."""
    numbers = ["AUROC", "AP", "F1", "error", "seconds"]
    text = INTRODUCTION.format(noises=", ".join(f"`{noise}`" for noise in NOISES), seeds=seeds)
    text += _markdown("All tables", found.groupby("model", sort=False)[numbers].mean())
    for (name, rows), part in found.groupby(["table", "rows"], sort=False):
        text += _markdown(f"{name}, {rows:,} rows", part.groupby("model", sort=False)[numbers].mean())
    return text.rstrip() + "\n"


def _markdown(title: str, table: pd.DataFrame) -> str:
    lines = [f"| model | {' | '.join(table.columns)} |", "|---|" + "---:|" * len(table.columns)]
    for model, row in table.iterrows():
        cells = [f"{value:.1f}" if name == "seconds" else f"{value:.3f}" for name, value in row.items()]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return f"## {title}\n\n" + "\n".join(lines) + "\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    text = page(measured(args.seeds, tuple(args.models)), args.seeds)
    with whole(args.out) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
