"""The study of noise and flatness, on planted results and on few digits."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.errors import BadInput
from noisewise.methods.gradients.perturbed_gd import PerturbedGD
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.helpful_noise.noise_and_flatness import ARMS, descended, named

TOPS = {"GD": 18.0, "GD, gradient noise": 19.0, "GD, perturbed": 10.0, "SGD, small step": 14.0, "SGD, annealed": 6.0}
RISES = {"GD": 0.02, "GD, gradient noise": 0.03, "GD, perturbed": 0.01, "SGD, small step": 0.015, "SGD, annealed": 0.01}


def arm_of(arguments):
    found = [name for name, arm in ARMS.items() if arm["method"] == arguments["method"]]
    return next(name for name in found if ARMS[name]["rate"] == arguments["rate"])


def planted(changed=None, noisy=None, clean=None):
    """Results in which an arm's numbers are changed, at all shares or at one."""
    study, items = find("noise-and-flatness"), []
    for task in study.tasks("cpu"):
        arm, wrong = arm_of(task.arguments), task.arguments["corrupt"] is not None
        values = {
            "hessian_top": TOPS[arm],
            "sharpness": RISES[arm],
            "test_accuracy": 0.63 if arm == "SGD, annealed" else 0.61,
            "train_loss": 0.019,
            "reached": True,
        }
        values |= (changed or {}).get(arm, {}) | ((noisy if wrong else clean) or {}).get(arm, {})
        items.append(Result(task, values, 1.0, "here"))
    claims = study.judged(Results(study.scale("cpu"), tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert planted() == set()
    assert planted({"GD": {"train_loss": 0.01}}) == {"equal-loss"}
    assert planted({"GD, perturbed": {"reached": False}}) == {"equal-loss"}
    assert planted(clean={"SGD, small step": {"hessian_top": 18.5}}) == {"gd-sharp"}
    assert planted(noisy={"SGD, small step": {"hessian_top": 18.5}}) == {"gd-sharp-noisy"}
    assert planted(clean={"SGD, annealed": {"hessian_top": 12.0}}) == {"small-sharp"}
    assert planted(noisy={"SGD, annealed": {"hessian_top": 12.0}}) == {"small-sharp-noisy"}
    assert planted({"GD, perturbed": {"hessian_top": 16.0}}) == {"perturbed-flat", "perturbed-flat-noisy"}
    assert planted(clean={"SGD, annealed": {"sharpness": 0.018}}) == {"perturbed-rise"}
    assert planted(noisy={"SGD, annealed": {"sharpness": 0.018}}) == {"perturbed-rise-noisy"}
    assert planted(clean={"GD": {"test_accuracy": 0.64}}) == {"accuracy"}
    assert planted(noisy={"GD": {"test_accuracy": 0.625}}) == {"accuracy-noisy"}


def test_arms_are_told_apart():
    study = find("noise-and-flatness")
    tasks = study.tasks("cpu")
    assert len(tasks) == 2 * 5 * len(ARMS)
    assert {arm_of(task.arguments) for task in tasks} == set(ARMS)
    batches = {arm_of(task.arguments): task.arguments["batch"] for task in tasks}
    assert [name for name, size in batches.items() if size is None] == list(ARMS)[:3]


OPTIONS = {
    "source": "digits",
    "model": "mlp:16",
    "rows": 100,
    "tested": 100,
    "corrupt": None,
    "method": "ce",
    "batch": None,
    "rate": 0.05,
    "annealed": False,
    "horizon": 100,
    "limit": 600,
    "levels": [0.7, 0.3],
    "seed": 0,
}


def test_a_run_ends_at_the_last_level(tmp_path):
    found = descended(scratch=tmp_path, **OPTIONS)
    table = found["measured"]
    assert isinstance(table, pd.DataFrame)
    assert table["level"].tolist() == [0.7, 0.3]
    assert table["train_loss"].tolist()[0] <= 0.7
    assert 0.1 < found["train_loss"] <= 0.3
    assert found["reached"]
    assert 0 < found["steps"] < 600
    assert found["hessian_top"] == table["hessian_top"].iloc[-1] > 0
    assert found["hessian_trace"] > found["hessian_top"]
    assert found["sharpness"] > 0
    assert found["test_accuracy"] > 0.5


def test_a_level_that_is_not_reached_is_said(tmp_path):
    found = descended(scratch=tmp_path, **{**OPTIONS, "limit": 50, "levels": [0.001]})
    assert not found["reached"]
    assert found["steps"] == 50
    assert np.isnan(found["measured"]["level"].iloc[-1])
    assert found["hessian_top"] > 0


def test_an_interrupted_run_gives_the_same(tmp_path):
    whole = descended(scratch=tmp_path / "a", **OPTIONS)
    descended(scratch=tmp_path / "b", **{**OPTIONS, "limit": 50})
    again = descended(scratch=tmp_path / "b", **OPTIONS)
    for name in ("train_loss", "hessian_top", "sharpness", "test_accuracy", "steps"):
        assert again[name] == whole[name]


def test_the_rate_is_halved_over_the_horizon(tmp_path, monkeypatch):
    from noisewise.studies.helpful_noise import noise_and_flatness

    rates = []
    follow = noise_and_flatness._train_and_measure

    def spied(training, learner, *rest):
        table = follow(training, learner, *rest)
        rates.append((training.config.epochs, learner.optimizer.param_groups[0]["lr"]))
        return table

    monkeypatch.setattr(noise_and_flatness, "_train_and_measure", spied)
    options = {**OPTIONS, "batch": 20, "levels": [1e-6], "limit": 200}
    descended(scratch=tmp_path / "a", **options)
    descended(scratch=tmp_path / "b", **{**options, "annealed": True})
    assert rates == [(20, 0.05), (20, pytest.approx(0.05 / 8))]


def test_methods_by_their_spec():
    found = named("perturbed-gd:rho=0.3")
    assert isinstance(found, PerturbedGD)
    assert found.rho == 0.3
    with pytest.raises(BadInput, match="rho"):
        named("perturbed-gd:rho=-1")
