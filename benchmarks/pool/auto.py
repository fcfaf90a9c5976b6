"""How much predictions count in `auto`, and where it mixes images: chosen by test accuracy on data that no page shows.

    export NOISEWISE_DATA=...
    python benchmarks/pool/auto.py --tables TABLES --cache CACHE --out docs/results/auto.md [--only NAME]

Every task trains `ce` and the variants of `auto` on the same rows with the same noise. TABLES is a folder of CSV files
with a column `label`, exported from R's mlbench. Results are kept in CACHE, and a variant that is there is not computed
again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data import Dataset, load, subset
from noisewise.files import digest, whole, write_json
from noisewise.run import Experiment
from noisewise.training import Config

TESTED = 3000
VARIANTS = (
    "ce",
    "auto",
    "auto:trust=0,mixup=0",
    "auto:trust=0.3,mixup=0",
    "auto:mixup=0",
    "auto:mixup=1",
    "auto:rounds=1",
)


@dataclass(frozen=True)
class Task:
    """Rows of a source with noise, and how long which network trains on them."""

    source: str
    noise: str
    rows: int
    model: str
    epochs: int
    augment: str = "auto"

    @property
    def name(self) -> str:
        plain = ", not augmented" if self.source == "cifar10" and self.augment == "none" else ""
        return f"{self.source} {self.rows:,}, {self.model}, {self.noise}{plain}"

    def data(self, tables: Path) -> Dataset:
        """The rows, without noise; a third of a table is its test split."""
        if self.model != "mlp":
            return load(self.source)
        whole_table = load(str(tables / f"{self.source}.csv"), labels="label")
        order = np.random.default_rng(7).permutation(len(whole_table))
        cut = min(TESTED, len(order) // 3)
        return replace(whole_table.take(np.sort(order[cut:])), test=whole_table.take(np.sort(order[:cut])))

    def measured(self, method: str, seed: int, tables: Path) -> dict[str, Any]:
        """Accuracies and seconds of one training."""
        data = self.data(tables)
        data = subset(data, min(self.rows, len(data)), seed)
        tested = min(TESTED, len(data.test)) if data.test is not None else None
        config = Config(epochs=self.epochs, seed=seed, augment=self.augment)
        run = Experiment(data, method, self.model, corrupt=self.noise, tested=tested, config=config).run()
        names = ("test_accuracy_last", "test_accuracy_selected", "test_accuracy_best", "seconds", "true_noise_rate")
        return {name: run.metrics[name] for name in names} | {"noise_rate": run.metrics.get("noise_rate")}


TASKS = (
    *(
        Task("mnist", noise, 3000, "lenet", 30)
        for noise in ("symmetric:0", "symmetric:0.2", "symmetric:0.5", "symmetric:0.8", "pair:0.4", "instance:0.4")
    ),
    *(Task("digits", noise, 1400, "fast", 30) for noise in ("symmetric:0.2", "symmetric:0.5", "pair:0.4")),
    *(Task("cifar10", noise, 3000, "fast", 30) for noise in ("symmetric:0", "symmetric:0.5", "pair:0.4")),
    Task("cifar10", "symmetric:0", 3000, "lenet", 30, "none"),
    Task("cifar10", "symmetric:0.5", 3000, "lenet", 30, "none"),
    *(
        Task(table, noise, 4000, "mlp", 40)
        for table in ("letters", "satellite")
        for noise in ("symmetric:0", "symmetric:0.5", "pair:0.4")
    ),
)


def main() -> None:
    """Measure what is not in the cache, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="tasks whose names contain this")
    parser.add_argument("--variants", default=";".join(VARIANTS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    variants = options.variants.split(";")
    for task in TASKS:
        for method in variants if options.only in task.name else ():
            place = options.cache / f"{digest([task.name, task.epochs, method, options.seed])}.json"
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                found = task.measured(method, options.seed, options.tables)
                write_json(place, {"task": task.name, "method": method, "seed": options.seed, **found})
                print(json.dumps(json.loads(place.read_text())), flush=True)
    rows = [json.loads(place.read_text()) for place in options.cache.glob("*.json")]
    with whole(options.out) as temporary:
        temporary.write_text(page(rows), encoding="utf-8")


def page(rows: list[dict[str, Any]]) -> str:
    """The page: accuracy of the last and the selected epoch per task and variant."""
    shown = [variant for variant in VARIANTS if any(row["method"] == variant for row in rows)]
    lines = [
        "# Choosing the constants of `auto`\n\nTest accuracy of the last / the selected epoch, percent, one seed; in "
        "brackets the seconds of training relative to\n`ce`, on a busy machine. Empty cells were not measured. By\n",
        "    NOISEWISE_DATA=... python benchmarks/pool/auto.py --tables TABLES --cache CACHE --out "
        "docs/results/auto.md\n",
        "| task | estimated rate | " + " | ".join(f"`{variant}`" for variant in shown) + " |",
        "|---|---|" + "---|" * len(shown),
    ]
    for task in TASKS:
        here = {row["method"]: row for row in rows if row["task"] == task.name}
        if "auto" in here:
            rate = here["auto"]["noise_rate"]
            cells = [_cell(here[v], here.get("ce")) if v in here else "" for v in shown]
            lines.append(f"| {task.name} | {rate:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], base: dict[str, Any] | None) -> str:
    values = " / ".join(f"{100 * row[f'test_accuracy_{kind}']:.1f}" for kind in ("last", "selected"))
    return values + ("" if base is None or base is row else f" ({row['seconds'] / base['seconds']:.1f}x)")


if __name__ == "__main__":
    main()
