"""Methods whose phases end at their best epoch on noisy validation, beside plain training on the same rows.

    python benchmarks/phases_kept_best.py SOURCE METHOD[,METHOD...] [seed ...]

4,000 rows of which a tenth is for validation and 200 are trusted rows, half of the labels wrong (symmetric), LeNet, 40
epochs at lr .05 and weight decay 1e-4. The same command in a checkout of an earlier version gives the numbers before.
Prints per method and seed the test accuracy of the weights that the training ends with, of those that noisy validation
selects, and of the best epoch, in percent; for Meta-Weight-Net also V at some losses, early and at the end.

Fashion-MNIST, seed 0, before (last weights of every phase, one schedule for all; V not divided by its mean) and after:

    | method          | last, before | last, after | selected, before | selected, after |
    |---|---|---|---|---|
    | ce              |              | 59.0        |                  | 79.2            |
    | forward         | 71.7         | 79.8        | 78.0             | 77.5            |
    | backward        | 10.0         | 76.1        | 59.9             | 76.1            |
    | t-revision      | 75.0         | 76.6        | 76.5             | 76.6            |
    | s-model         | 60.9         | 77.0        | 79.2             | 79.3            |
    | meta-weight-net | 59.0         | 69.2        | 78.8             | 75.5            |
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from noisewise.methods.learned.meta_weight_net import WeightNet
from noisewise.run.experiment import Experiment
from noisewise.training import Method, Observer, Training

EPOCHS, EARLY = 40, 5
LOSSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
SETTINGS: dict[str, Any] = {
    "corrupt": "symmetric:0.5",
    "model": "lenet",
    "rows": 4000,
    "tested": 3000,
    "trusted": 200,
    "epochs": EPOCHS,
    "lr": 0.05,
    "weight_decay": 1e-4,
}


class Shape(Observer):
    """Notes the weight function of Meta-Weight-Net at `LOSSES`, after epoch `EARLY` and after the last."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def after_epoch(self, training: Training, method: Method) -> dict[str, Any]:
        """Note V after the two epochs."""
        net = next((part for part in method.modules() if isinstance(part, WeightNet)), None)
        if net is not None and len(training.history) + 1 in (EARLY, EPOCHS):
            with torch.no_grad():
                self.seen.append(net.v(torch.tensor(LOSSES)[:, None])[:, 0].tolist())
        return {}


def measure(source: str, method: str, seed: int) -> str:
    """One line of the table."""
    shape = Shape()
    run = Experiment.of(source, method=method, seed=seed, **SETTINGS).run(observers=[shape])
    last, chosen, best = (run.metrics[f"test_accuracy_{name}"] for name in ("last", "selected", "best"))
    text = f"{method:32} seed {seed}  last {last:6.1%}  selected {chosen:6.1%}  best {best:6.1%}"
    return "  V ".join([text, *(" ".join(f"{v:.2f}" for v in values) for values in shape.seen)])


def main(source: str, methods: str, *seeds: str) -> None:
    """Measure and print."""
    for seed in map(int, seeds or ("0",)):
        for method in methods.split(","):
            print(measure(source, method, seed), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
