"""The page of `audit_shown`: the goals and where they are missed, then three tables with a line per set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from noisewise.files import whole

Line = dict[str, Any]
NAMES = {"before": "before", "after": "now"}
CLEAN = {"mnist": 0.01, "fashion-mnist": 0.02, "digits": 0.02, "wine": 0.02, "breast cancer": 0.02, "votes": 0.02}
POINT = 0.01
PHOTOGRAPHS = "cifar10 photographs, 2,000"
FARTHEST, LEAST_F1, PROCESSOR_SECONDS = 0.04, 0.62, 240.0

INTRODUCTION = """# The audit on data that nothing was chosen on

    export NOISEWISE_DATA=...                   # MNIST and CIFAR-10
    python benchmarks/audit_shown.py --tables TABLES --work WORK --out docs/results/audit

Every set is audited with the defaults, in a process of its own, with one thread; nothing in the package was chosen on
these rows. *before* is the same measurement of version {before}. The truth is known because the noise was injected
(`annotators` imitates people, `-` injects nothing; `human` are the labels of CIFAR-10N, audited last).
CIFAR-10 is a copy as JPEG, quality 75. cleanlab {cleanlab} is measured twice: *same* on the probabilities of this
audit, and *recipe*, as it is commonly used: logistic regression in five folds on the embeddings of photographs (by the
same encoder), the standardised columns of tables, the TF-IDF weights of texts. Its rate is `num_label_issues`, its
issues are `find_label_issues`, its ranking is the self-confidence. Seconds are of the processor, on a machine that
others used.

"""


def write_page(lines: dict[str, list[Line]], path: Path, note: str = "") -> None:
    """Write the page.

    Args:
        lines: per stage, "before" and "after", a line per set.
        path: of the page.
        note: how this was measured, where that is not as the page says.
    """
    from importlib.metadata import version

    text = INTRODUCTION.format(before="0.1 at 06f480f", cleanlab=version("cleanlab"))
    text += f"{note}\n\n" if note else ""
    pairs = _pairs(lines)
    with whole(path) as file:
        file.write_text(text + _goals(lines) + _rates(pairs) + _ranking(pairs) + _cleaning(pairs), encoding="utf-8")


def _pairs(lines: dict[str, list[Line]]) -> list[tuple[Line, Line]]:
    """The lines (before, now) of every set; one that is missing is empty."""
    found: dict[tuple[str, str], dict[str, Line]] = {}
    for stage in ("after", "before"):
        for line in lines[stage]:
            found.setdefault((line["data"], line["noise"]), {})[stage] = line
    return [(both.get("before", {}), both.get("after", {})) for both in found.values()]


def _goals(lines: dict[str, list[Line]]) -> str:
    rows = [
        (goal, *(_counted(miss, lines[stage]) for stage in NAMES), _missed(miss, lines["after"]))
        for goal, miss in GOALS.items()
    ]
    rows.append(("of all rows at suspicion .9 and more, nine in ten are wrong", *(_sure(lines[s]) for s in NAMES), ""))
    told = {stage: [line for line in lines[stage] if not line.get("weak")] for stage in NAMES}
    rows.append(("the same, without audits that call their evidence weak", *(_sure(told[s]) for s in NAMES), ""))
    rows += [_photographs(lines)]
    head = "## Goals\n\nOf the sets to which a goal applies, how many reach it.\n\n"
    return head + _table(("goal", *NAMES.values(), "missed now"), rows)


def _farther(line: Line, by: str) -> bool | None:
    theirs = line.get(by) or {}
    if "rate" not in theirs:
        return None
    return abs(line["rate"] - line["true_rate"]) > abs(theirs["rate"] - line["true_rate"]) + POINT


def _ranks_worse(line: Line, than: float | None) -> bool | None:
    return None if "ap" not in line or than is None else line["ap"] < than - POINT


def _unclean(line: Line) -> bool | None:
    limit = next((limit for name, limit in CLEAN.items() if line["data"].split(" photographs")[0] == name), None)
    return None if limit is None or line["true_rate"] > 0 else line["named"] > limit


GOALS: dict[str, Callable[[Line], bool | None]] = {
    "the 90 % interval holds the true rate (88 to 95 % of the sets)": lambda line: not line["covers"],
    "AP at most .01 below plain self-confidence of the same probabilities": lambda line: _ranks_worse(
        line, line.get("cleanlab", {}).get("ap")
    ),
    "AP at most .01 below that of the recipe's logistic regression": lambda line: _ranks_worse(
        line, line["recipe"].get("ap")
    ),
    "tables: AP at most .01 below that of a forest in five folds": lambda line: _ranks_worse(
        line, line["recipe"].get("forest_ap")
    ),
    "rate at most a point further from the truth than cleanlab's on the same probabilities": lambda line: _farther(
        line, "cleanlab"
    ),
    "rate at most a point further from the truth than that of the recipe": lambda line: _farther(line, "recipe"),
    "cleaned labels at least as right as the given ones": lambda line: line["right_cleaned"] < line["right_given"],
    "clean data: under 1 % named on MNIST, 2 % on Fashion-MNIST, digits, wine, breast cancer, votes": _unclean,
}


def _counted(miss: Callable[[Line], bool | None], lines: list[Line]) -> str:
    found = [verdict for line in lines if (verdict := miss(line)) is not None]
    return f"{sum(not missed for missed in found)} of {len(found)}" if found else ""


def _missed(miss: Callable[[Line], bool | None], lines: list[Line]) -> str:
    return "; ".join(f"{line['data']} {line['noise']}" for line in lines if miss(line))


def _sure(lines: list[Line]) -> str:
    rows = sum(line["sure"] for line in lines)
    return (
        f"{_share(sum(line['sure'] * (line['sure_wrong'] or 0) for line in lines) / rows)} of {rows:,}" if rows else ""
    )


def _photographs(lines: dict[str, list[Line]]) -> tuple[str, ...]:
    goal = "2,000 photographs: rate within 4 points, F1 at least .62, less than two minutes on two cores"
    shown, missed = [], []
    for stage in NAMES:
        line = next((one for one in lines[stage] if one["data"] == PHOTOGRAPHS), None)
        if line is None:
            shown.append("")
            continue
        off = line["rate"] - line["true_rate"]
        shown.append(f"{100 * off:+.1f} points, F1 {_number(line['f1'])}, {line['seconds']:.0f} s of processor")
        tests = {"rate": abs(off) > FARTHEST, "F1": line["f1"] < LEAST_F1, "time": line["seconds"] > PROCESSOR_SECONDS}
        missed = [name for name, failed in tests.items() if failed]
    return goal, *shown, ", ".join(missed)


def _rates(pairs: list[tuple[Line, Line]]) -> str:
    rows = [
        (
            *_named(before, now),
            _share((now or before)["true_rate"]),
            _rate(before),
            _rate(now),
            *(_share(((now or before).get(by) or {}).get("rate")) for by in ("cleanlab", "recipe")),
        )
        for before, now in pairs
    ]
    heads = ("data", "noise", "rows", "true rate", "before (90 % interval)", "now (90 % interval)", "cleanlab, same")
    note = "`*` marks an interval that misses the true rate, `weak` an audit that says that it cannot tell.\n\n"
    return "\n## Noise rate\n\n" + note + _table((*heads, "cleanlab, recipe"), rows, numbers=range(2, 4))


def _ranking(pairs: list[tuple[Line, Line]]) -> str:
    note = (
        "AP is the average precision of the ranking; *plain* is one minus the probability of the given label, *margin* "
        "the normalised margin, of the same probabilities; *recipe* the plain ranking of the logistic regression, "
        "*forest* that of 200 extremely randomised trees in five folds. F1 is that of the named rows, after the slash "
        "the best of any threshold.\n\n"
    )
    rows = []
    for before, now in pairs:
        line = now or before
        same, recipe = line.get("cleanlab") or {}, line["recipe"]
        if "ap" in line:
            aps = [before.get("ap"), now.get("ap"), same.get("ap"), same.get("ap_margin"), recipe.get("ap")]
            f1s = [_f1(one) for one in (before, now, same, recipe)]
            rows.append((*_named(before, now)[:2], *map(_number, [*aps, recipe.get("forest_ap")]), *f1s))
    heads = ["data", "noise", "AP before", "AP now", "plain", "margin", "recipe", "forest"]
    heads += ["F1 before", "F1 now", "cleanlab F1, same", "cleanlab F1, recipe"]
    return "\n## Ranking and issues\n\n" + note + _table(heads, rows, numbers=range(2, 12))


def _cleaning(pairs: list[tuple[Line, Line]]) -> str:
    note = (
        "*≥ .9* counts the rows at suspicion .9 and more and the share of them that is wrong; *error* is the expected "
        "calibration error; *right* the share of right labels as given and in the cleaned copy.\n\n"
    )
    rows = []
    for before, now in pairs:
        line = now or before
        same, recipe = line.get("cleanlab") or {}, line["recipe"]
        rows.append(
            (
                *_named(before, now)[:2],
                *(_share(one.get("named")) for one in (before, now, same)),
                *(_sure([one]) if one else "" for one in (before, now)),
                *(_number(one.get("calibration_error")) for one in (before, now)),
                _number(line["right_given"]),
                *(_number(one.get("right_cleaned")) for one in (before, now)),
                *(f"{one['seconds']:.0f}" if "seconds" in one else "" for one in (before, now, recipe)),
            )
        )
    heads = ["data", "noise", "named before", "named now", "cleanlab names", "≥ .9 before", "≥ .9 now", "error before"]
    heads += ["error now", "right given", "cleaned before", "cleaned now", "s before", "s now", "s recipe"]
    return "\n## Calibration, cleaning, cost\n\n" + note + _table(heads, rows, numbers=range(2, 15))


def _named(before: Line, now: Line) -> tuple[str, str, str]:
    line = now or before
    return line["data"], line["noise"], f"{line['rows']:,}"


def _rate(line: Line) -> str:
    if not line:
        return ""
    low, high = line["interval"]
    marks = ("" if line["covers"] else " *") + (" weak" if line.get("weak") else "")
    return f"{_share(line['rate'])} ({_share(low)} to {_share(high)}){marks}"


def _f1(line: Line) -> str:
    return f"{_number(line['f1'])} / {_number(line['best_f1'])}" if "f1" in line else ""


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: range = range(0)) -> str:
    rule = ["---:" if at in numbers else "---" for at in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)) + "\n"
