"""Claims: what they require, what was measured, and what that decides."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisewise.compute import Result, Task
from noisewise.errors import BadInput
from noisewise.studies import Claim, Estimate, Results
from noisewise.studies.frame.claim import listed

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(NUMBERS, NUMBERS)
def test_a_claim_holds_as_it_says(measured, threshold):
    def holds(comparison):
        return Claim("c", "s", measured, comparison, threshold).holds

    assert holds(">=") == (measured >= threshold)
    assert holds("<=") == (measured <= threshold)
    assert holds(">") != holds("<=")
    assert holds("<") != holds(">=")
    assert holds("==") == (holds(">=") and holds("<="))


@given(NUMBERS, NUMBERS, NUMBERS)
def test_an_interval_is_closed(measured, low, high):
    assert Claim("c", "s", measured, "in", (low, high)).holds == (low <= measured <= high)
    assert Claim("c", "s", low, "in", (low, low)).holds


@pytest.mark.parametrize(
    "measured, error, n, comparison, threshold, verdict",
    [
        (0.52, 0.01, None, ">=", 0.5, "holds"),
        (0.51, 0.01, None, ">=", 0.5, "undecided"),
        (0.49, 0.01, None, ">=", 0.5, "undecided"),
        (0.48, 0.01, None, ">=", 0.5, "fails"),
        (0.48, 0.01, None, "<", 0.5, "holds"),
        (0.53, 0.01, 3, ">=", 0.5, "holds"),  # t of 2 degrees of freedom is 2.92
        (0.529, 0.01, 3, ">=", 0.5, "undecided"),
        (0.9, 0.001, 1, ">=", 0.5, "undecided"),
        (0.5, 0.0, None, ">=", 0.5, "holds"),
        (0.5, None, 1, ">=", 0.5, "holds"),
        (0.5, 0.01, None, "in", (0.4, 0.6), "holds"),
        (0.41, 0.01, None, "in", (0.4, 0.6), "undecided"),
        (0.5, 0.1, None, "in", (0.4, 0.6), "undecided"),
        (0.7, 0.01, None, "in", (0.4, 0.6), "fails"),
        (0.45, 0.1, None, "in", (0.50, 0.51), "undecided"),
        (0.0, 0.0, None, "==", 0.0, "holds"),
        (0.0, 0.01, None, "==", 0.0, "undecided"),
        (0.1, 0.01, None, "==", 0.0, "fails"),
    ],
)
def test_a_threshold_within_the_sampling_error_decides_nothing(measured, error, n, comparison, threshold, verdict):
    claim = Claim("c", "s", measured, comparison, threshold, error=error, n=n)
    assert claim.verdict == verdict
    assert (claim.holds, claim.fails) == (verdict == "holds", verdict == "fails")


@pytest.mark.parametrize("comparison, threshold", [(">=", -1e300), ("<=", 1e300), ("in", (-1e300, 1e300))])
@pytest.mark.parametrize("measured", [None, math.nan, math.inf, -math.inf])
def test_what_was_not_measured_does_not_hold(measured, comparison, threshold):
    assert not Claim("c", "s", measured, comparison, threshold).holds


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"id": "Z 1"}, "hyphens"),
        ({"comparison": "=>"}, "'=>' of claim 'c' is not one of >=, <=, >, <, ==, in"),
        ({"threshold": math.nan}, "a finite number"),
        ({"threshold": (0.0, 1.0)}, "a finite number"),
        ({"comparison": "in"}, "two finite numbers"),
        ({"comparison": "in", "threshold": (0.0,)}, "two finite numbers"),
    ],
)
def test_bad_claims_are_refused(changes, words):
    with pytest.raises(BadInput, match=words):
        replace(Claim("c", "s", 1.0, ">=", 0.5), **changes)


def test_a_claim_as_text():
    claim = Claim("c", "s", 0.98765, ">=", 0.5)
    assert (claim.found, claim.required) == ("0.9877", ">= 0.5")
    assert Claim("c", "s", None, "in", (0.1, 2.0)).required == "0.1 to 2"
    assert claim.plain("cpu") == {
        "claim": "c",
        "statement": "s",
        "measured": 0.98765,
        "error": None,
        "n": None,
        "comparison": ">=",
        "threshold": 0.5,
        "verdict": "holds",
        "holds": True,
        "gated": True,
        "cause": "",
        "scale": "cpu",
    }


def test_families_of_claims():
    entries = [
        {
            "id": "fit-{kind}-{share}",
            "each": {"kind": ["a", "b"], "share": "shares"},
            "says": "{share:.0%}",
            "holds": "> 0",
        },
        {"id": "gain-{net}", "each": [{"net": "mlp:8", "least": 0.5}], "says": "Of\n{net}.", "holds": ">= {least}"},
        {"id": "whole", "says": "All {rows:,}.", "holds": "in 0 {rows}", "scales": ["paper"]},
    ]
    found = listed(entries, "cpu", {"shares": [0.2, 0.4]})
    assert [claim.id for claim in found] == ["fit-a-0-2", "fit-a-0-4", "fit-b-0-2", "fit-b-0-4", "gain-mlp-8"]
    assert found[1].statement == "40%"
    assert found[4] == Claim("gain-mlp-8", "Of mlp:8.", None, ">=", 0.5)
    assert listed(entries, "paper", {"shares": [], "rows": 60000})[1:] == [
        Claim("whole", "All 60,000.", None, "in", (0.0, 60000.0))
    ]
    with pytest.raises(BadInput, match="two claims have the id 'whole' at scale paper"):
        listed(entries[2:] * 2, "paper", {"rows": 1})


def judged(example, ask, seeds=5, **fields):
    """The claim of a study that measures by `ask` in runs of several seeds, whose values `x` are their squares."""
    entry = {"id": "c", "says": "s", "holds": "> 3", **fields}
    study = replace(example.STUDY, claims=[entry], measured=lambda results: {"c": ask(results)})
    items = [Result(Task("m:f", {"seed": seed}), {"x": float(seed**2)}, 1.0, "") for seed in range(seeds)]
    return study.judged(Results(study.scale("cpu"), tuple(items)))[0]


def test_a_plain_number_gets_its_error_by_leaving_out_seeds(example):
    claim = judged(example, lambda results: results.mean("x"))
    values = np.arange(5.0) ** 2
    assert claim.measured == values.mean()
    assert claim.error == pytest.approx(values.std(ddof=1) / math.sqrt(5))
    assert (claim.n, claim.verdict, claim.found) == (5, "undecided", "6 ± 2.9")
    assert judged(example, lambda results: results.mean("x"), seeds=2).error is None
    on_one = judged(example, lambda results: results.one(seed=4)["x"])
    assert (on_one.measured, on_one.error, on_one.verdict) == (16.0, None, "holds")


def test_an_estimate_is_taken_as_it_is(example):
    claim = judged(example, lambda results: Estimate(np.float32(2.5), np.float64(0.1), np.int64(7)))
    assert (claim.measured, claim.error, claim.n, claim.verdict) == (2.5, 0.1, 7, "fails")
    assert judged(example, lambda results: Estimate(4, 0)).found == "4 exact"
    assert judged(example, lambda results: Estimate(4, 0, 3)).found == "4 ± 0"
    assert judged(example, lambda results: Estimate(math.nan, math.nan, 3)).verdict == "fails"


def test_a_claim_may_be_reported_only_and_say_why_it_fails(example):
    claim = judged(example, lambda results: 1.0, gate=False, cause={"cpu": "too\nsmall: {repeats} runs"})
    assert (claim.gated, claim.verdict, claim.cause) == (False, "fails", "too small: 2000 runs")
    assert claim.plain("cpu")["cause"] == claim.cause
    held = judged(example, lambda results: 9.0, cause={"cpu": "settings: wrong"})
    assert held.plain("cpu")["cause"] == ""
