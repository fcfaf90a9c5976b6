"""The tables of a campaign's pages, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from .measured import BASE, TUNED, cases, differences, facts, records
from .sentences import CHEAP, cheap, free, trusted

CLOSE = 0.5
NAMED = 3
# Test accuracies in percent, PreActResNet-18, best epoch, as the table in the repository of ProMix collects them.
PUBLISHED = {
    "uniform:0.2": {"ce": 86.8, "dividemix": 96.1, "elr-plus": 95.8, "sop-plus": 96.3, "pes": 95.9, "promix": 97.7},
    "uniform:0.5": {"ce": 79.4, "dividemix": 94.6, "elr-plus": 94.8, "sop-plus": 95.5, "pes": 95.1, "promix": 97.4},
}


def markdown(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A table."""
    head = list(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *map(list, lines)])


def summary(found: pd.DataFrame) -> str:
    """A line per method: differences to `ce` over all cells, at worst, the cost."""
    selected, last = differences(found, "selected"), differences(found, "last")
    lines = []
    for method, value in selected.items():
        known = facts(method)
        cost = "" if known["cost"] is None else f"{known['cost']:.1f}"
        worst = "" if method == BASE else f"{value.worst:+.1f}, {value.where}"
        said = ("0", "0") if method == BASE else (str(value), str(last[method]))
        lines.append([f"`{method}`", *said, worst, str(value.cells), cost, "yes" if known["trusted"] else ""])
    head = ["method", "selected epoch", "last epoch", "at worst (selected)", "cells", "cost", "trusted rows"]
    return markdown(head, lines)


def everything(found: pd.DataFrame, column: str) -> str:
    """A line per method, a column per case: mean accuracy over seeds, with its deviation where there are several."""
    there = cases(found)
    order = [name for name in differences(found, column) if name in set(found["method"])]
    order += [name for name in dict.fromkeys(found["method"]) if name not in order]
    lines = []
    for method in order:
        rows = found[found["method"] == method]
        lines.append([f"`{method}`", *(_spread(rows.loc[rows["case"] == case, column]) for case in there)])
    return markdown(["method", *there], lines)


def _spread(values: pd.Series) -> str:
    known = values.dropna().astype(float)
    if known.empty:
        return ""
    return f"{known.mean():.1f}" if len(known) == 1 else f"{known.mean():.1f} ± {known.std(ddof=1):.1f}"


def recommended(found: pd.DataFrame) -> str:
    """A line per case: `ce`, tuned, `auto`, and the best by cost and by trusted rows, at the selected epoch."""
    kinds: dict[str, Callable[[str], bool]] = {
        f"at most {CHEAP} times the cost": cheap,
        "any cost": free,
        "with trusted rows": trusted,
    }
    lines = []
    for case in cases(found):
        rows = found[found["case"] == case]
        means = rows.groupby("method")["selected"].mean().sort_values(ascending=False)
        single = [f"{means[name]:.1f}" if name in means else "" for name in (BASE, TUNED, "auto")]
        several = [_best(means[[name for name in means.index if name != TUNED and of(name)]]) for of in kinds.values()]
        lines.append([case, *single, *several])
    return markdown(["noise", "`ce`", "tuned", "`auto`", *kinds], lines)


def _best(means: pd.Series) -> str:
    if means.empty:
        return ""
    close = means[means >= means.iloc[0] - CLOSE].head(NAMED)
    return ", ".join(f"`{name}` {value:.1f}" for name, value in close.items())


def per_method(found: pd.DataFrame) -> list[dict[str, str]]:
    """The lines of `methods.csv`, from which the pages of the methods have their tables."""
    own = found[found["method"] != TUNED]
    titles = {"best": "best", "last": "last", "selected": "selected", "label-wave": "label_wave"}
    lines = []
    for case in cases(own):
        for method, rows in own[own["case"] == case].groupby("method", sort=False):
            measured = {title: _spread(rows[column]) for title, column in titles.items()}
            lines.append({"noise": case, "method": str(method), "seeds": str(rows["seed"].nunique()), **measured})
    return lines


def published(rows: pd.DataFrame) -> str:
    """The shortened published runs beside the published numbers."""
    lines = []
    for row in records(rows.sort_values(["corrupt", "best"], ascending=[True, False])):
        name = row["method"].partition(":")[0]
        base = rows.loc[(rows["method"] == BASE) & (rows["corrupt"] == row["corrupt"]), "train_seconds"]
        times = f"{row['train_seconds'] / base.mean():.1f}" if len(base) else ""
        known = PUBLISHED.get(row["corrupt"], {}).get(name)
        length = f"{row['epochs']:.0f} of {row['of_epochs']:.0f}"
        numbers = [f"{row['best']:.1f}", f"{row['last']:.1f}", "" if known is None else f"{known:.1f}"]
        said = [row["corrupt"], f"`{row['method']}`", row["preset"], length]
        lines.append([*said, *numbers, f"{row['train_seconds']:.0f}", times])
    head = ["noise", "method", "preset", "epochs", "best", "last", "published, best", "seconds", "times `ce`"]
    return markdown(head, lines)
