"""Claims, cards and what asks for results."""

import copy
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result, Task
from noisewise.errors import BadInput
from noisewise.studies import STUDIES, Claim, Results, Study, find, means, training


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"name": "Mean"}, "hyphens"),
        ({"scales": {"large": "x"}}, "'large'"),
        ({"budget": {"paper": 1}}, "'paper'"),
        ({"takes": ("method",)}, "'method'"),
        ({"budget": {}}, "no budget for the scale smoke"),
    ],
)
def test_bad_cards_are_refused(example, changes, words):
    with pytest.raises(BadInput, match=words):
        replace(example.STUDY.card, **changes)


def test_a_study_refuses_what_it_does_not_take(example):
    study = example.STUDY
    with pytest.raises(BadInput, match="study 'mean-error' has no scale 'paper'; available: smoke, cpu"):
        study.tasks("paper")
    for choice in ("source", "model"):
        with pytest.raises(BadInput, match=f"{choice}='x' cannot be chosen"):
            study.tasks("smoke", **{choice: "x"})


def test_a_study_gets_what_a_person_chose_and_runs_nothing_twice(example):
    def runs(scale):
        return [Task("m:f", {"scale": scale.name, "source": scale.source, "model": scale.model})] * 2

    study = replace(
        example.STUDY,
        runs=runs,
        card=replace(example.STUDY.card, takes=("source", "model")),
        values={"smoke": {"source": "mnist", "model": "lenet", "models": ["lenet", "mlp"]}},
    )
    (task,) = study.tasks("smoke")
    assert task.arguments == {"scale": "smoke", "source": "mnist", "model": "lenet"}
    (task,) = study.tasks("smoke", source="digits", model="mlp")
    assert task.arguments == {"scale": "smoke", "source": "digits", "model": "mlp"}
    assert study.scale("smoke", model="mlp:8").chosen == {"model": "mlp:8"}
    assert study.scale("smoke", model="mlp:8").models == ["mlp:8"]
    assert study.scale("smoke").models == ["lenet", "mlp"]


def test_values_of_a_scale(example):
    scale = example.STUDY.scale("cpu")
    assert (scale.name, scale.draws, scale.repeats) == ("cpu", [10, 100, 1000, 10000], 2000)
    assert copy.deepcopy(scale) == pickle.loads(pickle.dumps(scale)) == scale
    with pytest.raises(AttributeError, match="scale 'cpu' has no value 'drawn'; it has: repeats, draws"):
        _ = scale.drawn


@pytest.mark.parametrize(
    "found, words",
    [
        ({}, r"claims not measured: \['root-law'\], measured without a claim: \[\]"),
        ({"root-law": 1.0, "other": 1.0}, r"claims not measured: \[\], measured without a claim: \['other'\]"),
    ],
)
def test_every_claim_is_measured_and_none_besides(example, found, words):
    study = replace(example.STUDY, measured=lambda results: found)
    with pytest.raises(BadInput, match=words):
        study.judged(Results(study.scale("smoke"), ()))


def test_an_optional_claim_may_be_left_out(example):
    study = replace(
        example.STUDY,
        claims=[{"id": "a", "says": "s", "holds": "> 0", "optional": True}, {"id": "b", "says": "t", "holds": "> 0"}],
        measured=lambda results: {"b": np.float32(1.0)},
    )
    assert study.judged(Results(study.scale("smoke"), ())) == [Claim("b", "t", 1.0, ">", 0.0)]


@pytest.mark.parametrize(
    "change, words",
    [
        (("name =", "nome ="), r"mean_error.toml: missing \['name'\], unknown \['nome'\]"),
        (("year = 1823", "year = "), "cannot read the study in .*mean_error.toml"),
        (('runs = "2,000 means of up to 1,000 draws"', ""), "scales.smoke. does not say what it runs"),
        (("budget = 10", ""), "no budget for the scale smoke"),
        (('holds = "in -0.52 -0.48"', 'holds = "about 3"'), "comparison='about'"),
        (('holds = "in -0.52 -0.48"', 'holds = "<= x"'), "not a comparison and numbers"),
        (
            ('holds = "in -0.52 -0.48"', 'holds = "<= {draw}"'),
            "holds='<= {draw}' cannot be filled in at scale smoke: there is no value 'draw'",
        ),
        (('says = "The', 'said = "The'), r"claim 'root-law': missing \['says'\], unknown \['said'\]"),
    ],
)
def test_bad_files_are_refused(example, tmp_path, change, words):
    text = Path(example.__file__).with_suffix(".toml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "mean_error.toml").write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=words):
        Study.load(tmp_path / "mean_error.py", example.runs, example.measured, example.figure)


HOLDS = 'holds = "in -0.52 -0.48"'
SAYS = 'says = "The error falls with the square root of the number of draws."'


def filled(text):
    """The change of `says` to a text, and how its refusal starts."""
    return (SAYS, f'says = "{text}"'), rf"claim 'root-law': says={re.escape(repr(text))} cannot be filled in at scale"


@pytest.mark.parametrize(
    "change, words",
    [
        (("", "claims = 'x'"), "claims='x' must be a list of tables"),
        (("", "claims = {}"), "claims={} must be a list of tables"),
        (("", "claims = ['x']"), r"claims=\['x'\] must be a list of tables"),
        (("", "scales = [1]"), r"scales=\[1\] must be a table"),
        (("", "scales = 'cpu'"), "scales='cpu' must be a table"),
        (("", "scales = {smoke = 3}"), "scales.smoke=3 must be a table"),
        (("", "values = [1]"), r"values=\[1\] must be a table"),
        (("", "values = 'x'"), "values='x' must be a table"),
        (("", "takes = 3"), "takes=3 must be a list"),
        (("", "takes = [3]"), "names 3; available: source, model"),
        (("", "name = 3"), "name=3 must be text"),
        (("", "title = 3"), "title=3 must be text"),
        (("", "departures = ''"), "departures='' must be text"),
        (("", "year = '2020'"), "year='2020' must be a whole number"),
        (("", "year = true"), "year=True must be a whole number"),
        (("budget = 10", "budget = 'x'"), "scales.smoke.budget='x' must be a positive number"),
        (("budget = 10", "budget = nan"), "scales.smoke.budget=nan must be a positive number"),
        (("budget = 10", "budget = -5"), "scales.smoke.budget=-5 must be a positive number"),
        (('runs = "2,000 means of up to 1,000 draws"', "runs = 3"), "scales.smoke.runs=3 must be text"),
        (("repeats = 2000", "name = 2000"), r"\[values\] has a value 'name'"),
        (("budget = 10", "budget = 10\nname = 1"), r"\[scales.smoke\] has a value 'name'"),
        ((HOLDS, "holds = ''"), "claim 'root-law': holds='' must be text"),
        ((HOLDS, "holds = 3"), "claim 'root-law': holds=3 must be text"),
        ((HOLDS, "holds = 'in 2 1'"), "claim 'root-law': holds='in 2 1' must state the lower end"),
        ((HOLDS, HOLDS + "\nscales = 3"), "claim 'root-law': scales=3 must be a list"),
        ((HOLDS, HOLDS + "\nscales = ['zz']"), "claim 'root-law': scales='zz' must be one of smoke, cpu"),
        ((HOLDS, HOLDS + "\nscales = ['paper']"), "claim 'root-law': scales='paper' must be one of smoke, cpu"),
        ((HOLDS, HOLDS + "\noptional = 'no'"), "claim 'root-law': optional='no' must be true or false"),
        ((HOLDS, HOLDS + "\ngate = 'no'"), "claim 'root-law': gate='no' must be true or false"),
        ((HOLDS, HOLDS + "\ncause.cpu = 'bad luck'"), "claim 'root-law': cause=.* must be a table of texts by scale"),
        ((HOLDS, HOLDS + "\ncause.paper = 'too small: 9'"), "claim 'root-law': cause='paper' must be one of smoke"),
        *(
            ((HOLDS, f"{HOLDS}\neach = {each}"), "claim 'root-law': each=.* must be a list of tables, or a table of")
            for each in ("'draws'", "3", "[1]", "{of = 3}")
        ),
        ((HOLDS, HOLDS + "\neach = {of = 'drawn'}"), "each.of='drawn' is not the name of a list among the values"),
        ((HOLDS, HOLDS + "\neach = {of = 'repeats'}"), "each.of='repeats' is not the name of a list among the values"),
        filled("{draws.foo}"),
        filled("{draws:.2f}"),
        filled("{draws[a]}"),
        filled("{draws[9]}"),
        filled("{}"),
        filled("{"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_file(example, tmp_path, change, words):
    table = Path(example.__file__).with_suffix(".toml").read_text(encoding="utf-8")
    old, new = change
    if old:
        assert old in table
        table = table.replace(old, new, 1)
    else:
        field = new.partition(" ")[0]
        lines = [line for line in table.splitlines() if not line.startswith(f"{field} =")]
        if field in ("scales", "claims", "values"):
            parts = re.split(r"(?m)^(?=\[)", "\n".join(lines))
            lines = [part for part in parts if not part.lstrip("[").startswith(field)]
        table = "\n".join([new, *lines])
    (tmp_path / "mean_error.toml").write_text(table, encoding="utf-8")
    with pytest.raises(BadInput, match=rf"^mean_error\.toml: .*{words}") as caught:
        Study.load(tmp_path / "mean_error.py", example.runs, example.measured, example.figure)
    assert "\n" not in str(caught.value)


def test_changes_to_a_scale_do_not_reach_the_study(example):
    example.STUDY.scale("smoke").draws.append(7)
    assert example.STUDY.scale("smoke").draws == [10, 100, 1000]


def test_the_word_all_is_none(example, tmp_path):
    text = Path(example.__file__).with_suffix(".toml").read_text(encoding="utf-8")
    (tmp_path / "mean_error.toml").write_text(
        text.replace("repeats = 2000", 'sizes = {rows = "all", seeds = ["all", 1]}')
    )
    study = Study.load(tmp_path / "mean_error.py", example.runs, example.measured, example.figure)
    assert study.scale("smoke").sizes == {"rows": None, "seeds": [None, 1]}


@pytest.fixture
def results():
    def one(function, arguments, **values):
        return Result(Task(f"m:{function}", arguments), values, 1.0, "here")

    fits = [one("fit", {"p": p, "seed": seed}, x=p + seed) for p in (0.0, 0.5) for seed in (0, 1)]
    return Results("smoke", (*fits, one("solve", {"n": 3}, x=None)))


def test_results_are_asked_by_arguments(results):
    assert len(results.of("fit")) == 4
    assert results.where(p=0.5).numbers("x").tolist() == [0.5, 1.5]
    assert results.where(p=0.5).mean("x") == 1.0
    assert results.one(p=0.0, seed=1)["x"] == 1.0
    assert results.choices("p") == [0.0, 0.5, None]
    assert np.isnan(results.of("solve").numbers("x")).all()
    assert [item.task.name for item in results.where(seed=None)] == ["solve"]
    with pytest.raises(BadInput, match="2 runs match"):
        results.one(p=0.0)
    with pytest.raises(BadInput, match="no run to average 'x' over"):
        results.where(p=0.7).mean("x")


def test_the_table_has_a_row_per_run(results):
    table = results.table
    assert table.groupby("p")["x"].mean().to_dict() == {0.0: 0.5, 0.5: 1.0}
    assert table["task"].tolist() == ["fit"] * 4 + ["solve"]
    assert np.isnan(table["x"].iloc[4])
    history = pd.DataFrame({"epoch": [1, 2]})
    both = Result(
        Task("m:f", {"rows": None, "seed": 1}), {"rows": 50, "history": history, "found": np.ones(2)}, 1.0, ""
    )
    (row,) = Results("smoke", (both,)).table.to_dict("records")
    assert (row["rows"], row["result.rows"], row["history"] is history, len(row["found"])) == (None, 50, True, 2)


def test_means_leave_out_neither_what_was_not_measured_nor_clean_data():
    runs = pd.DataFrame({"corrupt": ["b", "b", None, "a"], "x": [1.0, np.nan, 3.0, 5.0], "y": [1.0, 2.0, 3.0, 4.0]})
    found = means(runs, "corrupt", ["x", "y"])
    assert [key if isinstance(key, str) else None for key in found.index] == ["b", None, "a"]
    assert found["y"].tolist() == [1.5, 3.0, 4.0]
    assert np.isnan(found["x"].iloc[0])
    assert means(runs, "corrupt", "x").tolist()[1:] == [3.0, 5.0]


def test_a_training_is_a_task_with_its_history(tmp_path):
    task = training(source="digits", rows=100, model="mlp:widths=8", method="ce", epochs=2, seed=1, device="cpu")
    assert task.title == "train digits ce mlp:widths=8 rows=100 epochs=2 seed=1 device=cpu"
    task.compute(tmp_path / task.key)
    (result,) = Results.read("smoke", [task], tmp_path)
    assert result["history"]["epoch"].tolist() == [1, 2]
    assert result["test_accuracy_last"] == result["history"]["test_accuracy"].iloc[-1]
    assert result["config"]["seed"] == 1


def test_a_name_is_found_or_the_nearest_is_told(catalogued, example):
    assert find("mean-error") is find("mean_error:STUDY") is catalogued
    with pytest.raises(BadInput, match=r"unknown study 'mean-eror' \(did you mean 'mean-error'"):
        find("mean-eror")
    with pytest.raises(BadInput, match="'mean_error:np' is not a study: it must be a Study, not a module"):
        find("mean_error:np")
    assert "mean-error" in STUDIES
