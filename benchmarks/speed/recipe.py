"""The network `speedy` with the recipe on its card beside `fast`: test accuracy after the same processor time.

    OMP_NUM_THREADS=1 python -m benchmarks.speed recipe                                      # after one minute
    OMP_NUM_THREADS=1 python -m benchmarks.speed.recipe --seconds 240 600 --models fast speedy      # a table

Every training is one of the library's trainer on all training rows of CIFAR-10. A short training first tells how many
epochs fit into the time, so that the schedule ends with it. The second command prints one line per training.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from noisewise.data import Dataset, load
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.models import recipe_of
from noisewise.training import Config, Training

from .arms import FAST
from .row import Row

COMMAND = "python -m benchmarks.speed recipe"
SECONDS = 60.0
TRIED = 2560  # rows of the short training
MODELS = ("fast", "speedy")


@dataclass(frozen=True)
class Reached:
    """Where a training came to.

    Attributes:
        epochs: of the training.
        seconds: of the processor that it took.
        accuracy: on the test rows.
    """

    epochs: int
    seconds: float
    accuracy: float


def reached(data: Dataset, model: str, seconds: float, *, method: str = "ce", **settings: object) -> Reached:
    """Train for about some seconds of one processor.

    Args:
        data: with test rows.
        model: of the catalogue; the recipe on its card is followed.
        seconds: of processor time.
        method: by which the network trains.
        **settings: further fields of `Config`.
    """
    tried = data.take(np.arange(min(TRIED, len(data))))
    one, more = (_trained(tried, model, method, epochs, settings)[1] for epochs in (1, 3))
    epoch = max(more - one, one / 5) / 2 * len(data) / len(tried)
    epochs = max(1, round(seconds / epoch))
    accuracy, taken = _trained(data, model, method, epochs, settings)
    return Reached(epochs, taken, accuracy)


def _trained(data: Dataset, model: str, method: str, epochs: int, settings: dict[str, object]) -> tuple[float, float]:
    """The test accuracy and the processor seconds of a training, without those of the test."""
    config = Config(epochs=epochs, validation=0.0, select="last", **settings).following(recipe_of(model))  # type: ignore[arg-type]
    began = time.process_time()
    training = Training(data, model, config, evaluate_from=epochs)  # the test is not part of the time
    build(method)(training)
    taken = time.process_time() - began
    assert training.predictor is not None
    right = training.probabilities(training.predictor, "test").argmax(dim=1) == training.split("test").given
    return float(right.float().mean()), taken


def measure(quick: bool) -> list[Row]:
    """The line of the table; none where CIFAR-10 is not on this machine."""
    if quick:
        images = FAST.data()
        data = replace(images.take(np.arange(512)), test=images.take(np.arange(512, 768)).alone())
    else:
        try:
            data = load("cifar10")
        except BadInput:
            return []
    seconds = 1.0 if quick else SECONDS
    fast, speedy = (reached(data, model, seconds, precision="bf16") for model in MODELS)
    gain = speedy.accuracy - fast.accuracy
    note = (
        f"{fast.accuracy:.3f} in {fast.epochs} epochs and {fast.seconds:.0f} s, {speedy.accuracy:.3f} in "
        f"{speedy.epochs} and {speedy.seconds:.0f} s; one seed, no spread; bf16, JPEG images"
    )
    what = f"CIFAR-10 after {seconds:.0f} CPU seconds: test accuracy of speedy less that of fast"
    return [Row(what, ">= 0", gain, gain, gain, command=COMMAND, note=note)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[240.0, 600.0, 1200.0])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--method", default="ce")
    parser.add_argument("--precision", default="bf16")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load("cifar10")
    for seconds in args.seconds:
        for model in args.models:
            found = reached(data, model, seconds, method=args.method, precision=args.precision)
            print(
                f"| {seconds:.0f} | {model} | {args.method} | {args.precision} | {found.epochs} | {found.seconds:.0f} "
                f"| {found.accuracy:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
