"""The study of CDR's share of weights, on planted accuracies."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.figures import write_figure
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.robust_early_learning.cdr_denoising import by_seed
from noisewise.studies.robust_early_learning.robust_early import accuracies, corruption, spec


def history(best, last, fitted=0.0):
    """Three epochs: a low one, the best, the last."""
    return pd.DataFrame({"test_accuracy": [0.3, best, last], "noisy_fit": [0.0, 0.0, fitted]})


def cell_of(task):
    """The noise rate and the share of a run."""
    rate = float((task.arguments["corrupt"] or "symmetric:0").partition(":")[2])
    method = task.arguments["method"]
    return rate, 0.0 if method == "ce" else float(method.partition("=")[2])


def as_published(rate, tau):
    """Best, last and fitted: what holding weights still is to do."""
    last = 0.75 - (0.3 * rate if tau == 0 else 0.02 + 0.05 * abs(rate - tau) if rate else 0.01)
    return 0.75, last, rate * (1 - tau)


def planted(change=None, scale="cpu"):
    study = find("cdr-denoising")
    items = []
    for task in study.tasks(scale):
        cell = cell_of(task)
        values = (change and change(*cell)) or as_published(*cell)
        whole = history(*values)
        known = whole if cell[0] else whole.drop(columns="noisy_fit")
        items.append(Result(task, {"history": known}, 1.0, "here"))
    return study, Results(study.scale(scale), tuple(items))


def failing(change=None):
    study, results = planted(change)
    return {claim.id for claim in study.judged(results) if not claim.holds}


def only(*cells, values):
    """A change of some cells."""
    return lambda rate, tau: values if (rate, tau) in cells else None


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(only((0.2, 0.0), values=(0.75, 0.735, 0.2))) == {"later-0-2"}
    assert failing(only((0.4, 0.0), values=(0.75, 0.71, 0.4))) == {"gain-at-40"}
    assert failing(only((0.4, 0.0), values=(0.739, 0.6, 0.4))) == {"best-alike"}
    assert failing(lambda rate, tau: (*as_published(rate, tau)[:2], rate * (tau > 0))) == {"fits-less"}
    assert failing(lambda rate, tau: (0.71, *as_published(rate, tau)[1:]) if tau == 0.8 else None) == {"insensitive"}
    higher = lambda rate, tau: (0.75, 0.76, rate * (1 - tau)) if tau not in (0, rate) and rate else None  # noqa: E731
    assert failing(higher) == {"share-is-rate"}
    assert failing(only((0.0, 0.4), values=(0.75, 0.72, 0.0))) == {"no-cost-without-noise"}


def test_cells_hold_a_number_per_seed():
    study, results = planted()
    scale, found = study.scale("cpu"), by_seed(results, "best")
    assert found.shape == (len(scale.rates) * len(scale.taus), scale.seeds)
    assert by_seed(results, "last").loc[(0.4, 0.0)].tolist() == pytest.approx([0.75 - 0.12] * 3)
    assert by_seed(results, "noisy_fit").loc[0.0].isna().all(axis=None)
    one, other = results.where(corrupt="symmetric:0.2", method="ce").items[:2]
    both = Results(scale, (one, Result(other.task, {"history": history(0.5, 0.4, 0.2)}, 1.0, "here")))
    assert by_seed(both, "best").loc[(0.2, 0.0)].tolist() == [0.75, 0.5]
    assert accuracies(both)["noisy_fit"].tolist() == [0.2 * 1, 0.2]
    assert accuracies(both)["best_epoch"].tolist() == [2, 2]


def test_a_gain_within_the_spread_of_seeds_is_undecided():
    study, results = planted()
    scale, items = study.scale("cpu"), list(results.items)
    for at, item in enumerate(items):
        if cell_of(item.task) == (0.4, 0.4) and item.task.arguments["seed"] == 0:
            items[at] = Result(item.task, {"history": history(0.75, 0.4)}, 1.0, "here")
    found = {claim.id: claim.verdict for claim in study.judged(Results(scale, tuple(items)))}
    assert found["later-0-4"] == "undecided"


def test_a_share_of_zero_is_plain_training_and_a_rate_of_zero_no_corruption():
    assert (spec(0.0), spec(0.4)) == ("ce", "cdr:tau=0.4")
    assert (corruption(0.0), corruption(0.2, "pair")) == (None, "pair:0.2")


def test_every_rate_has_its_own_share():
    study = find("cdr-denoising")
    for scale in map(study.scale, study.card.scales):
        assert set(scale.rates) <= set(scale.taus)


def test_a_person_may_choose_data_and_network():
    tasks = find("cdr-denoising").tasks("cpu", source="mnist", model="fast")
    assert {(task.arguments["source"], task.arguments["model"]) for task in tasks} == {("mnist", "fast")}


@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_the_figure_is_drawn(scale, tmp_path):
    study, results = planted(scale=scale)
    drawn = study.figure(results)
    lines = drawn.axes[1].get_lines()
    curves = [line for line in lines if len(line.get_xdata()) > 1]
    assert len(curves) == len(study.scale(scale).rates)
    assert np.asarray(curves[0].get_ydata())[0] == pytest.approx(75)
    write_figure(drawn, tmp_path)
