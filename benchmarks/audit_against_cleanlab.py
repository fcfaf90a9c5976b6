"""Our audit beside cleanlab with the same network, the same epochs and the same data, in the same run.

    python benchmarks/audit_against_cleanlab.py fashion-mnist symmetric:0.2 asymmetric:0.2 instance:0.3 --epochs 6
    python benchmarks/audit_against_cleanlab.py cifar10n-aggre - --epochs 10

cleanlab gets what its users give it: five-fold out-of-sample probabilities of the last epoch, its default label quality
score, its default filter, and its own estimate of the number of issues. A `-` injects nothing.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.count import num_label_issues
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from noisewise.auditing.gathering import FOLDS
from noisewise.auditing.metrics import score_against_truth
from noisewise.auditing.pipeline import audit
from noisewise.data import Dataset, folds, load, subset
from noisewise.data.rows import Rows
from noisewise.files import write_json
from noisewise.methods import build
from noisewise.noise import corrupt
from noisewise.training import Config, Training
from noisewise.training.streams import predicted

COLUMNS = ("auroc", "average_precision", "f1", "f1_best", "noise_rate", "true_noise_rate", "seconds")


def ours(data: Dataset, model: str, epochs: int, seed: int) -> dict[str, Any]:
    found = audit(data, model=model, epochs=epochs, seed=seed)
    return {**found.metrics, "noise_rate": found.noise_rate, "interval": list(found.interval), "seconds": found.seconds}


def theirs(data: Dataset, model: str, epochs: int, seed: int, count: int = 5) -> dict[str, Any]:
    began = time.perf_counter()
    numbers = folds(data.given, count, seed)
    probabilities = np.zeros((len(data), len(data.classes)))
    for fold in range(count):
        held = numbers == fold
        blind = data.blind()
        parts = replace(blind.take(~held), validation=None, test=None, trusted=None)
        training = Training(parts, model, Config(epochs=epochs, seed=seed + fold))
        build("ce")(training)
        assert training.predictor is not None
        rows = Rows(blind.take(held), training.device, normalise=training.rows.normalise)
        probabilities[held] = predicted(training.predictor, rows).double().cpu().numpy()
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    suspicion = 1 - get_label_quality_scores(data.given, probabilities)
    named = find_label_issues(data.given, probabilities)
    rate = num_label_issues(data.given, probabilities) / len(data)
    seconds = time.perf_counter() - began
    assert data.truth is not None
    metrics = score_against_truth(suspicion, named, probabilities.argmax(axis=1), data.given, data.truth)
    return {**metrics, "noise_rate": rate, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("specs", nargs="+")
    parser.add_argument("--model", default="fast")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    data = load(args.source)
    data = data if args.rows is None else subset(data, args.rows, args.seed)
    results = {}
    print(f"ours: {FOLDS} folds; cleanlab: 5 folds; {args.model}, {args.epochs} epochs, {len(data)} rows")
    print(
        f"{'':28}"
        + "".join(f"{c.replace('average_precision', 'AP').replace('noise_rate', 'rate'):>10}" for c in COLUMNS)
    )
    for spec in args.specs:
        noisy = data if spec == "-" else corrupt(data, spec, seed=args.seed)
        row = {"ours": ours(noisy, args.model, args.epochs, args.seed)}
        row["cleanlab"] = theirs(noisy, args.model, args.epochs, args.seed)
        results[spec] = row
        for name, found in row.items():
            print(
                f"{spec:18}{name:10}" + "".join(f"{found[c]:10.3f}" for c in COLUMNS),
                found.get("interval", ""),
                flush=True,
            )
    if args.out:
        write_json(
            args.out,
            {
                "source": args.source,
                "settings": {k: v for k, v in vars(args).items() if k != "out"},
                "results": results,
            },
        )


if __name__ == "__main__":
    main()
