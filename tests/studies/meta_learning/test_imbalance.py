"""The study of imbalance, on planted results, by hand and on digits."""

import numpy as np
import pytest
import torch

from noisewise.compute import Result
from noisewise.models.trees import BoostedTrees
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.weighting import GRID
from noisewise.studies.meta_learning.imbalance import (
    BOTH,
    NAMES,
    NOISE,
    boosting,
    long_tail,
    of_two,
    off_formula,
    piled,
    spec,
)

STUDY = find("imbalance")
CPU = STUDY.scale("cpu")
STEEP = long_tail(200)
GAINS = {"ce": 0.0, "class-balanced": 0.04, "fine-tuning": 0.02, "focal": 0.01, "l2rw": 0.05, "meta-weight-net": 0.06}


def values_of(task, plan):
    """What a plan says, by corruption and method; else gains over a level of the corruption."""
    arguments = task.arguments
    if task.name == "boosting":
        return {"shares": np.linspace(plan.get("first", 0.1), plan.get("pile", 0.6), 101), "noise_rate": 0.2}
    name = next(name for name in NAMES if arguments["method"] in (spec(name, CPU), of_two(name, CPU)))
    corrupt, classes = arguments["corrupt"], arguments.get("classes")
    if classes == [9, 4]:
        end = plan.get(("nines", name), {"ce": 0.7, "class-balanced": 0.8, "l2rw": 0.9}[name])
        return {"recalls": np.array([[end, end]]), "sizes": np.array([199, 1])}
    factor = float(corrupt.removeprefix("longtail:").split("+")[0]) if corrupt.startswith("longtail") else 1
    end = rare = 0.9 - 0.04 * np.log10(factor) + GAINS.get(name, 0.03) * np.log10(factor) / 2
    if corrupt == NOISE:
        end = {"ce": 0.70, "self-paced": 0.75, "focal": 0.69, "hard-mining": 0.60}[name]
    if factor == 1 and name == "l2rw":
        end = 0.85
    if corrupt == BOTH:
        end = {"ce": 0.60, "fine-tuning": 0.62, "l2rw": 0.65, "meta-weight-net": 0.64}.get(name, 0.6)
    if name == "self-paced" and corrupt != NOISE:
        rare = 0.5
    end, rare = plan.get((corrupt, name), end), plan.get(("tail", name), rare)
    recalls = np.full(10, end)
    recalls[-3:] = rare if corrupt == long_tail(CPU.factor) else end
    recalls[:7] += (10 * end - recalls.sum()) / 7
    sizes = np.floor(1000 * factor ** (-np.arange(10) / 9) + 1e-9).astype(int)
    sizes[4] += plan.get("off", 0)
    curves = {"curves": np.zeros((1, len(GRID)))} if name == "meta-weight-net" else {}
    return {"recalls": recalls[None], "sizes": sizes, **curves}


def results(plan):
    items = (Result(task, values_of(task, plan), 1.0, "here") for task in STUDY.tasks("cpu"))
    return Results(CPU, tuple(items))


def failed(**plan):
    plan = plan | plan.pop("at", {})
    return {claim.id for claim in STUDY.judged(results(plan)) if not claim.holds}


def everywhere(name, end):
    return {(long_tail(factor), name): end for factor in CPU.factors if factor > 1}


def test_each_claim_can_hold_and_fail():
    assert failed() == set()
    assert failed(off=1) == {"sizes"}
    assert failed(at={(long_tail(1), "ce"): 0.85}) >= {"costs"}
    assert failed(at={(long_tail(factor), "class-balanced"): 0.835 for factor in (200, 100, 50)}) == {"grows"}
    for name in ("class-balanced", "focal", "fine-tuning", "l2rw"):
        assert failed(at=everywhere(name, 0.7)) == {f"{name}-balanced"}
    assert failed(at=everywhere("meta-weight-net", 0.7)) == {"meta-weight-net-balanced", "learned-best"}
    assert failed(at={(long_tail(100), "smote"): 0.7}) == {"smote-balanced"}
    assert failed(at={(long_tail(1), "l2rw"): 0.91}) == {"level"}
    for name in ("class-balanced", "smote", "l2rw"):
        assert failed(at={("tail", name): 0.83}) == {f"{name}-tail"}
    for name in ("focal", "hard-mining"):
        assert failed(at={("tail", name): 0.4}) == {f"{name}-tail"}
        assert failed(at={(NOISE, name): 0.71}) == {f"noise-{name}"}
    assert failed(at={(NOISE, "self-paced"): 0.705}) == {"noise-easy-rows"}
    assert failed(at={(BOTH, "l2rw"): 0.605}) == {"both-trusted"}
    assert failed(at={(BOTH, "meta-weight-net"): 0.605}) == {"both-learned"}
    assert failed(at={("nines", "l2rw"): 0.84}) == {"nines-and-fours"}
    assert failed(at={("nines", "ce"): 0.85}) == {"nines-and-fours-plain"}
    assert failed(at={("nines", "class-balanced"): 0.91}) == {"nines-and-fours-weights"}
    assert failed(pile=0.29) == {"boosting-piles-up"}
    assert failed(first=0.7) == {"boosting-grows"}


def test_every_claim_states_its_error():
    claims = STUDY.judged(results({}))
    assert [claim.id for claim in claims if claim.error is None] == []
    assert {claim.n for claim in claims if claim.id != "sizes"} == {3, 10}


def test_other_sources_have_ten_trusted_rows_of_a_class():
    def trusted(source):
        tasks = STUDY.tasks("paper", source=source)
        return {t.arguments["trusted"] for t in tasks if t.arguments.get("corrupt") == STEEP}

    assert (trusted("cifar10"), trusted("cifar100")) == ({100}, {1000})


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
    assert len(drawn.axes) == 9
