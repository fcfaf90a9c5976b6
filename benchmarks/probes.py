"""Cost of probes relative to the training they are attached to, measured in the same run.

python benchmarks/probes.py --out docs/results/probes.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

import noisewise as nw
from noisewise.files import whole

_HEAD = """\
# What probes cost

    python benchmarks/probes.py --rows {rows} --epochs {epochs} --examples {examples} --out docs/results/probes.md

Fashion-MNIST with symmetric:0.4, {rows:,} rows, batches of 128, one thread; every probe measures {examples} rows after
every epoch, in the same run as the training. *Rows* is the number of training rows that are trained on in the time of
one measurement: divide it by the rows of an epoch to see what a probe adds to it.

| network | probe | seconds per measurement | rows |
|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--models", nargs="+", default=["lenet", "fast"])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    noisy = nw.corrupt(nw.subset(nw.load("fashion-mnist"), args.rows, seed=0), "symmetric:0.4", seed=0)
    lines = []
    for model in args.models:
        names = ",".join(f"{name}:examples={args.examples}" for name in nw.PROBES)
        run = nw.train(noisy, "ce", model=model, epochs=args.epochs, validation=0.0, probe=names)
        for name, seconds in run.metrics["probe_seconds"].items():
            each = seconds / args.epochs
            lines.append(f"| {model} | `{name}` | {each:.3f} | {each * run.metrics['examples_per_second']:,.0f} |\n")
            print(lines[-1], end="")
    with whole(args.out) as page:
        head = _HEAD.format(rows=args.rows, epochs=args.epochs, examples=args.examples)
        page.write_text(head + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
