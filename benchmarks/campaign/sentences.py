"""Sentences that the numbers of a campaign allow; each function gives one, or nothing where its cells are missing."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from .measured import BASE, PARTS, TUNED, complete, differences, facts, mean_of, paired, records

CHEAP = 1.5
CHANCE = 10.0  # percent; every data set has ten classes
NEAR_CHANCE = 15.0
LEAST = 3  # cells that an ordering is judged from
AUTO = "auto"
# Published orderings: the first is reported above the second under noise that does not depend on the class.
ORDERINGS = (
    *((name, BASE) for name in ("elr", "gce", "sce", "bi-tempered", "coteaching", "d2l", "cores2", "cdr", "mixup")),
    *((name, BASE) for name in ("sop", "forward", "volminnet", "pes:semi=true", "dividemix", "promix")),
    *((name, BASE) for name in ("self-ensembling", "meta-weight-net", "l2rw", "glc")),
    ("jocor", "coteaching"),
    ("coteaching-plus", "coteaching"),
    ("elr-plus", "elr"),
    ("sop", "elr"),
    ("sop-plus", "sop"),
    ("dividemix", "elr"),
    ("dividemix", "coteaching"),
    ("promix", "dividemix"),
    ("t-revision", "forward"),
    ("glc", "forward"),
)


def size(found: pd.DataFrame, failures: int) -> str:
    """How much was computed."""
    own = found[found["part"].isin(PARTS)]
    seeds = sorted(own.groupby(["method", "case"])["seed"].nunique().unique())
    per = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    failed = f"; {failures} failed" if failures else ""
    methods = own["method"].nunique()
    return f"{len(own)} trainings: {methods} methods, {own['case'].nunique()} cases, {per} seeds each{failed}."


def memorised(found: pd.DataFrame) -> str:
    """What plain training loses from its best to its last epoch."""
    plain = found[found["method"] == BASE]
    lost = (plain["best"] - plain["last"]).groupby(plain["case"]).mean()
    if lost.empty:
        return ""
    most, least = str(lost.idxmax()), str(lost.idxmin())
    return (
        f"`ce` loses {lost.mean():.1f} points from its best epoch to its last on average: it memorises, most under "
        f"{most} ({lost.max():.1f}), least under {least} ({lost.min():.1f})."
    )


def tuned(found: pd.DataFrame) -> str:
    """What tuning of plain training gains."""
    gain = differences(found, "selected").get(TUNED)
    if gain is None:
        return ""
    return f"Tuned by the accuracy on noisy held-out rows, `ce` gains {gain} points at the selected epoch."


def best(found: pd.DataFrame, column: str, words: str, allowed: Callable[[str], bool]) -> str:
    """The best method of a kind, of those that were computed in every case."""
    there = [name for name in complete(found) if name not in (BASE, TUNED) and allowed(name)]
    ranked = [(name, value) for name, value in differences(found, column).items() if name in there]
    if not ranked:
        return ""
    (name, value), others = ranked[0], ranked[1:3]
    then = f"; then {' and '.join(f'`{other}` ({mean})' for other, mean in others)}" if others else ""
    return f"{words} `{name}`: {value} points to `ce`, {value.worst:+.1f} at worst ({value.where}){then}."


def free(name: str) -> bool:
    return not facts(name)["trusted"]


def cheap(name: str) -> bool:
    cost = facts(name)["cost"]
    return free(name) and cost is not None and cost <= CHEAP


def trusted(name: str) -> bool:
    return bool(facts(name)["trusted"])


def harmful(found: pd.DataFrame) -> str:
    """Which methods lose on clean labels."""
    clean = differences(found[found["case"] == "clean"], "selected")
    lost = [f"`{name}` ({value.value:+.1f})" for name, value in reversed(clean.items()) if value.value < -2]
    if BASE not in clean:
        return ""
    if not lost:
        return "On clean labels no method loses more than 2 points to `ce` at the selected epoch."
    return f"On clean labels these lose more than 2 points to `ce` at the selected epoch: {', '.join(lost)}."


def at_chance(found: pd.DataFrame) -> str:
    """Whether a method that selects rows is at chance anywhere."""
    chosen = found[found["part"].isin(PARTS)]
    selecting = set(chosen.loc[chosen["label_precision"].notna(), "method"])
    rows = chosen[chosen["method"].isin(selecting)]
    if rows.empty:
        return ""
    low = rows[rows[["last", "selected"]].min(axis=1) < NEAR_CHANCE]
    if low.empty:
        least = rows.sort_values("last").iloc[0]
        return (
            f"Of {len(selecting)} methods that select rows none is at chance ({CHANCE:.0f} %) anywhere; the lowest "
            f"last epoch is {least['last']:.1f} (`{least['method']}`, {least['case']})."
        )
    named = sorted({f"`{row['method']}` ({row['case']})" for row in records(low)})
    return f"Of the methods that select rows, these end within 5 points of chance: {', '.join(named)}."


def automatic(found: pd.DataFrame) -> str:
    """How the default method compares with the better of the two epochs of `ce`, and with the best method."""
    rows = found[found["method"] == AUTO]
    if rows.empty:
        return ""
    both = found.assign(either=found[["last", "selected"]].max(axis=1))
    plain = both[both["method"] == BASE].groupby(["case", "seed"])["either"].mean().rename("reference")
    joined = rows.join(plain, on=["case", "seed"], how="inner")
    if joined.empty:
        return ""
    value = mean_of(joined.assign(difference=joined["selected"] - joined["reference"]))
    ranked = {name: mean for name, mean in differences(found, "selected").items() if name in complete(found)}
    top = next(((name, mean) for name, mean in ranked.items() if name != TUNED and free(name)), None)
    said = f"`auto` is {value} points from the better of the last and the selected epoch of `ce`, {value.worst:+.1f} "
    said += f"at worst ({value.where})"
    if top and AUTO in ranked:
        said += (
            f"; the best method without trusted rows, `{top[0]}`, is {top[1].value - ranked[AUTO].value:+.1f} from it"
        )
    return said + "."


def epochs(found: pd.DataFrame) -> str:
    """What rules of choosing the epoch lose against the best one."""
    own = found[found["part"].isin(PARTS) & (found["method"] != AUTO)]  # which says itself what it keeps
    if own.empty:
        return ""
    rules = {"noisy validation rows": "selected", "Label Wave": "label_wave", "the last epoch": "last"}
    said = []
    for name, column in rules.items():
        lost = (own["best"] - own[column]).dropna()
        said.append(f"{name} {lost.mean():.1f} ({lost.max():.1f} at most)")
    return f"Against the best epoch, over all trainings, the rules lose: {', '.join(said)}."


def audits(found: pd.DataFrame) -> str:
    """How well the suspicions of a training rank wrong labels."""
    known = found[found["precision_of_suspicion"].notna() & found["part"].isin(PARTS)]
    values = known.groupby("method")["precision_of_suspicion"].mean().sort_values(ascending=False)
    if BASE not in values or len(values) < 2:
        return ""
    return (
        f"The suspicions of a training rank wrong labels with an average precision of {values[BASE]:.0f} % after `ce`, "
        f"{values.iloc[0]:.0f} % after `{values.index[0]}`."
    )


def orderings(found: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Published orderings at the last epoch under symmetric noise and human labels: hold, do not, undecided."""
    noisy = found[found["case"].str.startswith(("symmetric", "human"))]
    hold: list[str] = []
    fail: list[str] = []
    open_: list[str] = []
    for above, below in ORDERINGS:
        cells = paired(noisy[noisy["method"].isin((above, below))], "last", base=below)
        cells = cells[cells["method"] == above]
        if len(cells) < LEAST:
            continue
        value = mean_of(cells)
        into = open_ if not value.sure else hold if value.value > 0 else fail
        into.append(f"`{above}` above `{below}` ({value})")
    return hold, fail, open_


def ordered(found: pd.DataFrame) -> str:
    """The orderings, as a list."""
    titles = ("hold", "do not hold", "are undecided: the interval holds 0")
    return "\n".join(
        f"- Published orderings that {title}: {', '.join(names)}."
        for title, names in zip(titles, orderings(found), strict=True)
        if names
    )


def ten(found: pd.DataFrame, failures: int) -> list[str]:
    """The sentences about a campaign, without those that its cells do not allow yet."""
    said = [
        size(found, failures),
        memorised(found),
        *choice(found),
        best(found, "last", "Best at the last epoch without trusted rows is", free),
        epochs(found),
        audits(found),
    ]
    return [sentence for sentence in said if sentence]


def choice(found: pd.DataFrame) -> list[str]:
    """The sentences that help to choose, without those that its cells do not allow yet."""
    said = [
        best(found, "selected", "Best without trusted rows at the selected epoch is", free),
        best(found, "selected", f"Best at no more than {CHEAP} times the cost of `ce` is", cheap),
        best(found, "selected", "Best with 500 trusted rows is", trusted),
        tuned(found),
        automatic(found),
        harmful(found),
        at_chance(found),
    ]
    return [sentence for sentence in said if sentence]
