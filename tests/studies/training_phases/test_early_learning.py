"""The study of early learning, on planted results."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.training_phases.early_learning import RULES, gains, measured

BEST = {0.0: 0.85, 0.2: 0.83, 0.4: 0.8, 0.6: 0.72, 0.8: 0.5}
LAST = {0.0: 0.84, 0.2: 0.73, 0.4: 0.6, 0.6: 0.4, 0.8: 0.3}


def planted(best=None, last=None, instance=(0.75, 0.6), share=None):
    """Every rule gets the share 0.9 of the gain unless said otherwise."""
    study = find("early-learning")
    items = []
    for task in study.tasks("cpu"):
        kind, rate = task.arguments["corrupt"].split(":")
        rate = float(rate)
        if kind == "symmetric":
            high, low = {**BEST, **(best or {})}[rate], {**LAST, **(last or {})}[rate]
        else:
            high, low = instance
        kept = dict.fromkeys(RULES, 0.9) | (share or {})
        values = {
            "test_accuracy_best": high,
            "test_accuracy_last": low,
            "true_noise_rate": rate,
            "selection": {rule: {"epoch": 2, "test_accuracy": low + kept[rule] * (high - low)} for rule in RULES},
            "history": pd.DataFrame({"epoch": [1, 2, 3], "test_accuracy": [low, high, low]}),
        }
        items.append(Result(task, values, 1.0, "here"))
    return study, Results(study.scale("cpu"), tuple(items))


def failing(**options):
    study, results = planted(**options)
    return {claim.id for claim in study.judged(results) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(last={0.0: 0.82}) == {"clean-gain"}
    assert failing(last={0.4: 0.66}) == {"noisy-gain"}
    assert failing(last={0.6: 0.6}) == {"rises"}
    assert failing(instance=(0.79, 0.6)) == {"instance"}
    for rule in RULES:
        assert failing(share={rule: 0.45}) == {f"stopped-by-{rule}"}


def test_without_any_gain_no_rule_is_said_to_get_it():
    _, results = planted(best=LAST, instance=(0.6, 0.6))
    assert all(np.isnan(measured(results)[f"stopped-by-{rule}"]) for rule in RULES)


def test_gains_by_hand():
    _, results = planted(share={"agreement": 0.5})
    runs = gains(results)
    mean = runs.groupby(["kind", "rate"])["gain"].mean()
    assert mean["symmetric"].tolist() == pytest.approx([0.01, 0.1, 0.2, 0.32, 0.2])
    assert mean["instance"].tolist() == pytest.approx([0.15] * 3)
    assert runs[runs["corrupt"] == "symmetric:0.4"]["agreement"].iloc[0] == pytest.approx(0.1)
    found = measured(results)
    assert found["stopped-by-agreement"] == pytest.approx(0.5)
    assert found["stopped-by-validation"] == pytest.approx(0.9)


def test_trainings_are_shared_with_the_study_of_phases():
    shared = {task.key for task in find("early-learning").tasks("cpu")}
    phases = [task for task in find("two-phases").tasks("cpu") if task.arguments["source"] == "fashion-mnist"]
    trained = [task for task in phases if task.name == "followed"]
    common = {task.key for task in trained} & shared
    assert len(common) == min(find(name).scale("cpu").seeds for name in ("early-learning", "two-phases"))


def test_the_figure_has_its_panels():
    study, results = planted()
    assert len(study.figure(results).axes) == 3
