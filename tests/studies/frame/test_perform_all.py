"""Several studies in one call: no run twice, every study concluded when its own runs have ended."""

from dataclasses import replace

import pytest

from noisewise.compute import SerialEngine
from noisewise.errors import BadInput
from noisewise.studies import find, perform_all


def _named(study, name):
    return replace(study, card=replace(study.card, name=name))


def test_studies_share_their_runs_and_each_is_concluded(example, tmp_path):
    studies, told = [_named(example.STUDY, "one"), _named(example.STUDY, "two")], []
    report = lambda study, done, count: told.append((study.card.name, done.task.key, done.cached, count))  # noqa: E731
    outcomes = list(perform_all(studies, "smoke", out=tmp_path, engine=SerialEngine(), on_done=report))
    assert [outcome.study.card.name for outcome in outcomes] == ["one", "two"]
    assert all(outcome.passed for outcome in outcomes)
    count = len(example.STUDY.tasks("smoke"))
    assert [name for name, *_ in told] == ["one", "two"] * count
    assert {n for *_, n in told} == {count}
    assert not any(cached for _, _, cached, _ in told)
    assert (tmp_path / "one" / "report.html").is_file()
    assert (tmp_path / "two" / "report.html").is_file()


def test_a_study_is_concluded_before_the_next_one_has_run(example, tmp_path):
    studies = [_named(example.STUDY, "one"), _named(example.STUDY, "two")]
    outcomes = perform_all(studies[:1], "smoke", out=tmp_path, engine=SerialEngine())
    assert next(outcomes).study.card.name == "one"
    again = list(perform_all(studies, "smoke", out=tmp_path, engine=SerialEngine()))
    assert [outcome.claims for outcome in again] == [again[0].claims] * 2


def test_when_the_time_is_over_every_study_says_what_is_left(example, tmp_path):
    studies = [_named(example.STUDY, "one"), _named(example.STUDY, "two")]
    outcomes = list(perform_all(studies, "smoke", out=tmp_path, engine=SerialEngine(), minutes=1e-9))
    assert len(outcomes) == 2
    assert all(len(outcome.left) == len(example.STUDY.tasks("smoke")) for outcome in outcomes)
    assert not (tmp_path / "one").exists()


def test_runs_on_a_former_content_of_a_source_are_not_taken_for_others(tmp_path):
    study, table = find("early-learning"), tmp_path / "own.csv"
    chosen = {"out": tmp_path / "out", "source": str(table), "engine": SerialEngine()}
    lines = [f"{k % 7},{k % 5},{int(k % 7 > 3)}" for k in range(200)]
    table.write_text("\n".join(["a,b,label", *lines]) + "\n")
    (outcome,) = perform_all([study], "smoke", **chosen)
    assert outcome.claims
    told = []
    list(perform_all([study], "smoke", **chosen, on_done=lambda study, done, count: told.append(done.cached)))
    assert all(told)
    table.write_text("\n".join(["a,b,label", *lines[::-1]]) + "\n")
    with pytest.raises(BadInput, match=r"own.csv has changed since runs in .* were computed from it"):
        list(perform_all([study], "smoke", **chosen))
