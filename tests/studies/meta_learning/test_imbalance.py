"""The study of imbalance, on planted results, by hand and on digits."""

import numpy as np
import pytest
import torch

from noisewise.compute import Result
from noisewise.models.trees import BoostedTrees
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.meta_learning.imbalance import (
    BOTH,
    NAMES,
    NOISE,
    TAILED_ONLY,
    boosting,
    off_formula,
    piled,
    spec,
)

STUDY = find("imbalance")
CPU = STUDY.scale("cpu")
SIZES = np.floor(2000 * 100.0 ** (-np.arange(10) / 9) + 1e-9).astype(int)
SCORES = {
    TAILED_ONLY: {"ce": 0.70, "self-paced": 0.65, "hard-mining": 0.71},
    BOTH: {"ce": 0.60, "l2rw": 0.65, "meta-weight-net": 0.64},
    NOISE: {"ce": 0.70, "self-paced": 0.75, "focal": 0.69, "hard-mining": 0.60},
}


def values_of(task, plan):
    arguments = task.arguments
    if task.name == "boosting":
        return {"shares": np.linspace(0.2, plan.get("pile", 0.6), 11), "noise_rate": 0.2}
    name = next(name for name in NAMES if spec(name, CPU) == arguments["method"])
    if arguments.get("classes"):
        end = plan.get(("nines", name), {"ce": 0.7, "l2rw": 0.9}[name])
        return {"recalls": np.array([[end, end]]), "sizes": np.array([199, 1])}
    corrupt = arguments["corrupt"]
    end = plan.get((corrupt, name), SCORES[corrupt].get(name, 0.73 if corrupt == TAILED_ONLY else 0.60))
    recalls = np.full(10, end)
    recalls[-3:] = plan.get(("tail", name), end) if corrupt == TAILED_ONLY else end
    return {"recalls": recalls[None], "sizes": plan.get("sizes", SIZES)}


def results(plan):
    items = (Result(task, values_of(task, plan), 1.0, "here") for task in STUDY.tasks("cpu"))
    return Results(CPU, tuple(items))


def failed(**plan):
    plan = plan | plan.pop("at", {})
    return {claim.id for claim in STUDY.judged(results(plan)) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failed() == set()
    assert failed(sizes=SIZES + (np.arange(10) == 4)) == {"sizes"}
    assert failed(at={(TAILED_ONLY, "meta-weight-net"): 0.70}) == {"meta-weight-net-balanced"}
    for name in ("class-balanced", "smote", "l2rw"):
        assert failed(at={(TAILED_ONLY, name): 0.70}) == {f"{name}-balanced", "tail"}
        assert failed(at={("tail", name): 0.715}) == {"tail"}
    assert failed(at={("nines", "l2rw"): 0.84}) == {"nines-and-fours"}
    assert failed(at={("nines", "ce"): 0.85}) == {"nines-and-fours-plain"}
    assert failed(at={(NOISE, "self-paced"): 0.705}) == {"noise-easy-rows"}
    assert failed(at={(NOISE, "focal"): 0.71}) == {"noise-hard-rows"}
    assert failed(at={("tail", "hard-mining"): 0.6}) == {"tail-hard-rows"}
    assert failed(at={(BOTH, "l2rw"): 0.605}) == {"both-trusted"}
    assert failed(at={(BOTH, "meta-weight-net"): 0.605}) == {"both-learned"}
    assert failed(pile=0.29) == {"boosting-piles-up"}
    assert failed(pile=0.1) == {"boosting-piles-up", "boosting-grows"}


def test_sizes_off_the_formula_by_hand():
    assert off_formula(np.array([100, 10, 1]), 100) == 0
    assert off_formula(np.array([100, 13, 1]), 100) == 3


def test_weights_pile_up_by_hand():
    """Two stumps that always vote for the right and for the left class; the second row is wrongly labelled.

    The first misses rows 0 and 1 with alpha log 2: weights 1/3, 1/3, 1/6, 1/6. The second misses rows 2 and 3 with
    alpha log 4: 1/3, 1/3, 2/3, 2/3 over 2.
    """
    votes = torch.tensor([[[-1.0, 1.0]], [[1.0, -1.0]]])
    trees = BoostedTrees(
        torch.zeros(2, 1, dtype=torch.int64),
        torch.zeros(2, 1),
        torch.zeros(2, 1, 2, dtype=torch.int64),
        votes,
        torch.log(torch.tensor([2.0, 4.0])),
        depth=0,
    )
    shares = piled(trees, np.zeros((4, 1), np.float32), np.array([0, 0, 1, 1]), np.arange(4) == 1)
    assert shares == pytest.approx([1 / 4, 1 / 3, 1 / 6])


def test_boosting_piles_weight_on_wrong_digits():
    found = boosting("digits", 300, 10, 3, "uniform:0.2", 0)
    assert found["shares"].shape == (11,)
    assert found["shares"][0] == pytest.approx(found["noise_rate"])
    assert found["shares"][-1] > 1.2 * found["noise_rate"]


def test_the_paper_does_not_boost_pixels_of_cifar():
    methods = {task.arguments.get("method") for task in STUDY.tasks("paper")}
    assert not any(method and method.startswith("adaboost") for method in methods)


def test_the_figure_can_be_drawn():
    drawn = STUDY.figure(results({}))
    assert len(drawn.axes) == 6
