"""Methods that need the noise rate: what they end at with their own estimate, with the stated rate, and `ce`.

    python benchmarks/self_set_rate.py --source fashion-mnist --rows 4000 --epochs 20

Prints a table: per noise and method the mean test accuracy of the last three epochs with the estimated rate and with
the stated one, next to `ce` in the same run; the estimate at the end; and the epoch after which learning had settled.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np

from noisewise.data import Dataset, load, split, subset
from noisewise.methods import build
from noisewise.methods.rate import NoiseRate
from noisewise.noise import corrupt
from noisewise.training import Config, Method, Training
from noisewise.training.observer import Observer, Row

LAST = 3  # epochs that the accuracy is averaged over


class Watch(Observer):
    """Notes the noise rate of a method, and after which epoch its learning had settled."""

    def __init__(self) -> None:
        self.rate, self.settled = 0.0, 0

    def after_epoch(self, training: Training, method: Method) -> Row:
        for part in method.modules():
            if isinstance(part, NoiseRate):
                self.rate, self.settled = part.value, part.settled_at
        return {}


@dataclass(frozen=True)
class Outcome:
    """The end of a training: test accuracy, noise rate, and the epoch after which learning had settled."""

    accuracy: float
    rate: float
    settled: int


def trained(data: Dataset, model: str, config: Config, spec: str, noise_rate: float | None = None) -> Outcome:
    """Train by a method."""
    watch = Watch()
    training = Training(data, model, config, observers=[watch], noise_rate=noise_rate)
    build(spec)(training)
    accuracy = float(np.mean([row["test_accuracy"] for row in training.history[-LAST:]]))
    return Outcome(accuracy, watch.rate, watch.settled)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="mnist")
    parser.add_argument("--labels", help="label column of a table")
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--tested", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noises", nargs="*", default=["symmetric:0", "symmetric:0.5", "symmetric:0.8"])
    parser.add_argument("--methods", nargs="*", default=["coteaching", "jocor", "self-paced", "cdr"])
    args = parser.parse_args()
    whole = load(args.source, labels=args.labels)
    config = Config(epochs=args.epochs, lr=0.05, weight_decay=1e-4, seed=args.seed, select="last")
    print(
        "| noise | method | `ce` | estimated | stated | the estimate | settled after |\n|---|---|---|---|---|---|---|"
    )
    for noise in args.noises:
        noisy = corrupt(subset(whole, args.rows, args.seed), noise, seed=args.seed)
        if noisy.test is not None and len(noisy.test) > args.tested:
            noisy = replace(noisy, test=subset(noisy.test, args.tested, args.seed))
        data = split(noisy, validation=0.1, seed=args.seed)
        plain = trained(data, args.model, config, "ce").accuracy
        for spec in args.methods:
            own = trained(data, args.model, config, spec)
            told = trained(data, args.model, config, spec, noisy.noise_rate)
            shown = (plain, own.accuracy, told.accuracy, own.rate)
            numbers = " | ".join(f"{100 * value:.1f}" for value in shown)
            print(f"| `{noise}` | `{spec}` | {numbers} | {own.settled or 'never'} |", flush=True)


if __name__ == "__main__":
    main()
