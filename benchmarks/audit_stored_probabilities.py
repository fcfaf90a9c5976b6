"""The audit and cleanlab on the same stored out-of-sample probabilities of strong networks.

The probabilities are those of the public benchmark of Kuan and Mueller (2022), the repository
cleanlab/label-error-detection-benchmarks: five pretrained networks, cross-validated on CIFAR-10N (human labels) and on
CIFAR-10 with simulated noise. Its folders `*_cv_NETWORK` hold `pred_probs.npy`, `noisy_labels.npy`, `true_labels.npy`.

    python benchmarks/audit_stored_probabilities.py PATH/src/experiments --out docs/results/audit-stored
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.count import num_label_issues
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.metrics import best_f1, calibration_error
from noisewise.files import whole

KINDS = ("cifar-10n-aggregate", "cifar-10n-worst", "cifar-10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    lines = []
    for kind in KINDS:
        for place in sorted((args.folder / kind).glob("*_cv_*")):
            if (place / "pred_probs.npy").exists():
                lines.append(compared(kind, place))
                print(json.dumps(lines[-1]), flush=True)
    if args.out and lines:
        with whole(args.out.with_suffix(".json")) as file:
            file.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
        with whole(args.out.with_suffix(".md")) as file:
            file.write_text(page(lines), encoding="utf-8")


def compared(kind: str, place: Path) -> dict[str, object]:
    probabilities, given, truth = (
        np.load(place / f"{name}.npy") for name in ("pred_probs", "noisy_labels", "true_labels")
    )
    wrong = given != truth
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    began = time.perf_counter()
    ours = judge(Evidence(given, probabilities.shape[1], probabilities=probabilities))
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    theirs = -get_label_quality_scores(given, probabilities)
    named = find_label_issues(given, probabilities)
    rate = num_label_issues(given, probabilities, estimation_method="off_diagonal") / len(given)
    return {
        "labels": kind,
        "network": place.name.split("_cv_")[1],
        "true_rate": float(wrong.mean()),
        "rate": ours.noise_rate,
        "interval": list(ours.interval),
        "cleanlab_rate": float(rate),
        "f1": f1(ours.is_issue, wrong),
        "f1_best": best_f1(ours.suspicion, wrong),
        "cleanlab_f1": f1(named, wrong),
        "cleanlab_f1_best": best_f1(theirs, wrong),
        "differs_f1": f1(probabilities.argmax(axis=1) != given, wrong),
        "ap": float(average_precision_score(wrong, ours.suspicion)),
        "cleanlab_ap": float(average_precision_score(wrong, theirs)),
        "calibration_error": calibration_error(ours.suspicion, wrong),
        "seconds": seconds,
        "cleanlab_seconds": time.perf_counter() - began,
    }


def f1(named: np.ndarray, wrong: np.ndarray) -> float:
    return float(2 * (named & wrong).sum() / (named.sum() + wrong.sum()))


def page(lines: list[dict[str, Any]]) -> str:
    head = (
        "# The audit on stored probabilities of strong networks\n\n"
        "    python benchmarks/audit_stored_probabilities.py PATH/src/experiments --out docs/results/audit-stored\n\n"
        "Out-of-sample probabilities of the repository cleanlab/label-error-detection-benchmarks; 50,000 rows each. "
        "*differs* names every row whose prediction is not its label. cleanlab: `find_label_issues` and "
        "`num_label_issues` with their defaults (`off_diagonal` for the rate), self-confidence for its ranking.\n\n"
        "| labels | network | true | rate (90 % interval) | cleanlab | F1 / best | cleanlab F1 / best | differs F1 "
        "| AP | cleanlab AP | calibration error |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(
        "| {labels} | {network} | {true_rate:.3f} | {rate:.3f} ({interval[0]:.3f} to {interval[1]:.3f}) "
        "| {cleanlab_rate:.3f} | {f1:.3f} / {f1_best:.3f} | {cleanlab_f1:.3f} / {cleanlab_f1_best:.3f} "
        "| {differs_f1:.3f} | {ap:.3f} | {cleanlab_ap:.3f} | {calibration_error:.3f} |\n".format(**line)
        for line in lines
    )


if __name__ == "__main__":
    main()
