"""The sentences with which both the report and the Markdown summary begin."""

from __future__ import annotations

from collections.abc import Callable

from noisewise.auditing.gate import Gate
from noisewise.auditing.result import AuditResult
from noisewise.auditing.rows.conditions import counts
from noisewise.data.columns.column import in_words
from noisewise.data.images.files import size_note
from noisewise.formatting import count, percent

NAMES = {
    "conflicting-duplicate": ("duplicate with another label", "duplicates with different labels"),
    "duplicate": ("duplicate", "duplicates"),
    "outlier": ("outlier", "outliers"),
    "ambiguous": ("ambiguous row", "ambiguous rows"),
}


def summary_text(result: AuditResult, strong: Callable[[str], str]) -> str:
    """The estimated rate with its interval, the issues, and what the cleaned copy does; `strong` marks up the rate."""
    low, high = result.interval
    issues = int(result.is_issue.sum())
    called = "is called an issue" if issues == 1 else "are called issues"
    parts = [
        f"About {strong(percent(result.noise_rate))} of the given labels are wrong "
        f"(90 % interval {percent(low)} to {percent(high)}).",
        f"{issues:,} of {count(len(result.data), 'row')} {called}: {_threshold(result)}.",
        actions_text(result),
    ]
    return " ".join(part for part in parts if part)


def _threshold(result: AuditResult) -> str:
    if result.weak:
        return "these labels are probably wrong even if the rate is at the lower end of the interval"
    return f"suspicion above {result.threshold:.2f}, the threshold with the best expected F1"


def actions_text(result: AuditResult) -> str:
    """What the cleaned copy does with the issues, in one sentence; empty without issues."""
    relabelled, unsure = (result.judgement.actions[name] for name in ("relabel", "unsure"))
    if not relabelled and not unsure:
        return ""
    said = f"The cleaned copy relabels {relabelled:,} of them"
    if unsure:
        keeps = (
            "keeps its given label, since its suggestion is"
            if unsure == 1
            else "keep their given labels, since their suggestions are"
        )
        said += f"; {unsure:,} {keeps} not expected to be right more often"
    return f"{said}."


def conditions_text(result: AuditResult) -> str:
    """How many duplicates, outliers and ambiguous rows there are; empty where there are none."""
    numbers = {} if result.conditions is None else counts(result.conditions)
    return ", ".join(count(number, *said) for name, said in NAMES.items() if (number := numbers.get(name, 0)))


def weak_text(result: AuditResult, strong: Callable[[str], str]) -> str:
    """That the evidence is too weak, and what would help; `strong` marks up the first words. Empty where it is not."""
    return f"{strong('Weak evidence.')} {result.weak}" if result.weak else ""


def inputs_text(result: AuditResult) -> list[str]:
    """What the models learned from, in sentences: the columns that are used and left out, or the size of images."""
    size = size_note(result.data)
    rest = [result.about_unlabelled] if result.about_unlabelled else []
    images = [] if size is None else [f"images have {size}"]
    lines = [*in_words(result.data.columns), *result.data.notes, *rest, *images]
    return [f"{line[:1].upper()}{line[1:].removesuffix('.')}." for line in lines]


def verdict(gate: Gate, strong: Callable[[str], str]) -> str:
    """Whether the gate passed, and what was compared; `strong` marks up the verdict."""
    compared = "lower end of the interval" if gate.sure else "estimated noise"
    said, relation = ("passed", "not above") if gate.passed else ("failed", "above")
    measured, limit = percent(gate.measured), percent(gate.limit)
    return f"{strong(f'Gate {said}')}: the {compared}, {measured}, is {relation} the limit of {limit}."
