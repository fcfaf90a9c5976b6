"""Coverage and width of the intervals of a certified review, with the truth as the reviewer.

Every review has its own population of 3,000 rows: labels go wrong at a rate within a quarter of the nominal one, and a
model of a given strength suspects them. *Plain* is a random sample of as many rows with Wilson's interval.

    python benchmarks/certify.py --reviews 1000 --out docs/results/certify.md
    python benchmarks/certify.py --choose
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import beta

from noisewise.auditing.review.certify import design as designs
from noisewise.auditing.review.certify import estimate as estimates
from noisewise.auditing.review.certify.estimate import Estimate, Reviews, mean_wrong, recall
from noisewise.auditing.review.certify.score import Z
from noisewise.files import whole
from noisewise.judgement.threshold import best_threshold

ROWS = 3_000
RATES = (0.01, 0.02, 0.04, 0.08, 0.2, 0.4)
SIZES = (60, 100, 200, 300)
# Distance between right and wrong labels in standard deviations; factor on the log-odds of suspicion; shuffled.
MODELS: dict[str, tuple[float, float, bool]] = {
    "good": (3.5, 1.0, False),
    "fair": (2.5, 1.0, False),
    "weak": (1.0, 1.0, False),
    "overconfident": (2.0, 2.5, False),
    "underconfident": (2.5, 0.4, False),
    "useless": (0.3, 1.0, True),
    "useless and sure": (3.0, 1.0, True),
}
CHOICES: dict[str, tuple[float, ...]] = {
    "PROPORTIONAL": (0.6, 0.7, 0.8, 0.9),
    "STRATA_OPEN": (2, 3, 4),
    "STRATA_NAMED": (1, 2, 3),
    "FLOOR": (0.02, 0.04, 0.08),
    "EVIDENCE": (1, 4, 16, 1e9),
}
TEXT = """# What a certified review proves

Made by `python benchmarks/certify.py --reviews {reviews} --out docs/results/certify.md`. Every line is {reviews}
reviews, each of its own population of {rows:,} rows, with the truth as the reviewer. Rates vary by a quarter around the
nominal one. The suspicions of the models good, fair and weak are probabilities; wrong and right
labels lie 3.5, 2.5 and 1 standard deviations apart (AUROC .99, .96, .76). The overconfident and the underconfident one
multiply the log-odds by 2.5 and 0.4; *useless* suspicions, some of them near 0 and 1 (*and sure*), have nothing to do
with the labels.

*Covers* is the share of 90 % intervals that hold the truth, in per cent; at 1,000 reviews its standard error is 0.9.
*Width* is the mean width of the interval of the noise rate, in points. *Of plain* divides it by the width of Wilson's
interval (with the correction for a finite population) from a random sample of as many rows, *of exact* by that of
Clopper and Pearson.

"""


def population(model: str, rate: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(n,) whether labels are wrong, and (n,) suspicions."""
    distance, factor, shuffled = MODELS[model]
    wrong = random.random(ROWS) < rate * np.exp(random.uniform(-0.223, 0.223))
    log_odds = logit(rate) + distance * random.normal(distance * wrong) - distance**2 / 2
    suspicion = expit(factor * log_odds)
    return wrong, random.permutation(suspicion) if shuffled else suspicion


def reviewed(model: str, rate: float, seed: int) -> list[dict[str, Any]]:
    """One review, stopped at each of the sizes."""
    random = np.random.default_rng([seed, int(rate * 1000)])
    wrong, suspicion = population(model, rate, random)
    issue = suspicion > best_threshold(suspicion)
    design = designs.design(suspicion, issue, seed, max(SIZES))
    count = len(design.size)
    mean = np.bincount(design.stratum, weights=suspicion, minlength=count) / design.size
    found = []
    for size in SIZES:
        rows = design.order[:size]
        y, s = wrong[rows].astype(float), suspicion[rows]
        sums = [np.bincount(design.stratum[rows], w, minlength=count) for w in (None, y, s, s * s, s * y)]
        columns = (design.size, design.named, mean, *sums)
        found.append(
            {
                "n": size,
                "strata": "".join("ny"[named] for named in design.named.astype(int)),
                "reviews": [np.asarray(column, dtype=float) for column in columns],
                "truth": (
                    wrong.mean(),
                    wrong[issue].mean() if issue.any() else np.nan,
                    wrong[issue].sum() / wrong.sum(),
                ),
                "plain": random.hypergeometric(int(wrong.sum()), int((~wrong).sum()), size),
            }
        )
    return found


def wilson(wrong: np.ndarray, drawn: int) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval of the rate in the population, from a random sample of it."""
    n = drawn / (1 - drawn / ROWS)
    p = wrong / drawn
    middle, half = p + Z**2 / 2 / n, Z * np.sqrt(p * (1 - p) / n + Z**2 / 4 / n**2)
    return (middle - half) / (1 + Z**2 / n), (middle + half) / (1 + Z**2 / n)


def exact(wrong: np.ndarray, drawn: int) -> tuple[np.ndarray, np.ndarray]:
    """The interval of Clopper and Pearson."""
    low, high = beta.ppf(0.05, wrong, drawn - wrong + 1), beta.ppf(0.95, wrong + 1, drawn - wrong)
    return np.nan_to_num(low), np.nan_to_num(high, nan=1.0)


def holds(found: Estimate, truth: np.ndarray) -> np.ndarray:
    """(r,) whether the interval holds the truth; NaN where there is none."""
    inside = (found.low <= truth + 1e-9) & (found.high >= truth - 1e-9)
    return np.where(np.isnan(truth), np.nan, inside)


def judged(cell: list[dict[str, Any]]) -> pd.DataFrame:
    """A line per review of one size, from its counts; reviews with equal strata are computed at once."""
    parts = []
    for strata, group in itertools.groupby(sorted(cell, key=lambda line: line["strata"]), lambda line: line["strata"]):
        lines = list(group)
        reviews = Reviews(*(np.stack(column) for column in zip(*(line["reviews"] for line in lines), strict=True)))
        truth = np.array([line["truth"] for line in lines])
        rate = mean_wrong(reviews)
        part = {
            "width": rate.high - rate.low,
            "rate": holds(rate, truth[:, 0]),
            "below": truth[:, 0] < rate.low - 1e-9,
            "above": truth[:, 0] > rate.high + 1e-9,
            "recall": holds(recall(reviews), truth[:, 2]),
            "error": rate.estimate - truth[:, 0],
            "plain": [line["plain"] for line in lines],
            "truth": truth[:, 0],
        }
        if "y" in strata:
            part["precision"] = holds(mean_wrong(reviews.only(np.array([name == "y" for name in strata]))), truth[:, 1])
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def line(model: str, rate: float, size: int, found: pd.DataFrame) -> dict[str, Any]:
    """A line of the table."""
    plain, whole_width = wilson(found["plain"].to_numpy(), size), found["width"].mean()
    low, high = exact(found["plain"].to_numpy(), size)
    truth = found["truth"].to_numpy()
    return {
        "model": model,
        "rate": rate,
        "n": size,
        "covers": 100 * found["rate"].mean(),
        "too high": 100 * found["below"].mean(),
        "too low": 100 * found["above"].mean(),
        "bias": 100 * found["error"].mean(),
        "width": 100 * whole_width,
        "of plain": whole_width / np.mean(plain[1] - plain[0]),
        "of exact": whole_width / np.mean(high - low),
        "plain covers": 100 * holds(Estimate(truth, *plain), truth).mean(),
        "precision covers": 100 * found["precision"].mean() if "precision" in found else np.nan,
        "recall covers": 100 * found["recall"].mean(),
    }


def table(reviews: int, rates: tuple[float, ...] = RATES, models: Mapping[str, Any] = MODELS) -> pd.DataFrame:
    """A line per model, rate and number of reviews."""
    lines = []
    for model, rate in itertools.product(models, rates):
        drawn = [reviewed(model, rate, seed) for seed in range(reviews)]
        lines += [line(model, rate, size, judged([one[at] for one in drawn])) for at, size in enumerate(SIZES)]
    return pd.DataFrame(lines)


def choose(reviews: int) -> pd.DataFrame:
    """Mean and largest width for every value of every constant, the others as they are."""
    found = []
    for name, values in CHOICES.items():
        module = estimates if name == "EVIDENCE" else designs
        present = getattr(module, name)
        for value in values:
            setattr(module, name, value if name in ("PROPORTIONAL", "FLOOR", "EVIDENCE") else int(value))
            cells = table(reviews, (0.02, 0.08, 0.3))
            useless = cells["model"].str.startswith("useless")
            found.append(
                {
                    "constant": name,
                    "value": value,
                    "of plain, mean": cells["of plain"][~useless].mean(),
                    "of plain, useless": cells["of plain"][useless].mean(),
                    "of plain, largest": cells["of plain"].max(),
                    "least cover": cells["covers"].min(),
                    "precision, least": cells["precision covers"].min(),
                }
            )
            print(found[-1], flush=True)
        setattr(module, name, present)
    return pd.DataFrame(found)


def page(cells: pd.DataFrame, reviews: int) -> str:
    """The tables in Markdown."""
    models = cells.groupby("model", sort=False)
    short = models[["covers", "of plain", "of exact", "precision covers", "recall covers"]].mean()
    short.insert(1, "least", models["covers"].min())
    short.insert(2, "most", models["covers"].max())
    short.insert(4, "largest", models["of plain"].max())
    text = TEXT.format(reviews=reviews, rows=ROWS) + markdown(short.reset_index())
    between = cells["covers"].between(88, 95)
    few = cells[cells["covers"] < 88]
    text += f"\nOf {len(cells)} cells, {between.sum()} are covered in 88 to 95 %, {len(few)} less often, and "
    text += f"{(cells['covers'] > 95).sum()} more often.\n\n## Every cell\n\n"
    return text + markdown(cells)


def markdown(frame: pd.DataFrame) -> str:
    """A frame as a Markdown table."""
    digits = {"rate": 2, "width": 1, "of plain": 2, "of exact": 2, "largest": 2, "bias": 2}
    lines = ["| " + " | ".join(frame.columns) + " |", "|---" * len(frame.columns) + "|"]
    for record in frame.to_dict("records"):
        cells = [f"{v:.{digits.get(str(k), 1)}f}" if isinstance(v, float) else str(v) for k, v in record.items()]
        lines.append("| " + " | ".join("" if cell == "nan" else cell for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=int, default=1000)
    parser.add_argument("--choose", action="store_true", help="compare the constants instead, with 100 reviews each")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.choose:
        print(choose(100).to_string(float_format="{:.3f}".format))
        return
    cells = table(args.reviews)
    print(cells.to_string(float_format="{:.2f}".format))
    if args.out:
        with whole(args.out) as file:
            file.write_text(page(cells, args.reviews), encoding="utf-8")


if __name__ == "__main__":
    main()
