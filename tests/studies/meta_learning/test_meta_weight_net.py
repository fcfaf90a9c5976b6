"""The study of Meta-Weight-Net, on planted results."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.weighting import GRID
from noisewise.studies.meta_learning.meta_weight_net import CASES, ROLES, run_of, settings

STUDY = find("meta-weight-net")
CPU = STUDY.scale("cpu")
LOSSES = np.linspace(0.1, 5, 50)
ENDS = {"plain": 0.70, "reweighted": 0.75, "learned": 0.80, "divided": 0.80, "high": 0.78, "low": 0.82}
FALLEN, FULL = np.linspace(0.9, 0, len(GRID)), np.ones(len(GRID))


def names_of(task):
    """The case of a run, and the role or setting of its method."""
    methods = {**{getattr(CPU, role): role for role in ROLES}, **{of: name for name, of in settings(CPU).items()}}
    case = next(case for case, corrupt in CASES.items() if corrupt == task["corrupt"])
    return case, methods[task["method"]]


def curves_of(case, name):
    """Weight functions that fall under noise and rise with the tail; not divided they rise to 1 first."""
    if name == "penalty-fast":
        return [FULL, FULL, FULL, FALLEN]
    if name in ("free", "free-fast", "low-free"):
        return [FULL] * 4
    return [0.9 - FALLEN if case == "long tail" else np.minimum(FALLEN, 0.1 + 0.8 * (GRID < 2) + FALLEN / 100)] * 4


def values_of(task, change):
    case, name = names_of(task)
    end = ENDS.get(name, 0.80 if case == "uniform" else 0.70)
    found = {
        "end": end,
        "best": end + 0.06,
        "curves": curves_of(case, name),
        "tells": 0.9,
        "moved": 0.8 if name == "reweighted" else 0.2,
    } | change(case, name)
    epochs = 4
    history = {
        "epoch": range(1, epochs + 1),
        "test_accuracy": [0.5, 0.6, found["best"], found["end"]],
        "moved": [np.nan, 9.0, found["moved"], found["moved"]],
        "tells": [0.5, 0.5, 0.5, found["tells"]],
    }
    values = {
        "history": pd.DataFrame(history),
        "recalls": np.full((epochs, 10), found["end"]),
        "test_accuracy": found["end"],
        "test_best": found["best"],
        "losses": LOSSES,
        "weights": 1 - LOSSES / 5,
        "wrong": LOSSES > 3,
    }
    return values if name in ("plain", "reweighted") else {**values, "curves": np.array(found["curves"])}


def results(change=lambda case, name: {}):
    tasks = STUDY.tasks("cpu")
    return Results(CPU, tuple(Result(task, values_of(task.arguments, change), 1.0, "here") for task in tasks))


def failed(case=None, name=None, **values):
    wanted = {"case": case, "name": name}

    def change(case, name):
        return values if wanted["case"] in (case, None) and wanted["name"] == name else {}

    claims = STUDY.judged(results(change))
    assert all(claim.error is not None and claim.n in (CPU.seeds, CPU.uniform_seeds) for claim in claims)
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failed() == set()
    assert failed("long tail", "learned", end=0.705) == {"long-tail-gain"}
    assert failed("uniform", "learned", end=0.705) == {"uniform-gain"}
    assert failed("flip", "learned", end=0.705) == {"flip-gain", "bias-high", "bias-low"}
    assert failed("uniform", "plain", best=0.74) == {"early-stopping"}
    assert failed("uniform", "learned", curves=[np.abs(GRID - 2)] * 4) == {"uniform-falls"}
    assert failed("flip", "learned", curves=[GRID] * 4) == {"flip-falls"}
    assert failed("long tail", "learned", curves=[-GRID] * 4) == {"long-tail-rises"}
    assert failed("uniform", "learned", tells=0.79) == {"tells"}
    assert failed("uniform", "reweighted", moved=0.39) == {"calm"}


def test_each_claim_on_what_moves_the_function_can_fail():
    assert failed("flip", "free", curves=[FALLEN] * 4) == {"saturates-free"}
    assert failed("flip", "free-fast", curves=[FALLEN] * 4) == {"saturates-free-fast"}
    assert failed("flip", "free", end=0.75) == {"saturated-is-plain"}
    assert failed("uniform", "penalty", curves=[FULL - FALLEN] * 4) == {"undivided-falls"}
    assert failed("uniform", "free", end=0.74) == {"undivided-gains"}
    assert failed("flip", "penalty-fast", curves=[FULL] * 4) == {"penalty-brings-back"}
    assert failed("flip", "divided", curves=[FULL] * 4) == {"divided-moves"}
    assert failed("flip", "divided", end=0.74) == {"divided-gains", "decay-adds"}
    assert failed("flip", "high", end=0.70) == {"bias-high"}
    assert failed("flip", "low", end=0.86) == {"bias-low"}


def test_studies_ask_for_the_same_run():
    one = run_of(CPU, "uniform", CPU.learned, 0)
    assert one.key in {task.key for task in STUDY.tasks("cpu")}
    assert one.key in {task.key for task in find("weight-functions").tasks("cpu")}
    assert run_of(CPU, "uniform", CPU.plain, 0).key in {task.key for task in find("imbalance").tasks("cpu")}


@pytest.mark.parametrize("name", ["weight-functions", "imbalance"])
def test_studies_ask_for_the_same_run_where_a_person_chose(name):
    chosen = {"source": "mnist", "model": "mlp:16"}
    task = run_of(find(name).scale("cpu", **chosen), "uniform", "prediction-variance", 0)
    assert (task.arguments["source"], task.arguments["model"]) == ("mnist", "mlp:16")
    shared = {task.key for task in find(name).tasks("cpu", **chosen)}
    assert shared & {task.key for task in STUDY.tasks("cpu", **chosen)}


def test_the_figure_can_be_drawn():
    drawn = STUDY.figure(results())
    assert len(drawn.axes) == 9
