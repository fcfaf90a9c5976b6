"""The study of trusted data, on planted results and on digits."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import draw
from noisewise.studies.meta_learning import trusted_data
from noisewise.studies.meta_learning.trusted_data import (
    FLIP,
    GLC,
    METHODS,
    alone,
    distance,
    forward_corrected,
    rare,
    reference,
    two,
)

STUDY = find("trusted-data")


def results(
    scale="cpu", gain=0.05, glc=0.0, rise=0.01, single=None, error=0.3, fall=0.1, blind=0.6, rare=None, own=None
):
    """Planted: a method gains `gain` over the joined rows and `rise` per place; GLC `glc` more; `own` by method."""
    scarce, items = {"ce": 0.6, "l2rw:cap=none": 0.9} | (rare or {}), []
    study = STUDY.scale(scale)
    for task in STUDY.tasks(scale):
        given = task.arguments
        place = study.trusted.index(given["trusted"]) if "trusted" in given else 0
        jitter = 0.001 * given["seed"]
        if task.name == "rare":
            values = {"test_accuracy": scarce[given["method"]] + jitter}
        elif task.name == "forward_corrected":
            values = {"test_accuracy": 0.5, "transition_error": blind}
        elif task.name == "reference":
            alone = (single or (0.3, 0.5, 0.6))[place]
            values = {"test_accuracy": 0.6 if given["kind"] == "joined" else alone}
        else:
            extra = glc if given["method"] == GLC and given["corrupt"] == FLIP else 0.0
            extra += (own or {}).get(given["method"], 0.0)
            accuracy = 0.6 + gain + rise * place + extra + jitter
            values = {"test_accuracy": accuracy, "transition_error": error - fall * place + jitter}
        items.append(Result(task, values, 1.0, "here"))
    return Results(study, tuple(items))


def failing(**planted):
    return {claim.id for claim in STUDY.judged(results(**planted)) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(glc=-0.06) == {"glc-flips"}
    assert failing(blind=0.05) == {"transition"}
    assert failing(fall=-0.1) == {"transition-improves"}
    assert failing(gain=0.09, rise=-0.01) == {"more-is-better"}
    assert failing(own={"fwl": -0.1}, single=(0.1,) * 3) == {"fwl-beats-joining"}
    assert failing(own={"meta-weight-net": -0.1}) == {"meta-weight-net-beats-joining"}
    assert failing(single=(0.3, 0.67, 0.7)) == {"glc-beats-alone", "l2rw-beats-alone", "fwl-beats-alone"}
    assert failing(rare={"l2rw:cap=none": 0.84}) == {"rare-class"}
    assert failing(rare={"ce": 0.7}) == {"rare-class-plain"}


def test_claims_are_judged_over_seeds():
    found = {claim.id: claim for claim in STUDY.judged(results())}
    assert {claim.n for claim in found.values()} == {STUDY.scale("cpu").seeds, STUDY.scale("cpu").rare_seeds}
    assert found["fwl-beats-joining"].measured == pytest.approx(0.6 + 0.05 + 0.01 + 0.001 - 0.6)


@pytest.mark.parametrize(("scale", "panels"), [("smoke", 3), ("cpu", 4), ("paper", 4)])
def test_the_figure_is_drawn(scale, panels):
    figure = STUDY.figure(results(scale))
    assert len(figure.axes) == panels
    assert len(figure.axes[0].lines) == len(METHODS) + 2


def test_a_rare_class_is_drawn():
    data = two("digits", 120, 60, 0.95, 0)
    assert data.classes == ("4", "9")
    assert np.bincount(data.given).tolist() == [6, 114]
    assert np.bincount(data.trusted.given).tolist() == [5, 5]
    assert np.bincount(data.test.given).tolist() == [30, 30]
    assert (two("digits", 120, 60, 0.95, 0).index == data.index).all()


def test_sources_without_the_classes_are_refused(monkeypatch):
    test = Dataset(np.zeros((2, 2), np.float32), np.array([0, 1]), ("a", "b"), "vector", name="own")
    small = Dataset(np.zeros((2, 2), np.float32), np.array([0, 1]), ("a", "b"), "vector", name="own", test=test)
    monkeypatch.setattr(trusted_data, "load", lambda source: small)
    with pytest.raises(BadInput, match="must have ten classes"):
        two("own", 100, 50, 0.9, 0)


def test_too_few_rows_of_a_class_are_refused():
    with pytest.raises(BadInput, match=r"rows of class 9, but this study needs 955"):
        two("digits", 1000, 60, 0.95, 0)


def test_trusted_rows_alone():
    data = draw("digits", 200, 50, "symmetric:0.4", 0, 30, redraw=True)
    found = alone(data)
    assert len(found) == 30
    assert len(found.test) == 50
    assert (found.given == data.trusted.truth).all()


@pytest.mark.parametrize("kind", ["joined", "alone"])
def test_references_are_trained(kind, tmp_path):
    shape = {"source": "digits", "model": "mlp:32", "rows": 200, "tested": 100, "epochs": 5, "batch_size": 32}
    found = reference(kind, "symmetric:0.2", 50, 0, tmp_path, **shape)
    assert found["test_accuracy"] > 0.4
    assert len(found["history"]) == (5 if kind == "joined" else 20)


def test_forward_estimates_the_confusion_without_trusted_rows(tmp_path):
    shape = {"source": "digits", "model": "mlp:32", "rows": 200, "tested": 100, "epochs": 5, "batch_size": 32}
    found = forward_corrected("pair:0.4", 20, 0, tmp_path, **shape)
    assert 0 < found["transition_error"] < 2
    assert "trusted_accuracy" not in found
    assert distance(np.eye(2), np.array([[0.75, 0.25], [0.0, 1.0]])) == pytest.approx(0.25)


def test_joined_rows_are_rows_like_the_others(tmp_path):
    """With nearly all labels wrong, what there is to learn is in the trusted rows, and joining them finds it."""
    shape = {"source": "digits", "model": "mlp:32", "rows": 100, "tested": 100, "epochs": 15, "batch_size": 32}
    few, many = (reference("joined", "symmetric:0.9", count, 0, tmp_path / str(count), **shape) for count in (10, 400))
    assert many["test_accuracy"] > few["test_accuracy"] + 0.3


def test_a_rare_class_is_learned(tmp_path):
    shape = {"source": "digits", "model": "mlp:32", "rows": 100, "tested": 60, "epochs": 15, "batch_size": 20}
    assert rare("l2rw:cap=none", 0.9, 0, tmp_path, lr=0.05, **shape)["test_accuracy"] > 0.8
