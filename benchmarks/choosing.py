"""The page that answers "which of these should I use?", written from measured grids alone.

    noisewise bench benchmarks/specs/choosing-labels.toml --out runs/choosing-labels
    python benchmarks/results_page.py benchmarks/specs/choosing-labels.toml runs/choosing-labels \\
        docs/results/choosing-labels
    (both for choosing-imbalance, too)
    python benchmarks/choosing.py docs

Per kind of noise it names the methods with the best last epoch: among those that need trusted rows and those that do
not, within a budget of computing; then, for whoever does not know the noise, how far each method falls behind at worst.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from noisewise.files import whole
from noisewise.methods import card

LABELS, IMBALANCE = "choosing-labels", "choosing-imbalance"
BUDGETS = (("the cost of `ce`, up to 1.5 times", 1.5), ("any budget", float("inf")))
CLOSE = 0.5
NAMED = 3

_HEAD = """\
# Which of these should I use?

Written by `python benchmarks/choosing.py docs` from the grids below; every number is a last epoch's test accuracy in
percent that was measured here, in {setting}. Nobody tuned a method for a kind of noise or told it the rate. Accuracy
of the last epoch, since nobody who has noisy labels alone knows the best one. Methods within {close} points of the best
are named with it, at most {named}: such differences are none. *Cost* is measured, relative to `ce`.

## In short

{short}

## By kind of noise

{kinds}

## When you do not know the noise

How far each method's last epoch is behind the best of all, with or without trusted rows, over the kinds of label noise
above: at worst, and in the mean. A small worst case is what you want when you know nothing.

{regret}

## When classes differ in size

{setting_imbalance}. The test rows are balanced, so this is the mean accuracy over classes.

{imbalance}

## How far to trust this

One small network, one data set, {seeds}; noise that was injected, not human. On large images with a deep network
another may be first: [all methods at two noises](results/methods.md), [published numbers](results.md). Look at what
the methods do on *your* data: `noisewise bench` makes such a grid of any source in one command, and an
[audit](quickstart.md) says first which noise you have and how much of it.
"""


def read(folder: Path, name: str) -> pd.DataFrame:
    """A committed grid, a row per noise and method, with its cost and whether it needs trusted rows."""
    frame = pd.read_csv(folder / f"{name}.csv")
    costs = json.loads((folder / "method-cost.json").read_text(encoding="utf-8"))["methods"]
    short = frame["method"].str.partition(":")[0]
    frame["accuracy"] = frame["last"].astype(str).str.split().str[0].astype(float)
    frame["trusted"] = [card(one).needs_trusted for one in short]
    frame["times"] = [costs[one]["measured"] if one in costs else float("nan") for one in short]
    return frame


def best(rows: pd.DataFrame) -> str:
    """The best of some methods on one noise, and those that are as good, as Markdown."""
    if rows.empty:
        return ""
    ranked = rows.sort_values("accuracy", ascending=False)
    close = ranked[ranked["accuracy"] >= ranked["accuracy"].iloc[0] - CLOSE].head(NAMED)
    return ", ".join(f"`{row.method}` {row.accuracy:.1f}" for row in close.itertuples())


def kinds(frame: pd.DataFrame) -> str:
    """A table: per noise what `ce` reaches, and the best by budget and by trusted rows."""
    head = ["noise", "`ce`", *(title for title, _ in BUDGETS), "with trusted rows"]
    lines = []
    for noise, rows in frame.groupby("noise", sort=False):
        plain, trusted = rows[~rows["trusted"]], rows[rows["trusted"]]
        base = rows.loc[rows["method"] == "ce", "accuracy"].iloc[0]
        lines.append(
            [f"`{noise}`", f"{base:.1f}", *(best(plain[plain["times"] <= b]) for _, b in BUDGETS), best(trusted)]
        )
    return table(head, lines)


def behind(frame: pd.DataFrame) -> pd.DataFrame:
    """Per method, how far it is behind the best: worst and mean over the noises, in points; the least worst first."""
    top = frame.groupby("noise")["accuracy"].transform("max")
    gaps = frame.assign(gap=top - frame["accuracy"])
    found = gaps.groupby("method").agg(
        worst=("gap", "max"), mean=("gap", "mean"), times=("times", "first"), trusted=("trusted", "first")
    )
    where = gaps.loc[gaps.groupby("method")["gap"].idxmax()].set_index("method")["noise"]
    return found.assign(where=where).sort_values("worst")


def regret(frame: pd.DataFrame) -> str:
    """A table of `behind`."""
    lines = [
        [
            f"`{name}`",
            f"{row.worst:.1f}",
            f"`{row['where']}`",
            f"{row['mean']:.1f}",
            f"{row.times:.2f}",
            yes(row.trusted),
        ]
        for name, row in behind(frame).iterrows()
    ]
    return table(["method", "at worst", "under", "mean", "cost", "trusted rows"], lines)


def short(frame: pd.DataFrame) -> str:
    """The rules that the numbers give, one per line."""
    gaps = behind(frame)
    cases: list[tuple[str, Callable[[pd.DataFrame], pd.Series]]] = [
        ("You know nothing of the noise and have no trusted rows", lambda g: ~g["trusted"]),
        (
            "The same, and training must not cost more than half as much again",
            lambda g: ~g["trusted"] & (g["times"] <= 1.5),
        ),
        ("You have some trusted rows", lambda g: g["trusted"]),
    ]
    lines = [f"- {said}: `{(row := gaps[chosen(gaps)].iloc[0]).name}`, {_said(row)}." for said, chosen in cases]
    plain = gaps.loc["ce"]
    return "\n".join([*lines, f"- Plain training (`ce`) is {_said(plain)}."])


def _said(row: pd.Series) -> str:
    return f"at worst {row['worst']:.1f} points behind the best (under `{row['where']}`), {row['mean']:.1f} in the mean"


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *map(list, lines)])


def yes(value: bool) -> str:
    return "yes" if value else ""


def page(folder: Path) -> str:
    """The page as Markdown; `folder` holds the grids as CSV."""
    labels, imbalance = read(folder, LABELS), read(folder, IMBALANCE)
    seeds = sorted(set(labels["seeds"]))
    return _HEAD.format(
        setting=labels["setting"].iloc[0],
        close=CLOSE,
        named=NAMED,
        short=short(labels),
        kinds=kinds(labels),
        regret=regret(labels),
        setting_imbalance=imbalance["setting"].iloc[0],
        imbalance=kinds(imbalance),
        seeds=" or ".join(map(str, seeds)) + (" seed" if seeds == [1] else " seeds"),
    )


def main(docs: str) -> None:
    with whole(Path(docs) / "choosing.md") as file:
        file.write_text(page(Path(docs) / "results"), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
