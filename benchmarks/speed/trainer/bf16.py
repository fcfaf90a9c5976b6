"""What bf16 autocast changes on a CPU: accuracy and how well margins find wrong labels, beside the spread of seeds.

    NOISEWISE_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.speed.trainer.bf16 --out docs/results/precision.md

Every seed trains twice, in fp32 and in bf16, with everything else equal: the same weights at first, order and
augmentation. 20 % of the labels are wrong.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from noisewise.data import load, subset
from noisewise.files import whole
from noisewise.methods import build
from noisewise.noise import corrupt
from noisewise.training import Config, Training

from ..arms import narrow_resnet

CASES: dict[str, tuple[str, Any]] = {
    "LeNet, Fashion-MNIST": ("fashion-mnist", "lenet"),
    "MLP 512x512, Fashion-MNIST": ("fashion-mnist", "mlp"),
    "fast, CIFAR-10": ("cifar10", "fast"),
    "ResNet-18 of a quarter width, CIFAR-10": ("cifar10", narrow_resnet),
}
NOISE = "symmetric:0.2"
HEAD = """# bf16 on a CPU

    {command}

{rows} rows with 20 % wrong labels, {epochs} epochs, {seeds} seeds; torch {torch}. *Spread* is the standard deviation
over seeds in fp32, *change* the mean over seeds of bf16 minus fp32, with its standard error. Precision: average
precision with which the mean margin of the ledger ranks wrong labels first.

| network | accuracy, fp32 | spread | change | precision, fp32 | spread | change |
|---|---|---|---|---|---|---|
"""


def outcome(source: str, model: Any, rows: int, epochs: int, seed: int, precision: str) -> tuple[float, float]:
    """Test accuracy, and the average precision of the margin."""
    data = corrupt(subset(load(source), rows, seed=seed), NOISE, seed=seed)
    config = Config(epochs=epochs, seed=seed, precision=precision, validation=0.0, schedule="one-cycle", device="cpu")
    training = Training(data, model, config, evaluate_from=epochs - 1)
    build("ce")(training)
    assert data.truth is not None
    margins = training.ledger.statistics()["margin_mean"][data.index]
    found = average_precision_score(data.truth != data.given, -margins)
    return float(training.history[-1]["test_accuracy"]), float(found)


def cells(found: dict[str, list[tuple[float, float]]], which: int) -> str:
    """Mean and spread in fp32, and the change by bf16."""
    base, half = ([pair[which] for pair in found[precision]] for precision in ("fp32", "bf16"))
    change = [two - one for one, two in zip(base, half, strict=True)]
    error = statistics.stdev(change) / np.sqrt(len(change))
    return f"{statistics.mean(base):.3f} | {statistics.stdev(base):.3f} | {statistics.mean(change):+.3f} ± {error:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    stated = f"--rows {args.rows} --epochs {args.epochs} --seeds {args.seeds}"
    page = HEAD.format(
        command=f"NOISEWISE_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.speed.trainer.bf16 {stated}",
        torch=torch.__version__,
        **vars(args),
    )
    for name, (source, model) in CASES.items():
        found = {
            precision: [outcome(source, model, args.rows, args.epochs, seed, precision) for seed in range(args.seeds)]
            for precision in ("fp32", "bf16")
        }
        line = f"| {name} | {cells(found, 0)} | {cells(found, 1)} |"
        print(line, flush=True)
        page += line + "\n"
    if args.out:
        with whole(args.out) as file:
            file.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
