"""Every study of the catalogue keeps to the form; none is named here."""

import json
from pathlib import Path

import pytest

from noisewise.catalogue import load
from noisewise.studies import STUDIES, perform
from noisewise.studies.frame.measured import measured
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


def test_claims_can_be_read_before_a_run(study):
    if isinstance(study, Study):
        for scale in study.card.scales:
            assert study.listed(study.scale(scale))


def test_what_was_measured_is_what_is_claimed(study):
    for scale, entry in measured().get(study.card.name, {}).items():
        if isinstance(study, Study):
            listed = {claim.id: claim for claim in study.listed(study.scale(scale))}
            for known in json.loads(json.dumps(entry["claims"])):
                found = json.loads(json.dumps(listed.pop(known["claim"]).plain(scale)))
                changed = {name: found[name] for name in found if found[name] != known[name]}
                assert set(changed) <= {"measured", "holds"}
            assert all(claim.optional for claim in listed.values()), "these were never measured"


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
        own = study.tasks("smoke", **{choice: "chosen"})
        assert any("chosen" in json.dumps(task.arguments) for task in own)


@pytest.mark.slow
def test_smoke_runs_within_its_budget(study, tmp_path):
    outcome = perform(study, "smoke", out=tmp_path)
    assert [done.error for done in outcome.failed] == []
    assert outcome.claims
    assert outcome.cpu_seconds <= study.card.budget["smoke"], "processor time, whatever else the machine does"


def test_the_example_of_the_documentation_is_the_one_tested_here():
    page = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
    for suffix, language in ((".py", "python"), (".toml", "toml")):
        text = (Path(__file__).parent / "example" / f"mean_error{suffix}").read_text(encoding="utf-8")
        assert f"```{language}\n{text}```" in page
