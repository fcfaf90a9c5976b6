"""The sentences with which both the report and the Markdown summary begin."""

from __future__ import annotations

from collections.abc import Callable

from noisewise.auditing.gate import Gate
from noisewise.auditing.result import AuditResult
from noisewise.formatting import count, percent


def summary_text(result: AuditResult, strong: Callable[[str], str]) -> str:
    """The estimated rate with its interval, and the number of issues; `strong` marks up the rate."""
    low, high = result.interval
    issues = int(result.is_issue.sum())
    called = "is called an issue" if issues == 1 else "are called issues"
    return (
        f"About {strong(percent(result.noise_rate))} of the given labels are wrong "
        f"(90 % interval {percent(low)} to {percent(high)}). "
        f"{issues:,} of {count(len(result.data), 'row')} {called}: suspicion above {result.threshold:.2f}."
    )


def verdict(gate: Gate, strong: Callable[[str], str]) -> str:
    """Whether the gate passed, and what was compared; `strong` marks up the verdict."""
    compared = "lower end of the interval" if gate.sure else "estimated noise"
    said, relation = ("passed", "not above") if gate.passed else ("failed", "above")
    measured, limit = percent(gate.measured), percent(gate.limit)
    return f"{strong(f'Gate {said}')}: the {compared}, {measured}, is {relation} the limit of {limit}."
