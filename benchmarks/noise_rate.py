"""The noise rate that methods estimate for themselves, compared with the true one, after some epochs of training.

python benchmarks/noise_rate.py --rows 6000 --epochs 15 --at 5 15
"""

from __future__ import annotations

import argparse

from noisewise.data import load, split, subset
from noisewise.methods import METHODS
from noisewise.methods.rate import estimated_noise_rate
from noisewise.noise import corrupt
from noisewise.training import Chain, Config, EpochEnd, Method, Training
from noisewise.training.recipe import single

NOISES = ("symmetric:0", "symmetric:0.2", "symmetric:0.5", "symmetric:0.8", "asymmetric:0.4")


class RateRecorder(Method):
    """Records the estimate after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[float] = []

    def refit(self, epoch_end: EpochEnd) -> None:
        self.found.append(estimated_noise_rate(epoch_end.ledger))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="fashion-mnist")
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--at", type=int, nargs="*", default=[5, 15])
    parser.add_argument("--methods", nargs="*", default=["ce", "coteaching"])
    args = parser.parse_args()
    clean = subset(load(args.source), args.rows, 0)
    config = Config(epochs=args.epochs, lr=0.05, weight_decay=1e-4)
    for noise in NOISES:
        noisy = corrupt(clean, noise, seed=0)
        for name in args.methods:
            recorder = RateRecorder()
            single(Training(split(noisy, validation=0.1), args.model, config), Chain([METHODS[name](), recorder]))
            found = ", ".join(f"{recorder.found[epoch - 1]:.2f}" for epoch in args.at)
            print(f"{noise:16}{noisy.noise_rate:6.2f}  {name:12}{found}", flush=True)


if __name__ == "__main__":
    main()
