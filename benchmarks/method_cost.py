"""Training cost of every method relative to cross entropy, in one run, and the passes its card counts.

    python benchmarks/method_cost.py --model fast --rows 512 --epochs 6 --repeat 3 --out docs/results/method-cost.json

All methods train on the same synthetic images, in turn, `repeat` times, each right after a training by `ce`. A method's
figure is the median over turns of its time over that of this `ce`. Evaluation is not counted, work between epochs is.
The table is also written as Markdown, next to the JSON.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data import Dataset, split
from noisewise.files import whole, write_json
from noisewise.methods import METHODS, build, card
from noisewise.training import Config, Training


def synthetic(rows: int, size: int, channels: int, classes: int = 10) -> Dataset:
    """Random images whose mean brightness reveals the class, with 30 % of the labels redrawn."""
    rng = np.random.default_rng(0)
    truth = rng.integers(classes, size=rows)
    images = rng.integers(0, 100, (rows, size, size, channels)) + (truth * 15)[:, None, None, None]
    given = np.where(rng.random(rows) < 0.3, rng.integers(classes, size=rows), truth)
    return Dataset(images.astype(np.uint8), given, tuple(map(str, range(classes))), "image", truth=truth)


def seconds(data: Dataset, method: str, model: str, epochs: int) -> float:
    training = Training(data, model, Config(epochs=epochs, augment="none", validation=0.0))
    build(method)(training)
    return training.seconds


def table(settings: dict[str, Any], found: dict[str, dict[str, float]]) -> str:
    """The figures as a page of the documentation."""
    said = " ".join(f"--{key} {value}" for key, value in settings.items())
    lines = [
        f"| {name} | {v['forwards']:g} | {v['backwards']:g} | {v['counted']:.2f} | {v['measured']:.2f} |"
        for name, v in found.items()
    ]
    head = [
        "# Cost of a method\n",
        f"    python benchmarks/method_cost.py {said} --out docs/results/method-cost.json\n",
        "Passes through one network per training row and epoch; the cost they make relative to `ce` (*counted*, a",
        "backward pass as two forward ones); training time relative to that of a training by `ce` right before it, the",
        f"median of {settings['repeat']} such pairs (*measured*).\n",
        "| method | forward | backward | counted | measured |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *lines]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="cnn9")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    data = split(synthetic(args.rows + 128, args.size, args.channels), trusted=128)
    ratios: dict[str, list[float]] = {name: [] for name in args.methods}
    for _ in range(args.repeat):
        for name in args.methods:
            base = seconds(data, "ce", args.model, args.epochs)
            ratios[name].append(seconds(data, name, args.model, args.epochs) / base)
    print(f"{'method':18}{'forward':>9}{'backward':>9}{'counted':>9}{'measured':>10}  (min to max)")
    found = {}
    for name, values in ratios.items():
        c, middle = card(name), statistics.median(values)
        found[name] = {"forwards": c.forwards, "backwards": c.backwards, "counted": c.relative_cost, "measured": middle}
        print(
            f"{name:18}{c.forwards:9g}{c.backwards:9g}{c.relative_cost:9.2f}{middle:10.2f}  ({min(values):.2f} to "
            f"{max(values):.2f})"
        )
    if args.out:
        settings = {k: v for k, v in vars(args).items() if k not in ("out", "methods")}
        write_json(args.out, {"settings": settings, "methods": found})
        with whole(args.out.with_suffix(".md")) as page:
            page.write_text(table(settings, found), encoding="utf-8")


if __name__ == "__main__":
    main()
