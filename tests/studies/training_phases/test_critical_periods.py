"""The study of critical periods, on planted results."""

import math

import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.deficits import DECAYING, FIXED, RESTARTED
from noisewise.studies.training_phases.critical_periods import Found, lengths

PLAN = find("critical-periods").scale("cpu")
MIDDLE, LONGEST = PLAN.middle, PLAN.longest
EPOCHS_OF_PAPER = 10
COSTS = {"blur": 0.06, "noise": 0.04, "permute": 0.02, "vflip": 0.01}


def cost(arguments):
    """What a deficit costs if the paper is right: by its length from the start, by its onset otherwise."""
    start, stop, schedule = (arguments[name] for name in ("start", "stop", "schedule"))
    if start == stop:
        return 0.0
    whole = COSTS[arguments["deficit"].partition(":")[0]]
    if arguments["model"] in PLAN.depths:
        whole *= (1 + PLAN.depths.index(arguments["model"])) / 2
    if arguments["epochs"] == PLAN.whole and stop - start == PLAN.window:
        return whole * math.exp(-start / 4)
    return whole * stop / MIDDLE * {DECAYING: 1.0, RESTARTED: 0.4, FIXED: 0.5}[schedule]


def planted(change=lambda arguments, cost: cost, scale="cpu"):
    study, items = find("critical-periods"), []
    for task in study.tasks(scale):
        found = 0.9 - change(task.arguments, cost(task.arguments)) + 0.001 * (-1) ** task.arguments["seed"]
        items.append(Result(task, {"test_accuracy": found, "parameters": 1}, 1.0, "here"))
    return Results(study.scale(scale), tuple(items))


def failing(change=lambda arguments, cost: cost):
    return {claim.id for claim in find("critical-periods").judged(planted(change)) if not claim.holds}


def where(cost_there, **wanted):
    """The planted cost, but another one for runs with these arguments that have a deficit."""

    def change(arguments, cost):
        matches = all(arguments.get(name) == value for name, value in wanted.items())
        return cost_there if matches and arguments["stop"] > arguments["start"] else cost

    return change


def test_each_claim_can_hold_and_fail():
    blur, first = PLAN.blur, {"start": 0, "stop": MIDDLE, "model": PLAN.model}
    assert failing() == set()
    assert failing(where(0.005, deficit="noise", **first, schedule=DECAYING)) == {"noise-over-flip"}
    assert failing(where(0.07, deficit="noise", **first, schedule=DECAYING)) == {"blur-over-noise"}
    assert failing(where(0.009, deficit=blur, **first, schedule=FIXED)) == {"fixed-rate"}
    longest = {"deficit": blur, "start": 0, "stop": LONGEST}
    assert failing(where(0.07, **longest, schedule=RESTARTED)) == {"restart-closes"}
    assert failing(where(0.13, **longest, schedule=RESTARTED)) == {"restart-helps", "restart-closes"}
    assert failing(where(0.06, deficit=blur, start=8, epochs=PLAN.whole, schedule=DECAYING)) == {"early-window"}
    assert failing(where(0.029, deficit=blur, **first, schedule=DECAYING)) == {
        "blur-stays",
        "longer-costs-more",
        "blur-over-noise",
        "permute-hardly-hurts",
    }
    assert failing(where(0.04, deficit="permute", **first, schedule=DECAYING)) == {"permute-hardly-hurts"}
    assert failing(where(0.035, deficit="vflip", **first, schedule=DECAYING)) == {"vflip-hardly-hurts"}
    assert failing(where(0.2, deficit=blur, model=PLAN.depths[0], schedule=DECAYING)) == {"deeper"}


def test_longer_must_cost_more():
    def upside_down(arguments, cost):
        lengthened = arguments["start"] == 0 and arguments["epochs"] == arguments["stop"] + PLAN.clean
        swept = arguments["schedule"] == DECAYING and lengthened and 0 < arguments["stop"] != MIDDLE
        return 0.2 - cost if swept else cost

    assert "longer-costs-more" in failing(upside_down)


def test_drops_are_means_over_seeds_by_hand():
    def uneven(arguments, cost):
        return 0.02 * arguments["seed"] if arguments["stop"] == 0 else 0.1

    found = Found(planted(uneven), PLAN.model)
    assert found.drops(DECAYING, PLAN.blur, MIDDLE) == pytest.approx([0.1, 0.08, 0.06])
    assert found.drop(DECAYING, PLAN.blur, MIDDLE).value == pytest.approx(0.08)
    assert found.drop(RESTARTED, PLAN.blur, MIDDLE).error == pytest.approx(0.02 / 3**0.5)
    assert found.late(FIXED).mean(axis=1) == pytest.approx([0.08] * len(PLAN.onsets))


@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_every_claim_finds_its_runs_and_the_figure_is_drawn(scale):
    results = planted(lambda arguments, cost: 0.01 * arguments["stop"], scale)
    claims = find("critical-periods").judged(results)
    assert len(claims) == 11
    assert len(find("critical-periods").figure(results).axes) == 6


def test_a_model_of_ones_own_is_followed_alone():
    study = find("critical-periods")
    tasks = study.tasks("cpu", model="fast", source="mnist")
    assert {task.arguments["model"] for task in tasks} == {"fast"}
    assert {task.arguments["source"] for task in tasks} == {"mnist"}
    items = tuple(Result(task, {"test_accuracy": 0.5, "parameters": 1}, 1.0, "here") for task in tasks)
    results = Results(study.scale("cpu", model="fast", source="mnist"), items)
    assert len(study.judged(results)) == 10
    assert study.figure(results).axes


def test_the_paper_is_named_in_its_own_epochs():
    paper = find("critical-periods").scale("paper")
    for name in ("clean", "middle", "window", "whole", "longest"):
        assert getattr(PLAN, name) == pytest.approx(getattr(paper, name) / EPOCHS_OF_PAPER, abs=2)
    assert PLAN.sizes["decay"] == PLAN.perceptron["decay"] == pytest.approx(0.97**EPOCHS_OF_PAPER)


@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_lengths_rise_and_have_the_middle_among_them(scale):
    found = find("critical-periods").scale(scale)
    assert list(lengths(found)) == sorted(set(lengths(found)))
    assert found.middle in lengths(found)
