"""How often the 90 % interval of the noise rate covers the truth, over repeated draws of noise.

Each draw injects noise with its own seed and audits the rows anew with that seed.

    python benchmarks/coverage.py --draws 10 --out docs/results/coverage.md
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import noisewise as nw
from noisewise.files import whole

SPECS = (
    *(f"symmetric:{rate}" for rate in (0.0, 0.05, 0.1, 0.2, 0.3, 0.45)),
    *(f"pair:{rate}" for rate in (0.1, 0.2, 0.3)),
    *(f"instance:{rate}" for rate in (0.1, 0.2, 0.3, 0.45)),
)
SETTINGS = {"network": "fast", "forest": "forest"}
TEXT = """# How often the interval of the noise rate covers the truth

Made by `python benchmarks/coverage.py --draws {draws} --out docs/results/coverage.md`. The data are 1,438 digits.
Every draw injects noise with its own seed and audits with that seed, by the defaults. *covers* is the share of
draws whose 90 % interval holds the true rate; error is the estimate minus the truth; width is that of the interval.

"""


def drawn(setting: str, spec: str, seed: int) -> dict[str, Any]:
    """One audit of one draw."""
    torch.set_num_threads(1)
    found = nw.audit("digits", corrupt=spec, model=SETTINGS[setting], seed=seed, conditions=False)
    low, high = found.interval
    true = found.metrics["true_noise_rate"]
    return {
        "model": setting,
        "noise": spec,
        "seed": seed,
        "true": true,
        "rate": found.noise_rate,
        "covers": low <= true <= high,
        "error": found.noise_rate - true,
        "width": high - low,
        "named": float(found.is_issue.mean()),
        "F1": found.metrics.get("f1"),
        "best F1": found.metrics.get("f1_best"),
    }


def table(found: pd.DataFrame) -> pd.DataFrame:
    """A line per setting and noise."""
    parts = found.groupby(["model", "noise"], sort=False)
    lines = parts[["true", "rate"]].mean()
    lines["mean error"] = parts["error"].mean()
    lines["largest error"] = parts["error"].agg(lambda values: values.abs().max())
    return lines.join(parts[["covers", "width", "named", "F1", "best F1"]].mean()).reset_index()


def page(found: pd.DataFrame, draws: int) -> str:
    """The table, and over all draws of each setting."""
    lines = table(found)
    text = TEXT.format(draws=draws) + "| " + " | ".join(lines.columns) + " |\n" + "|---" * len(lines.columns)
    text += "|\n"
    for _, line in lines.iterrows():
        cells = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in line]
        text += "| " + " | ".join("" if cell == "nan" else cell for cell in cells) + " |\n"
    whole_share = found.groupby("model", sort=False)["covers"].agg(["mean", "size"])
    text += "\n" + "".join(
        f"Of all {int(size)} draws of {name}, {100 * share:.1f} % are covered.\n\n"
        for name, (share, size) in whole_share.iterrows()
    )
    return text.rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    work = [(name, spec, seed) for name in SETTINGS for spec in SPECS for seed in range(args.draws)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = pd.DataFrame(pool.map(drawn, *zip(*work, strict=True)))
    print(table(found).to_string(float_format="{:.3f}".format))
    if args.out:
        with whole(args.out) as file:
            file.write_text(page(found, args.draws), encoding="utf-8")


if __name__ == "__main__":
    main()
