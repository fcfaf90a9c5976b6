"""All detectors side by side on the same networks, folds and features, with what each costs beyond the cross-fitting.

    NOISEWISE_DATA=... python benchmarks/detectors.py --model fast --epochs 10
    python benchmarks/detectors.py digits/symmetric:0.2 --model mlp --out runs/detectors

A setting is SOURCE/CORRUPTION, or SOURCE alone where the data bring their own truth. `cost` is the time of the detector
itself and of the evaluations of the networks that it alone would need, as a share of the cross-fitting's; F1 is at the
detector's own threshold, where it has one, best F1 at the best of all thresholds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.gathering.candidates.networks import FOLDS, SPARED
from noisewise.auditing.gathering.crossfit import CrossFit, FoldWork, held_out
from noisewise.auditing.gathering.fold import Fold, gathered
from noisewise.auditing.gathering.last_layer import needed
from noisewise.auditing.gathering.recipe import EPOCHS, training_config
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.metrics import score_against_truth
from noisewise.data import Dataset, load, subset
from noisewise.files import whole, write_json
from noisewise.noise import corrupt

SETTINGS = (
    "fashion-mnist/symmetric:0.2",
    "fashion-mnist/asymmetric:0.2",
    "fashion-mnist/instance:0.3",
    "cifar10n-aggre",
)
JUDGEMENT = "the judgement"
COLUMNS = {"auroc": "AUROC", "average_precision": "AP", "f1": "F1", "f1_best": "best F1"}
Row = dict[str, Any]


def measured(data: Dataset, model: str, epochs: int, seed: int) -> Row:
    """What every detector finds and costs, most precise first; `data` have a truth."""
    fit = CrossFit(model, "ce", training_config(model, epochs, seed, {}), FOLDS, SPARED, needed(DETECTORS))
    blind, work = data.blind(), FoldWork(fit, held_out(data, FOLDS, seed, SPARED))
    parts = [work(blind, k) for k in range(FOLDS)]
    evidence = gathered(blind, parts)
    training = sum(part.seconds["training"] for part in parts)
    found = {}
    for name, detector in DETECTORS.items():
        began = time.perf_counter()
        scores = detector(evidence)
        seconds = time.perf_counter() - began + _observed(parts, needed([name]))
        limit = detector.card.threshold
        found[name] = _row(data, scores, None if limit is None else scores > limit) | {"extra_seconds": seconds}
    began = time.perf_counter()
    judged = judge(gathered(blind, [_plain(part) for part in parts]))
    seconds = time.perf_counter() - began
    found[JUDGEMENT] = _row(data, judged.suspicion, judged.is_issue) | {"extra_seconds": seconds}
    for row in found.values():
        row["cost"] = row["extra_seconds"] / training
    order = sorted(found, key=lambda name: -found[name]["average_precision"])
    return {
        "rows": len(data),
        "noise_rate": data.noise_rate,
        "training_seconds": training,
        "detectors": {name: found[name] for name in order},
    }


def _observed(parts: list[Fold], names: frozenset[str]) -> float:
    return sum(part.seconds.get(name, 0.0) for part in parts for name in names)


def _plain(part: Fold) -> Fold:
    return Fold(part.held, part.probabilities, part.statistics)


def _row(data: Dataset, scores: np.ndarray, named: np.ndarray | None) -> Row:
    assert data.truth is not None
    none = np.zeros(len(data), dtype=bool)
    metrics = score_against_truth(scores, none if named is None else named, data.given, data.given, data.truth)
    return {key: metrics[key] for key in COLUMNS if key != "f1" or named is not None}


def page(results: dict[str, Row], args: argparse.Namespace) -> str:
    """The results as Markdown."""
    parts = [
        "# Detectors side by side\n",
        "    python benchmarks/detectors.py " + " ".join(results) + f" --model {args.model} --epochs {args.epochs}"
        f"{f' --rows {args.rows}' if args.rows else ''} --seed {args.seed}\n",
        f"The same {FOLDS} folds, networks (`{args.model}`, {args.epochs} epochs of `ce`) and features for all. F1 is "
        "at the detector's own threshold, where it has one, best F1 at the best of all thresholds. *Extra* is the time "
        "of the detector and of the evaluations of the networks it needs, and as a share of the cross-fitting's. "
        "[What each detector is](../detectors.md)\n",
    ]
    for setting, result in results.items():
        parts.append(
            f"## {setting}\n\n{result['rows']:,} rows, {result['noise_rate']:.1%} of the labels wrong; "
            f"cross-fitting {result['training_seconds']:.0f} s.\n"
        )
        head = ["detector", *COLUMNS.values(), "extra", "of the cross-fitting"]
        lines = [head, ["---"] * len(head)]
        lines += [_cells(name, row) for name, row in result["detectors"].items()]
        parts.append("".join("| " + " | ".join(line) + " |\n" for line in lines))
    return "\n".join(parts)


def _cells(name: str, row: Row) -> list[str]:
    values = [f"{row[key]:.3f}" if key in row else "" for key in COLUMNS]
    shown = f"**{name}**" if name == JUDGEMENT else f"`{name}`"
    return [shown, *values, f"{row['extra_seconds']:.2f} s", f"{row['cost']:.1%}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", default=list(SETTINGS))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/detectors"), help="without a suffix")
    args = parser.parse_args()
    results: dict[str, Row] = {}
    for setting in args.settings:
        source, _, spec = setting.partition("/")
        data = load(source) if args.rows is None else subset(load(source), args.rows, args.seed)
        results[setting] = measured(
            corrupt(data, spec, seed=args.seed) if spec else data, args.model, args.epochs, args.seed
        )
        for name, row in results[setting]["detectors"].items():
            print(f"{setting:30}", *(cell.rjust(18) for cell in _cells(name, row)), flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    settings = {key: value for key, value in vars(args).items() if key not in ("out", "settings")}
    write_json(args.out.with_suffix(".json"), {"settings": settings, "results": results})
    with whole(args.out.with_suffix(".md")) as path:
        path.write_text(page(results, args), encoding="utf-8")


if __name__ == "__main__":
    main()
