"""The study of two phases, on planted results and on digits."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness import data as samples
from noisewise.studies.training_phases.two_phases import (
    RATES,
    STEPS,
    best_epoch,
    first,
    flipped,
    kernel_descent,
    peak,
    stopped,
)

GOOD = {
    "clean_given": [0.8, 0.9, 0.9, 0.95, 1, 1, 1, 1],
    "noisy_given": [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9],
    "noisy_true": [0.7, 0.8, 0.8, 0.7, 0.6, 0.4, 0.2, 0.1],
    "test_accuracy": [0.8, 0.85, 0.9, 0.8, 0.7, 0.7, 0.6, 0.6],
    "gradient_ratio": [1, np.nan, 0.5, np.nan, 0.3, np.nan, 0.2, 0.2],
    "gradient_signal": [1.0] * 8,
    "gradient_noise": [1.0] * 8,
    "fisher_trace": [1, np.nan, 2, np.nan, 1, np.nan, 1, 1],
}


def kernel_result(gain):
    """Test errors that fall to 0.2 in the middle, where held errors are least, and rise to 0.2 + gain."""
    steps = len(STEPS)
    test = np.full((len(RATES), steps), 0.3)
    test[:, steps // 2] = 0.2
    test[:, -1] = 0.2 + np.asarray(gain)
    held = np.where(np.arange(steps) == steps // 2, 0.4, 0.5) * np.ones((len(RATES), 1))
    return {"test": test, "held": held, "fit": test}


def planted(net=None, gain=(0.0, 0.1, 0.1, 0.1)):
    study = find("two-phases")
    items = []
    for task in study.tasks("cpu"):
        if task.name == "kernel_descent":
            values = kernel_result(gain)
        else:
            table = pd.DataFrame({**GOOD, **(net or {})})
            table.insert(0, "epoch", np.arange(1, len(table) + 1))
            values = {"history": table}
        items.append(Result(task, values, 1.0, "here"))
    return study, Results(study.scale("cpu"), tuple(items))


def failing(**options):
    study, results = planted(**options)
    return {claim.id for claim in study.judged(results) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(net={"clean_given": [0.8, 0.9, 0.75, 0.95, 1, 1, 1, 1]}) == {"clean-first"}
    assert failing(net={"noisy_true": [0.9, 0.9, 0.6, 0.9, 0.9, 0.9, 0.9, 0.9]}) == {"corrected"}
    assert failing(net={"clean_given": [0.2, 0.5, 0.9, 0.95, 1, 1, 1, 1]}) == {"half-fits"}
    assert failing(net={"noisy_given": [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4]}) == {"half-fits"}
    assert failing(net={"gradient_ratio": [1, np.nan, 0.1, np.nan, 0.1, np.nan, 0.2, 0.6]}) == {"diffusion"}
    assert failing(net={"fisher_trace": [1, np.nan, 1, np.nan, 3, np.nan, 1, 1]}) == {"fisher-first"}
    assert failing(gain=(0.1, 0.1, -0.01, 0.1)) == {"kernel-0-4"}
    assert failing(gain=(-0.1, 0.1, 0.1, 0.1)) == set()


def test_two_claims_are_reported_alone():
    study, results = planted()
    assert {claim.id for claim in study.judged(results) if not claim.gated} == {"diffusion", "fisher-first"}


def test_epochs_by_hand():
    _, results = planted()
    history = results.items[0]["history"]
    assert best_epoch(history) == 2
    assert first(history, "noisy_given", 0.5) == 6
    assert np.isnan(first(history, "noisy_given", 0.95))
    assert peak(history, "fisher_trace") == 3
    kernel = next(iter(results.of("kernel_descent")))
    assert stopped(kernel).tolist() == [0.2] * 4


def test_a_share_of_the_labels_becomes_others():
    y = np.repeat(np.arange(5), 2000)
    given = flipped(y, 5, 0.4, 0)
    wrong = given != y
    assert wrong.mean() == pytest.approx(0.4, abs=0.02)
    assert np.bincount(given[wrong & (y == 0)], minlength=5) / wrong[y == 0].sum() == pytest.approx(
        [0, 0.25, 0.25, 0.25, 0.25], abs=0.05
    )
    assert (flipped(y, 5, 0.0, 0) == y).all()


def test_descent_fits_noise_last():
    found = kernel_descent("digits", 300, 100, 300, 0)
    noisy = RATES.index(0.4)
    assert found["test"].shape == (len(RATES), len(STEPS))
    assert found["fit"][:, -1].max() <= 0.02
    assert found["test"][noisy].min() <= found["test"][noisy, -1] - 0.1
    assert found["test"][0, -1] <= 0.12


def test_texts_are_refused(monkeypatch):
    test = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="test")
    data = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="own", test=test)
    monkeypatch.setattr(samples, "load", lambda source: data)
    with pytest.raises(BadInput, match="holds texts"):
        kernel_descent("own", 1, 1, 2, 0)


@pytest.mark.parametrize("panels", [4, 2])
def test_figures_have_their_panels(panels):
    study, results = planted()
    some = results if panels == 4 else Results(study.scale("smoke"), (*results.items[:1],))
    assert len(study.figure(some).axes) == panels


def test_a_model_of_ones_own_makes_no_claim_about_kernels():
    study = find("two-phases")
    tasks = study.tasks("cpu", model="fast", source="mnist")
    assert {(task.name, task.arguments["model"], task.arguments["source"]) for task in tasks} == {
        ("followed", "fast", "mnist")
    }
    _, results = planted()
    claims = study.judged(results.of("followed"))
    assert [claim.id for claim in claims] == [
        claim.id for claim in study.listed(results.scale) if "kernel" not in claim.id
    ]
