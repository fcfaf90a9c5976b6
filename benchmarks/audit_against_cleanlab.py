"""Our audit compared with cleanlab, with the same model on the same data, in the same run.

    python benchmarks/audit_against_cleanlab.py --precision bf16 --out docs/results/audit
    python benchmarks/audit_against_cleanlab.py --only cifar --precision bf16 --out docs/results/audit
    python benchmarks/audit_against_cleanlab.py fashion-mnist symmetric:0.2 instance:0.3 --epochs 6

Without a source, the sets of the published table, or those whose name has the words of `--only` in it; lines that the
page already has stay. cleanlab is used as its users do: with five-fold out-of-sample probabilities (of the last epoch,
where the model is a network), its default label quality score, its default filter, and its own estimate of the number
of issues. A `-` injects nothing. Both run one after the other, so their seconds
compare as far as the load of the machine stays the same.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.count import num_label_issues
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn import datasets

from noisewise.auditing.gathering.candidates.networks import FOLDS
from noisewise.auditing.gathering.gather import gather
from noisewise.auditing.gathering.recipe import EPOCHS, training_config
from noisewise.auditing.metrics import score_against_truth
from noisewise.auditing.pipeline import audit
from noisewise.auditing.plan import AuditPlan
from noisewise.data import Dataset, folds, load, subset
from noisewise.data.rows import Rows
from noisewise.files import whole, write_json
from noisewise.methods import build
from noisewise.noise import corrupt
from noisewise.training import Training
from noisewise.training.streams import predicted

THEIR_FOLDS = 5
MEASURES = ("f1", "f1_best", "average_precision", "auroc", "calibration_error")
SETS = {
    ("digits", "symmetric:0.2"): None,
    ("breast cancer", "pair:0.1"): None,
    ("clusters", "symmetric:0.2"): None,
    ("mnist", "-"): 10_000,
    ("fashion-mnist", "-"): 10_000,
    ("fashion-mnist", "symmetric:0.2"): 10_000,
    ("fashion-mnist", "asymmetric:0.2"): 10_000,
    ("fashion-mnist", "instance:0.3"): 10_000,
    ("cifar10n-aggre", "-"): 30_000,
    ("cifar10n-random1", "-"): 30_000,
    ("cifar10", "symmetric:0.2"): 30_000,
}
PAGE = """# The audit compared with cleanlab

Made by `python benchmarks/audit_against_cleanlab.py --precision {precision} --out docs/results/audit`, one thread, on a
shared machine. Where a data set has more rows than named, so many were drawn. Both use the model `{model}` for images
({precision}) and the forest for tables.
noisewise is the default audit, {ours} networks trained on 60 % of the rows for {epochs} epochs, with its search for
duplicates and outliers. cleanlab {version} has {theirs}-fold probabilities of networks trained for {epochs} epochs, its
default score, filter and count of issues. *best F1* is that of the best threshold on the same score (cleanlab's filter
does not threshold its score). *calibration* is the expected calibration error: of cleanlab that of one minus its score,
which does not claim to be a probability. Where nothing is wrong, *named* is all there is.

| data | noise | | true rate | rate (90 % interval) | named | F1 | best F1 | AP | AUROC | calibration | seconds |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def tables() -> dict[str, Callable[[], Dataset]]:
    """Tables of scikit-learn by name."""
    settings = {"flip_y": 0, "random_state": 0, "n_informative": 8, "n_redundant": 4, "class_sep": 1.5}
    return {
        "breast cancer": lambda: _table("breast cancer", *datasets.load_breast_cancer(return_X_y=True)),
        "clusters": lambda: _table(
            "clusters",
            *datasets.make_classification(2000, 20, n_classes=5, n_clusters_per_class=3, shift=0.0, **settings),
        ),
    }


def _table(name: str, columns: np.ndarray, labels: np.ndarray) -> Dataset:
    classes = tuple(map(str, range(labels.max() + 1)))
    return Dataset(columns.astype(np.float32), labels.astype(np.int64), classes, kind="table", name=name)


def noisy(source: str, spec: str, rows: int | None, seed: int) -> Dataset:
    """The data set with noise, and with a truth in every case."""
    made = tables()
    data = made[source]() if source in made else load(source)
    data = data if rows is None or rows >= len(data) else subset(data, rows, seed)
    if spec != "-":
        return corrupt(data, spec, seed=seed)
    return data if data.truth is not None else replace(data, truth=data.given)


def ours(data: Dataset, model: str, config: dict[str, Any], seed: int) -> dict[str, Any]:
    """The measures of the default audit."""
    settings = {} if data.kind != "image" else {"model": model, **config}
    found = audit(data, seed=seed, **settings)
    rate = {"noise_rate": found.noise_rate, "interval": list(found.interval), "named": float(found.is_issue.mean())}
    return {**found.metrics, **rate, "seconds": found.seconds}


def theirs(data: Dataset, model: str, config: dict[str, Any], seed: int) -> dict[str, Any]:
    """The measures of cleanlab on cross-validated probabilities."""
    began = time.perf_counter()
    if data.kind != "image":
        plan = AuditPlan(model="linear" if data.kind == "text" else "forest", folds=THEIR_FOLDS, seed=seed)
        probabilities = gather(data.blind(), plan).probabilities
        assert probabilities is not None
    else:
        probabilities = out_of_sample(data.blind(), model, config, seed)
    suspicion = 1 - get_label_quality_scores(data.given, probabilities)
    named = find_label_issues(data.given, probabilities)
    rate = num_label_issues(data.given, probabilities) / len(data)
    seconds = time.perf_counter() - began
    assert data.truth is not None
    metrics = score_against_truth(suspicion, named, probabilities.argmax(axis=1), data.given, data.truth)
    return {**metrics, "noise_rate": rate, "named": float(named.mean()), "seconds": seconds}


def out_of_sample(data: Dataset, model: str, config: dict[str, Any], seed: int) -> np.ndarray:
    """(n, K) probabilities of networks that did not train on the row, at the end of their training."""
    numbers = folds(data.given, THEIR_FOLDS, seed)
    probabilities = np.zeros((len(data), len(data.classes)))
    for fold in range(THEIR_FOLDS):
        held = numbers == fold
        parts = replace(data.take(~held), validation=None, test=None, trusted=None)
        settings = {name: value for name, value in config.items() if name != "epochs"}
        training = Training(parts, model, training_config(model, config.get("epochs"), seed + fold, settings))
        build("ce")(training)
        assert training.predictor is not None
        rows = Rows(data.take(held), training.device, normalise=training.rows.normalise)
        probabilities[held] = predicted(training.predictor, rows).double().cpu().numpy()
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def compared(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A line per set and library."""
    chosen = [(args.source, spec) for spec in args.specs] if args.source else list(SETS)
    sets = [(*one, args.rows or SETS.get(one)) for one in chosen if args.only is None or args.only in one[0]]
    config = {key: value for key in ("epochs", "precision") if (value := getattr(args, key)) is not None}
    for source, spec, rows in sets:
        data = noisy(source, spec, rows, args.seed)
        for name, measure in {"noisewise": ours, "cleanlab": theirs}.items():
            if args.by not in (None, name):
                continue
            found = measure(data, args.model, config, args.seed)
            line = {"data": source, "noise": spec, "rows": len(data), "by": name, **found}
            print(*(f"{value:.3f}" if isinstance(value, float) else value for value in line.values()), flush=True)
            yield line


def page(lines: list[dict[str, Any]], args: argparse.Namespace) -> str:
    """The table in Markdown."""
    from importlib.metadata import version

    epochs = args.epochs or EPOCHS
    text = PAGE.format(
        model=args.model,
        precision=args.precision or "fp32",
        ours=FOLDS,
        epochs=epochs,
        version=version("cleanlab"),
        theirs=THEIR_FOLDS,
    )
    for line in lines:
        interval = "" if "interval" not in line else " ({:.3f} to {:.3f})".format(*line["interval"])
        measures = " | ".join(f"{line[key]:.3f}" if key in line else "" for key in MEASURES)
        text += (
            f"| {line['data']} ({line['rows']:,}) | {line['noise'] if line['noise'] != '-' else ''} | {line['by']} "
            f"| {line['true_noise_rate']:.3f} | {line['noise_rate']:.3f}{interval} | {line['named']:.3f} | {measures} "
            f"| {line['seconds']:.0f} |\n"
        )
    return text


def together(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The old lines with the new ones in their places, in the order of `SETS`."""

    def key(line: dict[str, Any]) -> tuple[str, str, str]:
        return line["data"], line["noise"], line["by"]

    order = {one: place for place, one in enumerate(SETS)}
    merged = {key(line): line for line in (*old, *new)}
    return sorted(merged.values(), key=lambda line: order.get((line["data"], line["noise"]), len(order)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?")
    parser.add_argument("specs", nargs="*", default=["-"])
    parser.add_argument("--model", default="fast")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--by", choices=("noisewise", "cleanlab"), help="only this one; the seconds then compare less")
    parser.add_argument("--precision", choices=("fp32", "bf16"))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--only", help="of the published sets those whose name has this in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="without suffix: .json and .md are written, after every line")
    args = parser.parse_args()
    for line in compared(args):
        if args.out:
            stored = args.out.with_suffix(".json")
            lines = together(json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else [], [line])
            write_json(stored, lines)
            with whole(args.out.with_suffix(".md")) as file:
                file.write_text(page(lines, args), encoding="utf-8")


if __name__ == "__main__":
    main()
