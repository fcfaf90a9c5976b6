"""The page of `benchmarks/pool/judgement.py`."""

from __future__ import annotations

import pandas as pd

BINS = ((0.0, 0.05), (0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01))
HEAD = """# How the judgement was chosen

    python benchmarks/pool/audit_tasks.py --tables TABLES --texts TEXTS --out FOLDER
    python benchmarks/pool/judgement.py --tasks FOLDER --out docs/results/judgement.md

{tasks:,} tasks from {sets} data sets ({names}) with known noise, {evidence:,} out-of-fold predictions of them. All
errors are on data sets left out when the constants were chosen. *Best evidence* is, per task, the model with the
smallest held-out log loss: what an audit would use.

Chosen on all tasks: {chosen}

"""


def written(found: pd.DataFrame, chosen: dict, choices: dict[str, dict]) -> str:
    """The page as Markdown."""
    named = ", ".join(f"`{name}` {_shown(value)}" for name, value in chosen.items())
    names = sorted(found["set"].unique())
    head = HEAD.format(
        tasks=found["task"].nunique(), sets=len(names), names=", ".join(names), evidence=len(found), chosen=named
    )
    best = found[found["best"]]
    return head + "\n".join(
        [
            "## Rankings\n\nAverage precision minus that of self-confidence, tasks with at least 50 wrong labels.\n",
            rankings(found),
            networks(found),
            "## Rates\n\nAbsolute error in points, best evidence; mean error with sign in brackets. *further*: "
            "share of tasks more than a point further from the truth than cleanlab 2.9 (`off_diagonal`), and by how "
            "many points at most.\n",
            rates(best),
            "All evidence, weak models included:\n",
            rates(found),
            "## Intervals\n\nCoverage of the 90 % interval and its mean width, all evidence.\n",
            intervals(found),
            "## Weak evidence\n\nAbsolute error of the rate by ignorance: disagreement with the given labels "
            "over that of guessing the most frequent one. From .7 on the audit calls the evidence weak.\n",
            weakness(found),
            "## Calibration\n\nBest evidence, rates as estimated.\n",
            calibration(best),
            "## Thresholds\n\nF1 minus the best F1 on the same suspicions, best evidence.\n",
            thresholds(best),
            "## Cleaning\n\nPoints of labels that are right more than before, where issues are relabelled if the "
            "suggestion is once or twice as probable as the given label, at the estimated rate, at the lower end "
            "of its interval, or half-way. *harm*: share of tasks with fewer right labels. Shipped: lower end, 1.\n",
            cleaning(found),
            f"Expected gain of a review over the cleaned labels, over the real one, best evidence: {_gain(best)}.\n",
            "## Choices without each data set\n",
            table(
                pd.DataFrame([{"without": name, **{k: _shown(v) for k, v in c.items()}} for name, c in choices.items()])
            ),
        ]
    )


def networks(found: pd.DataFrame) -> str:
    """By how much in-training predictions improve the ranking of networks."""
    columns = [name for name in map(str, found) if name.startswith("AP held-out part ")]
    known = found.dropna(subset=columns[:1])
    lines = [{"held-out part": name.split()[-1], "mean": (known[name] - known["AP self-confidence"]).mean(),
              "worst": (known[name] - known["AP self-confidence"]).min()} for name in columns]  # fmt: skip
    head = f"Networks: held-out and in-training predictions pooled, {len(known)} tasks.\n\n"
    return head + table(pd.DataFrame(lines)) if len(known) else ""


def rankings(found: pd.DataFrame) -> str:
    known = found.dropna(subset=["AP self-confidence"])
    lines = []
    for column in [
        name
        for name in map(str, known)
        if name.startswith("AP ") and "held-out" not in name and known[name].notna().sum() > 5
    ]:
        difference = (known[column] - known["AP self-confidence"]).dropna()
        line = {"ranking": column[3:], "tasks": len(difference), "mean": difference.mean(), "worst": difference.min()}
        lines.append(line | {"in 2 % below": difference.quantile(0.02)})
    return table(pd.DataFrame(lines).sort_values("worst", ascending=False))


def rates(found: pd.DataFrame) -> str:
    theirs = (found["cleanlab"] - found["true"]).abs()
    lines = []
    compared = [name for name in map(str, found) if name.startswith("anchors ")] + [
        "confident learning", "cleanlab", "confident learning, calibrated", "disagreement", "extrapolated",
        "1 - self-confidence", "two margins",
    ]  # fmt: skip
    for name in ["estimate", *compared]:
        error = found[name] - found["true"]
        further = error.abs() - theirs
        line = {"estimate": "judgement" if name == "estimate" else name, "mean": 100 * error.abs().mean()}
        line |= {"95 %": 100 * error.abs().quantile(0.95), "worst": 100 * error.abs().max()}
        line["further"] = f"{(further > 0.01).mean():.2f}, {100 * further.max():.1f}"
        for kind, part in error.groupby(found["kind"]):
            line[kind] = f"{100 * part.abs().mean():.1f} ({100 * part.mean():+.1f})"
        lines.append(line)
    return table(pd.DataFrame(lines).sort_values("mean"), 1)


def intervals(found: pd.DataFrame) -> str:
    covers = (found["low"] <= found["true"]) & (found["true"] <= found["high"])
    width = found["high"] - found["low"]
    lines = [{"evidence": "all", "tasks": len(found), "covers": covers.mean(), "width": width.mean()}]
    groups = {
        "kind": found["kind"],
        "model": found["model"],
        "best": found["best"].map({True: "best", False: "not best"}),
    }
    groups["rows"] = pd.cut(
        found["rows"], [0, 500, 1000, 1e9], labels=["up to 500 rows", "up to 1,000", "more"]
    ).astype(str)
    for group in groups.values():
        for name, part in covers.groupby(group):
            lines.append(
                {"evidence": name, "tasks": len(part), "covers": part.mean(), "width": width[part.index].mean()}
            )
    return table(pd.DataFrame(lines))


def weakness(found: pd.DataFrame) -> str:
    """The error of the rate by ignorance."""
    error = 100 * (found["estimate"] - found["true"]).abs()
    lines = []
    for start, end in ((0.0, 0.3), (0.3, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 1.0)):
        part = error[(found["ignorance"] > start) & (found["ignorance"] <= end)]
        best = part[found.loc[part.index, "best"]]
        lines.append({"ignorance": f"{start:g} to {end:g}", "evidence": len(part), "error": part.mean()})
        lines[-1]["error, best evidence"] = best.mean()
    return table(pd.DataFrame(lines), 1)


def calibration(found: pd.DataFrame) -> str:
    lines = []
    for start, end in BINS:
        rows, wrong, total = (found[f"{name} {start}"].sum() for name in ("n", "wrong", "sum"))
        line = {
            "suspicion": f"{start:g} to {min(end, 1):g}",
            "rows": f"{int(rows):,}",
            "mean suspicion": total / max(rows, 1),
        }
        lines.append(line | {"wrong": wrong / max(rows, 1)})
    return table(pd.DataFrame(lines))


def thresholds(found: pd.DataFrame) -> str:
    known = found.dropna(subset=["best F1"])
    lines = []
    for column in [name for name in map(str, known) if name.startswith("F1 ")]:
        difference = known[column] - known["best F1"]
        lines.append({"rule": column[3:], "mean": difference.mean(), "worst 5 %": difference.quantile(0.05)})
    return table(pd.DataFrame(lines))


def cleaning(found: pd.DataFrame) -> str:
    lines = []
    for evidence, part in (("best", found[found["best"]]), ("all", found)):
        for column in [name for name in map(str, part) if name.startswith("gain ")]:
            gain = 100 * part[column]
            line = {"evidence": evidence, "rate": column[5:], "mean": gain.mean(), "worst": gain.min()}
            line |= {"harm": (gain < 0).mean(), "more than half a point": (gain < -0.5).mean()}
            lines.append(line | {"clean data, worst": gain[part["kind"] == "none"].min()})
    return table(pd.DataFrame(lines))


def table(frame: pd.DataFrame, digits: int = 3) -> str:
    """A table in Markdown."""
    text = "| " + " | ".join(map(str, frame.columns)) + " |\n" + "|---" * len(frame.columns) + "|\n"
    for _, line in frame.iterrows():
        cells = [f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell) for cell in line]
        text += "| " + " | ".join(cells) + " |\n"
    return text


def _gain(found: pd.DataFrame) -> str:
    ratio: pd.Series = found["expected gain"] / found["real gain"].clip(lower=1)
    noisy: pd.Series = ratio[found["kind"] != "none"]
    low, high = noisy.quantile([0.05, 0.95])
    return f"{noisy.median():.2f} in the median, {low:.2f} to {high:.2f} in nine of ten tasks"


def _shown(value: object) -> str:
    return "(" + ", ".join(f"{part:.3g}" for part in value) + ")" if isinstance(value, tuple) else f"{value:g}"
