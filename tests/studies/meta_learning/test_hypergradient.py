"""The study of hypergradients, on planted results."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results, means
from noisewise.studies.meta_learning.hypergradient import (
    NOISE,
    on_true_labels,
    reached,
    spread,
    under_noise,
)
from noisewise.studies.meta_learning.softmax import descended, slopes

STUDY = find("hypergradient")
CPU = STUDY.scale("cpu")
LOSSES = {"ce": (2.0, 1.0, 0.5, 0.3, 0.4), "multiplicative": (0.5, 0.4, 0.3, 0.3, 0.4), "additive": (0.6,) * 5}
TESTS = {"ce": (0.2, 0.6, 0.8, 0.85, 0.84), "multiplicative": (0.80, 0.845, 0.85, 0.85, 0.845), "additive": (0.8,) * 5}


def results(
    scale="cpu",
    losses=None,
    tests=None,
    rates=None,
    decays=None,
    none=0.6,
    fixed=0.7,
    learned=0.7,
    sure=0.5,
    planted=None,
):
    study = STUDY.scale(scale)
    losses, tests, items = LOSSES | (losses or {}), TESTS | (tests or {}), []
    for task in STUDY.tasks(scale):
        given = task.arguments
        if task.name in ("slopes", "descended"):
            items.append(Result(task, looked_through(task, planted or {}), 1.0, "here"))
            continue
        method = given["method"]
        rule = "ce" if method == "ce" else "additive" if "additive" in method else "multiplicative"
        if given.get("corrupt") is None:
            place = CPU.rates.index(given["lr"])
            last = (rates or (0.1, 0.2, 0.2, 0.3, 0.5))[place]
            history = pd.DataFrame({"lr": [given["lr"], last]})
            values = {"train_loss": losses[rule][place], "test_accuracy": tests[rule][place], "history": history}
        elif method == "ce":
            values = {"test_accuracy": fixed if given["weight_decay"] else none}
            values |= {"trusted_confidence": sure, "trusted_accuracy": 0.6}
        else:
            start = float(method.partition("decay,decay=")[2])
            last = 0.01 if decays is None else decays * start
            values = {"test_accuracy": learned, "history": pd.DataFrame({"decay": [start, last]})}
        items.append(Result(task, values, 1.0, "here"))
    return Results(study, tuple(items))


def looked_through(task, planted):
    """Planted: the slopes of the forms relative to the true one, and the losses at their ends."""
    given = task.arguments
    if task.name == "descended":
        ends = {"one-step": 1.3, "unrolled": 1.2, "implicit": 1.2, "each": 1.19} | planted
        return {"path": pd.DataFrame({"loss": [2.0, ends["each" if given["each"] else given["form"]]], "decay": 0.1})}
    true = np.linspace(-0.2, 0.3, len(given["decays"]))
    weak = np.arange(len(true)) == 0
    shares = {"strong": 1.0, "weak": 3.0} | planted
    return {
        "slopes": pd.DataFrame(
            {
                "decay": given["decays"],
                "difference": true,
                "one-step": true * planted.get("small", 0.02),
                "unrolled": true * planted.get("exact", 1.0),
                "implicit": true * np.where(weak, shares["weak"], shares["strong"]),
            }
        )
    }


def failing(**planted):
    return {claim.id for claim in STUDY.judged(results(**planted)) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(losses={"multiplicative": (1.1, 0.4, 0.3, 0.3, 0.4)}) == {"small-start"}
    assert failing(losses={"additive": (1.1,) * 5}) == {"additive"}
    assert failing(losses={"multiplicative": (0.5, 0.4, 0.3, 0.3, 0.5)}) == {"never-worse"}
    assert failing(tests={"multiplicative": (0.5, 0.85, 0.85, 0.85, 0.84)}) == {"less-to-tune"}
    assert failing(rates=(1e-4, 0.2, 0.2, 0.3, 0.5)) == {"rates-meet"}
    assert failing(tests={"multiplicative": (0.80, 0.80, 0.83, 0.85, 0.85)}) == {"as-good-as-tuned"}
    assert failing(none=0.69) == {"decay-helps"}
    assert failing(fixed=0.72) == {"decay-tuned"}
    assert failing(decays=2.0) == {"decays-meet"}
    assert failing(sure=0.7) == {"unsure"}
    assert failing(planted={"exact": 1.02}) == {"unrolled-exact"}
    assert failing(planted={"strong": 0.9}) == {"implicit-at-minimum"}
    assert failing(planted={"weak": 1.2}) == {"implicit-before"}
    assert failing(planted={"small": -0.2}) == {"one-step-small"}
    assert failing(planted={"unrolled": 1.29, "each": 1.28}) == {"unrolled-tunes"}
    assert failing(planted={"implicit": 1.29}) == {"implicit-tunes"}
    assert failing(planted={"each": 1.21}) == {"each-class"}


def test_results_go_by_their_starts():
    found = results(decays=2.0)
    clean, (fixed, learned) = on_true_labels(found), under_noise(found)
    constant = means(clean[clean["rule"] == "constant"], "lr", "train_loss")
    assert constant.to_dict() == pytest.approx(dict(zip(CPU.rates, LOSSES["ce"], strict=True)))
    assert reached(clean[clean["rule"] == "multiplicative"], "lr") == pytest.approx([0.1, 0.2, 0.2, 0.3, 0.5])
    assert reached(learned, "start") == pytest.approx(2 * np.array(CPU.decays))
    assert means(fixed, "start", "test_accuracy").to_dict() == pytest.approx(
        {0.0: 0.6, **dict.fromkeys(CPU.decays, 0.7)}
    )


def test_spread_by_hand():
    assert spread(np.array([0.5, 2.0, 0.1])) == pytest.approx(20)


@pytest.mark.parametrize("scale", ["smoke", "cpu"])
def test_the_figure_is_drawn(scale):
    figure = STUDY.figure(results(scale))
    assert len(figure.axes) == 6
    assert len(figure.axes[1].lines) == len(STUDY.scale(scale).rates)


def test_rates_are_learned_on_true_labels_and_decays_under_noise():
    tasks = STUDY.tasks("cpu")
    noisy = [task for task in tasks if task.arguments.get("corrupt") == NOISE and "method" in task.arguments]
    assert len([task for task in tasks if "method" in task.arguments]) - len(noisy) == 3 * 5 * 3
    assert all(task.arguments["trusted"] == 500 and task.arguments["lr"] == 0.05 for task in noisy)
    assert {task.arguments["weight_decay"] for task in noisy if task.arguments["method"] == "ce"} == {
        0.0,
        *CPU.decays,
    }


def test_unrolled_slopes_are_those_of_the_training():
    drawn = {"source": "digits", "rows": 80, "trusted": 40, "tested": 50, "corrupt": NOISE, "seed": 0, "pool": 2}
    found = slopes([0.01, 1.0], 60, 0.1, 0.5, **drawn)["slopes"]
    assert found["unrolled"].to_numpy() == pytest.approx(found["difference"].to_numpy(), rel=0.01)
    assert (found["one-step"].abs() < 0.5 * found["difference"].abs()).all()
    assert (found["accuracy"] > 0.3).all()


def test_a_decay_is_tuned_from_training_to_training():
    drawn = {"source": "digits", "rows": 80, "trusted": 40, "tested": 50, "corrupt": NOISE, "seed": 0, "pool": 2}
    path = descended("unrolled", 0.001, True, 8, 60, 0.1, 0.5, **drawn)["path"]
    assert path["loss"].iloc[-1] < path["loss"].iloc[0]
    assert path["decay"].iloc[0] == pytest.approx(0.001)
