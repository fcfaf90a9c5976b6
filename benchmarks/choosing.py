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
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from noisewise.files import whole
from noisewise.methods import card

SHORT, LONG, IMBALANCE = "choosing-labels", "methods", "choosing-imbalance"
BUDGETS = (("at most 1.5 times the cost of `ce`", 1.5), ("any budget", float("inf")))
CLOSE = 0.5
NAMED = 3

_HEAD = """\
# Which of these should I use?

Written by `python benchmarks/choosing.py docs` from three grids; every number is a test accuracy in percent that
was measured here, at the last epoch, since the best one is not known with noisy labels only. Methods were neither
tuned for a kind of noise nor given the rate. Methods within {close} points of the best are named with it, at most
{named}: such differences are not significant. *Cost* is measured, relative to `ce`.

## In short

Over the {cases} cases of label noise below, of the methods that were run in all of them:

{short}

Whether a method is needed depends on the length of the training and on the kind of noise. *Loses* is the drop of plain
training from its best epoch to its last, which is due to memorisation. Compare it with your accuracy on held-out rows.

## Short training

{short_setting} ([all of it](results/{short_file}.md)).

{short_kinds}

## Longer training, on more rows

{long_setting} ([all of it](results/{long_file}.md)).

{long_kinds}

## When you do not know the noise

How far each method's last epoch is behind the best of all these, with or without trusted rows: on average over the
cases, and at worst.

{regret}

## When classes differ in size

{imbalance_setting} ([all of it](results/{imbalance_file}.md)). The test rows are balanced, so this is the mean
accuracy over classes.

{imbalance}

## How far to trust this

One small network, one data set, {seeds}; noise that was injected, not human. On large images with a deep network
another may be first: [published numbers](results.md). Measure the methods on *your* data: `noisewise bench` runs such
a grid on any source with one command, and an [audit](quickstart.md) estimates the kind and amount of noise. The
[gallery](gallery.md) shows the value of trusted rows by their number, and the effect of the parts of methods.
"""


def read(folder: Path, name: str) -> pd.DataFrame:
    """A committed grid, a row per noise and method, with its cost and whether it needs trusted rows."""
    frame = pd.read_csv(folder / f"{name}.csv")
    costs = json.loads((folder / "method-cost.json").read_text(encoding="utf-8"))["methods"]
    short = frame["method"].str.partition(":")[0]
    for column, of in (("accuracy", "last"), ("top", "best")):
        frame[column] = frame[of].astype(str).str.split().str[0].astype(float)
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
    """A table: per noise what `ce` reaches and loses, and the best by budget and by trusted rows."""
    head = ["noise", "`ce`", "loses", *(title for title, _ in BUDGETS), "with trusted rows"]
    lines = []
    for noise, rows in frame.groupby("noise", sort=False):
        plain, trusted = rows[~rows["trusted"]], rows[rows["trusted"]]
        base = rows[rows["method"] == "ce"].iloc[0]
        within = [best(plain[plain["times"] <= most]) for _, most in BUDGETS]
        lost = f"{base['top'] - base['accuracy']:.1f}"
        lines.append([f"`{noise}`", f"{base['accuracy']:.1f}", lost, *within, best(trusted)])
    return table(head, lines)


def behind(frame: pd.DataFrame) -> pd.DataFrame:
    """Per method, how far it is behind the best: worst and mean over the cases, in points; the least mean first."""
    top = frame.groupby("case")["accuracy"].transform("max")
    gaps = frame.assign(gap=top - frame["accuracy"])
    found = gaps.groupby("method").agg(
        worst=("gap", "max"), mean=("gap", "mean"), times=("times", "first"), trusted=("trusted", "first")
    )
    where = gaps.loc[gaps.groupby("method")["gap"].idxmax()].set_index("method")["case"]
    return found.assign(where=where).sort_values("mean")


def regret(frame: pd.DataFrame) -> str:
    """A table of `behind`."""
    lines = [
        [
            f"`{name}`",
            f"{row['mean']:.1f}",
            f"{row.worst:.1f}",
            f"`{row['where']}`",
            f"{row.times:.2f}",
            yes(row.trusted),
        ]
        for name, row in behind(frame).iterrows()
    ]
    return table(["method", "mean", "at worst", "under", "cost", "trusted rows"], lines)


def short(frame: pd.DataFrame) -> str:
    """What the numbers say, one line per question."""
    gaps = behind(frame)
    free, cheap = ~gaps["trusted"], gaps["times"] <= BUDGETS[0][1]
    lines = [
        ("You know nothing of the noise and have no trusted rows", gaps[free].iloc[0]),
        (f"The same, {BUDGETS[0][0]}", gaps[free & cheap].iloc[0]),
        ("You have some trusted rows", gaps[gaps["trusted"]].iloc[0]),
        ("You have none and want the smallest worst case", gaps[free].sort_values("worst").iloc[0]),
        ("Plain training", gaps.loc[["ce"]].iloc[0]),
    ]
    return "\n".join(f"- {question}: `{row.name}`, {_said(row)}." for question, row in lines)


def _said(row: pd.Series) -> str:
    return f"{row['mean']:.1f} points behind the best on average, {row['worst']:.1f} at worst (under `{row['where']}`)"


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *map(list, lines)])


def yes(value: bool) -> str:
    return "yes" if value else ""


def together(grids: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The methods that were run under every noise of all grids, with the `case`: a noise, and a word for the grid."""
    frame = pd.concat([grid.assign(case=grid["noise"] + word) for word, grid in grids.items()], ignore_index=True)
    cases = frame.groupby("method")["case"].nunique()
    return frame[frame["method"].isin(cases[cases == frame["case"].nunique()].index)]


def page(folder: Path) -> str:
    """The page as Markdown; `folder` holds the grids as CSV."""
    brief, longer, imbalance = (read(folder, name) for name in (SHORT, LONG, IMBALANCE))
    both = together({", short": brief, ", longer": longer})
    seeds = sorted(set(both["seeds"]))
    return _HEAD.format(
        close=CLOSE,
        named=NAMED,
        cases=both["case"].nunique(),
        short=short(both),
        short_setting=brief["setting"].iloc[0],
        short_file=SHORT,
        short_kinds=kinds(brief),
        long_setting=longer["setting"].iloc[0],
        long_file=LONG,
        long_kinds=kinds(longer),
        regret=regret(both),
        imbalance_setting=imbalance["setting"].iloc[0],
        imbalance_file=IMBALANCE,
        imbalance=kinds(imbalance),
        seeds=" or ".join(map(str, seeds)) + (" seed" if seeds == [1] else " seeds"),
    )


def main(docs: str) -> None:
    with whole(Path(docs) / "choosing.md") as file:
        file.write_text(page(Path(docs) / "results"), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
