"""Every study of the catalogue keeps to the form; none is named here."""

import contextlib
import json
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from noisewise.catalogue import load
from noisewise.compute import Result
from noisewise.figures import COLOURS, GREY
from noisewise.studies import STUDIES, perform
from noisewise.studies.frame.measured import measured, shown
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import SCALES, Study

SECONDS_FOR_SMOKE = 60


@pytest.fixture(params=list(STUDIES))
def study(request):
    """Each study in turn."""
    return STUDIES[request.param]


def test_cards_are_complete(study):
    card = study.card
    assert STUDIES[card.name] is study
    assert all((card.title, card.shows, card.paper, card.figure, card.explanation, card.departures))
    assert card.shows.count(".") >= 2, "two sentences"
    assert 1800 < card.year < 2100
    assert {"smoke", "cpu"} <= set(card.scales)
    assert 0 < card.budget["smoke"] <= SECONDS_FOR_SMOKE


def test_scales_of_papers_say_what_they_need(study):
    assert "paper" not in study.card.scales or study.card.needs["paper"]


def test_claims_can_be_read_before_a_run(study):
    assert isinstance(study, Study)
    for scale in study.card.scales:
        assert study.listed(study.scale(scale))


def test_what_was_measured_is_what_is_claimed(study):
    scales = measured().get(study.card.name, {})
    for scale in shown(scales):
        entry, listed = scales[scale], {claim.id: claim for claim in study.listed(study.scale(scale))}
        for known in json.loads(json.dumps(entry["claims"])):
            found = json.loads(json.dumps(listed.pop(known["claim"]).plain(scale)))
            changed = {name for name in found if found[name] != known.get(name)}
            assert changed <= {"measured", "error", "n", "verdict", "holds", "gated", "cause"}
        assert all(claim.optional for claim in listed.values()), "these were never measured"


# Results that are older than the errors of claims, by study and scale.
WITHOUT_ERRORS: set[tuple[str, str]] = {
    ("minimum-norm", "paper"),
}


def test_every_measured_claim_states_its_error(study):
    name = study.card.name
    for scale in shown(measured().get(name, {})):
        claims = measured()[name][scale]["claims"]
        without = [one["claim"] for one in claims if one["measured"] is not None and one.get("error") is None]
        assert not without or (name, scale) in WITHOUT_ERRORS


def test_runs_can_be_sent_and_found_again(study):
    for scale in SCALES:
        if scale in study.card.scales:
            tasks, again = study.tasks(scale), study.tasks(scale)
            assert tasks
            assert [task.key for task in tasks] == [task.key for task in again]
            assert len({task.title for task in tasks}) == len(tasks), "titles tell the runs apart"
            for task in tasks:
                assert callable(load(task.function))
                assert json.loads(json.dumps(task.arguments)) == task.arguments


def test_what_a_person_chooses_reaches_the_runs(study):
    for choice in study.card.takes:
        chosen = {"source": "chosen", "model": "mlp:7"}[choice]  # a model's name is checked at once, a source's later
        own = study.tasks("smoke", **{choice: chosen})
        assert any(chosen in json.dumps(task.arguments) for task in own)


@pytest.mark.slow
def test_smoke_runs_within_its_budget(study, tmp_path):
    outcome = perform(study, "smoke", out=tmp_path)
    assert [done.error for done in outcome.failed] == []
    assert outcome.claims
    assert outcome.cpu_seconds <= study.card.budget["smoke"], "processor time, whatever else the machine does"
    results = Results.read(study.scale("smoke"), study.tasks("smoke"), tmp_path / "runs")
    assert ignored(study, results) == []
    assert illegible(study.figure(results)) == []


def illegible(figure):
    """What a reader of a greyscale print misses in a figure, in words."""
    found = []
    for place, axes in enumerate(figure.axes):
        if axes.axison and not axes.get_ylabel():
            found.append(f"panel {place} has no label on its y axis")
        labelled = [line for line in axes.lines if not line.get_label().startswith("_")]
        # Shades of one scale tell lines apart by themselves.
        kinds = [line for line in labelled if to_hex(line.get_color()) in {one.lower() for one in (*COLOURS, GREY)}]
        looks = [(line.get_linestyle(), line.get_marker(), line.get_fillstyle()) for line in kinds]
        found += [
            f"panel {place} tells lines apart by colour alone: {look}" for look in set(looks) if looks.count(look) > 1
        ]
        for bars in axes.containers:
            lying = getattr(bars, "orientation", None) == "horizontal"
            low, high = axes.get_xlim() if lying else sorted(axes.get_ylim())
            if getattr(bars, "patches", None) and not low <= 0 <= high:
                found.append(f"panel {place} has bars that do not start at zero")
    return found


# By study and value: a run without it is meant to be left out.
MAY_BE_MISSING = {
    ("learned-loss", "test_accuracy"),  # the best of several settings is taken
    ("learned-loss", "trusted_accuracy"),
    ("rademacher", "dimensions"),  # says which sizes a claim is about
}


def ignored(study, results):
    """The claims that depend on a number of a run, and are measured all the same where the number is missing.

    pandas leaves missing numbers out of means and extremes, so that a claim could hold for the runs that are left.
    """
    measured = judged(study, results.scale, results.items)
    found = set()
    for place, item in enumerate(results.items):
        numbers = {name: v for name, v in item.values.items() if isinstance(v, float) and not math.isnan(v)}
        for name, value in numbers.items():

            def planted(other, place=place, item=item, name=name):
                changed = replace(item, values={**item.values, name: other})
                items = (*results.items[:place], changed, *results.items[place + 1 :])
                return judged(study, results.scale, items)

            others = [planted(other) for other in (value + 1e6, value - 1e6, 1.37 * value + 0.011)]
            used = {claim for claim in measured for other in others if other and other.get(claim) != measured[claim]}
            without = planted(None) if used and (study.card.name, name) not in MAY_BE_MISSING else {}
            found |= {(claim, name) for claim in used if not math.isnan(without.get(claim) or math.nan)}
    return sorted(found)


def judged(study, scale, items):
    """What is measured by claim; nothing where it cannot be."""
    with contextlib.suppress(Exception), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: float(value) for name, value in study.measured(Results(scale, tuple(items))).items()}
    return {}


def test_a_number_that_is_left_out_is_seen():
    study = STUDIES["spurious-optima"]
    scale = study.scale("smoke")
    values = {
        "checked": {"by_filter": np.array([0.002]), "by_output": np.array([0.003])},
        "turned": {"gradient": 1e-16, "ratio": 2.0},
        "trapped": {"trapped": 0.3, "found": 0.7},
        "reflected": {"shares": np.array([[0.5, 0.75]])},
        "walked": {},
        "batched": {"trapped": 0.1, "found": 0.9},
    }
    results = Results(scale, tuple(Result(task, values[task.name], 1.0, "here") for task in study.tasks("smoke")))
    assert ignored(study, results) == []
    skipping = replace(study, measured=lambda found: study.measured(found) | {"trapped": found.table["found"].mean()})
    assert {name for _, name in ignored(skipping, results)} == {"found"}


def test_the_example_of_the_documentation_is_the_one_tested_here():
    page = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
    for suffix, language in ((".py", "python"), (".toml", "toml")):
        text = (Path(__file__).parent / "example" / f"mean_error{suffix}").read_text(encoding="utf-8")
        assert f"```{language}\n{text}```" in page
