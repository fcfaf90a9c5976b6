"""The study of effective parameters, on planted histories."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.figures import write_figure
from noisewise.methods import build
from noisewise.studies import find
from noisewise.studies.frame.results import Results

STUDY = find("effective-parameters")


def part(task):
    """The share held still, the criterion and the decay of a run."""
    options = dict(option.split("=") for option in task.arguments["method"].partition(":")[2].split(","))
    return float(options["tau"]), options.get("criterion"), "L1" if "l1" in options else "L2"


def as_in_the_note(tau, criterion, decay):
    """Best and last test accuracy, and the share of effective parameters in the end."""
    if criterion is None:
        return (0.95, 0.9 + 0.01 * tau, 1.0) if decay == "L2" else (0.93, 0.92, 1.0)
    left = {"product": 1.1 * (1 - tau), "sum": 0.6 * (1 - tau), "fixed": 0.2 * (1 - tau)}[criterion]
    return 0.97, {"product": 0.96, "sum": 0.93, "fixed": 0.6}[criterion], left


def planted(scale="cpu", change=None):
    items = []
    for task in STUDY.tasks(scale):
        told = part(task)
        best, last, left = (change and change(*told)) or as_in_the_note(*told)
        epochs = task.arguments["epochs"]
        shares = np.full(epochs, left)
        shares[0] = 1.0
        tests = np.r_[0.5, np.full(epochs - 2, best), last]
        history = pd.DataFrame({"test_accuracy": tests, "effective_parameters": shares})
        items.append(Result(task, {"history": history}, 1.0, "here"))
    return Results(STUDY.scale(scale), tuple(items))


def failing(change=None):
    return {claim.id for claim in STUDY.judged(planted(change=change)) if not claim.holds}


def only(criterion, values, wanted="L2"):
    """A change of the runs of a criterion, or of a decay under noise where it is None."""
    return lambda tau, of, decay: values(tau) if of == criterion and decay == wanted else None


@pytest.mark.parametrize(
    "change, broken",
    [
        (None, set()),
        (only("product", lambda tau: (0.97, 0.96, 2 * (1 - tau))), {"level-60", "level-80", "level-90"}),
        (only("sum", lambda tau: (0.97, 0.93, 1.2 * (1 - tau))), {"sum-falls-below"}),
        (only("fixed", lambda tau: (0.97, 0.6, 1.2 * (1 - tau))), {"fixed-falls-below"}),
        (only("sum", lambda tau: (0.97, 0.965, 0.6 * (1 - tau))), {"sum-less-accurate"}),
        (only("fixed", lambda tau: (0.97, 0.8, 0.2 * (1 - tau))), {"fixed-collapses"}),
        (only(None, lambda tau: (0.93, 0.7, 1.0), "L1"), {"l1-memorises-less"}),
        (only(None, lambda tau: (0.96, 0.95, 1.0), "L1"), {"l1-lower-best"}),
        (only(None, lambda tau: (0.95, 0.9 - 0.01 * tau, 1.0)), {"factor-at-high-shares"}),
    ],
)
def test_each_claim_can_hold_and_fail(change, broken):
    assert failing(change) == broken


def test_a_share_that_still_falls_has_not_levelled_off():
    results = planted()
    for item in results:
        if part(item.task)[1] == "product":
            item["history"]["effective_parameters"] *= np.linspace(2, 1, len(item["history"]))
    assert {claim.id for claim in STUDY.judged(results) if not claim.holds} == {"level-lasts"}


@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_methods_can_be_built_and_the_figure_is_drawn(scale, tmp_path):
    results = planted(scale)
    for task in STUDY.tasks(scale):
        build(task.arguments["method"])
    drawn = STUDY.figure(results)
    assert len(drawn.axes) == 9
    write_figure(drawn, tmp_path)


@pytest.mark.parametrize("scale, wanted", [("cpu", 4.7), ("paper", 4.7)])
def test_decay_has_the_share_that_it_has_in_the_note(scale, wanted):
    given = STUDY.tasks(scale)[0].arguments
    steps = given["epochs"] * -(-(given.get("rows") or 60_000) // given["batch_size"])
    assert steps * given["lr"] * given["weight_decay"] / (1 - given["momentum"]) == pytest.approx(wanted, rel=0.01)
