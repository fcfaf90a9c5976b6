"""The study of Meta-Weight-Net, on planted results."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.weighting import GRID
from noisewise.studies.meta_learning.meta_weight_net import (
    CASES,
    ROLES,
    described,
    over_epochs,
    recovered,
    run_of,
)

STUDY = find("meta-weight-net")
CPU = STUDY.scale("cpu")
LOSSES = np.linspace(0.1, 5, 50)


def values_of(task, change):
    role = next(role for role in ROLES if getattr(CPU, role) == task["method"])
    case = next(case for case, corrupt in CASES.items() if corrupt == task["corrupt"])
    end = {"plain": 0.70, "learned": 0.74, "reweighted": 0.75}[role]
    found = {
        "end": end,
        "best": end + 0.03,
        "curve": GRID if case == "long tail" else -GRID,
        "tells": 0.9,
        "moved": 0.8 if role == "reweighted" else 0.2,
    } | change(case, role)
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
    }
    return values if role != "learned" else {**values, "curves": found["curve"][None]}


def results(change=lambda case, role: {}):
    tasks = STUDY.tasks("cpu")
    return Results(CPU, tuple(Result(task, values_of(task.arguments, change), 1.0, "here") for task in tasks))


def failed(case=None, role=None, **values):
    wanted = {"case": case, "role": role}

    def change(case, role):
        return values if wanted["case"] in (case, None) and wanted["role"] == role else {}

    claims = STUDY.judged(results(change))
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failed() == set()
    assert failed("flip", "learned", end=0.705) == {"flip-gain"}
    assert failed("long tail", "learned", end=0.705) == {"long-tail-gain"}
    assert failed("uniform", "learned", end=0.705) == {"uniform-gain"}
    assert failed("uniform", "plain", best=0.71) == {"early-stopping"}
    assert failed("uniform", "learned", curve=np.abs(GRID - 2)) == {"uniform-falls"}
    assert failed("flip", "learned", curve=GRID) == {"flip-falls"}
    assert failed("long tail", "learned", curve=-GRID) == {"long-tail-rises"}
    assert failed("uniform", "learned", tells=0.79) == {"tells"}
    assert failed("uniform", "reweighted", moved=0.39) == {"calm"}


def test_without_a_gain_nothing_is_recovered():
    assert failed("uniform", "learned", end=0.70) == {"uniform-gain", "early-stopping"}


def test_recovered_by_hand():
    runs = described(results())
    assert recovered(runs) == pytest.approx(0.03 / 0.04)
    assert over_epochs(runs, "learned", "moved")[1:] == pytest.approx([9, 0.2, 0.2])


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
    assert len(drawn.axes) == 4
