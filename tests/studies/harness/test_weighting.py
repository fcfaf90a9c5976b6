"""What the studies of sample weights share, by hand and on digits."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from noisewise.compute import Result, Task
from noisewise.data import load
from noisewise.errors import BadInput
from noisewise.methods.learned.meta_weight_net import MetaWeightNet
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import draw, of_classes
from noisewise.studies.harness.statistics import auroc
from noisewise.studies.harness.weighting import (
    GRID,
    SHUFFLED,
    Kept,
    balanced,
    course,
    curve,
    explained,
    grouped,
    learned_function,
    lowest,
    slope,
    tail,
    weighing,
    weighted,
)
from noisewise.training.batch import Batch
from noisewise.training.method import EpochEnd, LearningTask

SMALL = {"source": "digits", "model": "mlp:16", "rows": 200, "tested": 100, "trusted": 20, "epochs": 2, "seed": 0}
SETTINGS = {"batch_size": 50, "augment": "none"}


def result(**values):
    return Result(Task("a:b"), values, 1.0, "here")


def test_auroc_by_hand():
    """Of the pairs (0.9, 0.1), (0.9, 0.5), (0.5, 0.1), (0.5, 0.5) three are won and one is tied."""
    wrong = np.array([True, False, True, False])
    assert auroc(wrong, np.array([0.9, 0.1, 0.5, 0.5])) == pytest.approx(3.5 / 4)
    assert np.isnan(auroc(np.zeros(4, dtype=bool), np.arange(4)))


def test_weights_are_kept_and_their_movement_measured():
    kept = Kept()
    kept.prepare(LearningTask(4, 2, torch.tensor([0, -1, 1, 1])))
    for epoch, w in enumerate(([1.0, 2.0, 3.0], [2.0, 2.0, 5.0])):
        batch = Batch(torch.zeros(3, 1), torch.eye(2)[[0, 1, 1]], torch.tensor([0, 2, 3]), torch.tensor(w))
        kept.observe(replace(batch, loss=torch.tensor([[0.5, 1.0, float(epoch)]])))
        kept.refit(EpochEnd(None, epoch, 2, None, None))
        assert np.isnan(float(kept.moved)) == (epoch == 0)
    assert kept.now.tolist() == [2, 0, 2, 5]
    assert kept.lost.tolist() == [0.5, 0, 1, 1]
    assert float(kept.moved) == pytest.approx((1 + 0 + 2) / 3 / 3)


def test_the_learned_function_is_that_of_the_weight_net():
    method = MetaWeightNet(hidden=3)
    found = learned_function(method, np.array([0.0, 2.0]))
    net = method.methods[0].v
    assert found == pytest.approx(net(torch.tensor([[0.0], [2.0]]))[:, 0].detach().numpy())
    assert learned_function(Kept(), GRID) is None


def test_trusted_rows_are_drawn_before_the_tail_and_are_even():
    data = draw("digits", 1000, 100, "longtail:50", 0, 100)
    assert np.bincount(data.trusted.given).tolist() == [10] * 10
    sizes = np.bincount(data.given)
    assert sizes[0] / sizes[-1] >= 49
    assert len(data.test) == 100
    noisy = draw("digits", 500, 100, "uniform:0.4", 0, 50)
    assert len(noisy) == 500
    assert noisy.noise_rate == pytest.approx(0.36, abs=0.06)
    assert (noisy.trusted.given == noisy.trusted.truth).all()
    assert set(noisy.index).isdisjoint(noisy.trusted.index)


def test_classes_get_new_numbers():
    data = load("digits")
    two = of_classes(data, [9, 4])
    assert two.classes == (data.classes[9], data.classes[4])
    assert (two.given == 0).sum() == (data.given == 9).sum()
    assert np.array_equal(two.inputs[two.given == 1], data.inputs[data.given == 4])
    with pytest.raises(BadInput, match="numbers below the 10 classes"):
        of_classes(data, [9, 10])


def test_too_many_rows_are_refused():
    with pytest.raises(BadInput, match="needs 100100"):
        draw("digits", 100_000, 100, None, 0, 100)


def test_a_training_tells_weights_and_functions(tmp_path):
    found = weighted(
        **SMALL, method="meta-weight-net", corrupt="uniform:0.4", scratch=tmp_path, milestones=[0.5], **SETTINGS
    )
    assert found["curves"].shape == (2, len(GRID))
    assert found["recalls"].shape == (2, 10)
    assert found["weights"].shape == found["losses"].shape == found["wrong"].shape == (200,)
    assert found["wrong"].mean() == pytest.approx(found["noise_rate"])
    assert list(found["history"]) == ["epoch", "test_accuracy", "moved", "tells"]
    assert found["history"]["moved"].isna().tolist() == [True, False]
    assert found["history"]["tells"].iloc[-1] == pytest.approx(auroc(found["wrong"], -found["weights"]))
    assert found["test_best"] >= found["test_accuracy"] == found["history"]["test_accuracy"].iloc[-1]
    assert found["weights"].min() > 0
    assert found["sizes"].sum() == 200


def test_a_recipe_has_no_weights(tmp_path):
    found = weighted(**SMALL, method="smote", corrupt="longtail:5", scratch=tmp_path, **SETTINGS)
    assert "weights" not in found
    assert found["history"]["tells"].isna().all()
    assert found["recalls"].shape == (2, 10)


def test_titles_tell_runs_apart():
    titles = {weighing(**SMALL, method=method, corrupt=None).title for method in ("ce", "l2rw")}
    assert len(titles) == 2


def test_the_slope_is_over_the_rows():
    """The function falls up to a loss of 1 and rises after it; three rows lie before and one after."""
    values = np.where(GRID < 1, 2 - GRID, GRID)
    found = result(losses=np.array([0.1, 0.4, 0.6, 9.0]), curves=values[None])
    ranks = pd.Series([1.9, 1.6, 1.4, 9.0]).rank()
    assert slope(found) == pytest.approx(np.corrcoef(ranks, [1, 2, 3, 4])[0, 1])


def test_curves_are_those_of_an_epoch():
    first = result(curves=np.array([np.zeros(101), 0 * GRID, GRID, 2 * GRID, 7 * GRID]))
    second = result(curves=np.array([9 * GRID, 9 * GRID, 9 * GRID, 4 * GRID, 3 * GRID]))
    assert curve(Results("cpu", (first, second))) == pytest.approx(5 * GRID)
    assert curve(Results("cpu", (first, second)), 0.8) == pytest.approx(3 * GRID)


def test_balanced_and_tail_recall_by_hand():
    recalls = np.array([np.zeros(6), [0.9, 0.8, 0.7, 0.3, 0.2, 0.1]])
    found = result(recalls=recalls, sizes=np.array([60, 50, 40, 3, 2, 1]))
    assert balanced(found) == pytest.approx(0.5)
    assert tail(found) == pytest.approx(0.2)
    two = result(recalls=np.array([[0.9, 0.1]]), sizes=np.array([199, 1]))
    assert tail(two) == pytest.approx(0.1)


def test_groups_of_rows_by_hand():
    item = result(losses=np.array([3.0, 1.0, 2.0, 0.0]), weights=np.array([0.1, 0.9, 0.3, 0.5]))
    losses, weights = grouped(item, 2)
    assert losses == pytest.approx([0.5, 2.5])
    assert weights == pytest.approx([0.7, 0.2])
    # The mean is 0.45, the variance 0.0875 and that within the groups 0.025.
    assert explained(item, 2) == pytest.approx(1 - 0.025 / 0.0875)
    assert explained(result(losses=np.arange(4.0), weights=np.ones(4)), 2) == 0


def test_the_course_of_a_learned_weight_by_hand():
    item = result(curves=np.stack([GRID / 10, 1 - GRID / 20]))
    assert course(item, 3.0) == pytest.approx([0.3, 0.85])
    assert lowest(item) == pytest.approx(0.5)


def test_the_seed_draws_which_classes_are_rare(tmp_path):
    """Classes of digits are equally large, so the order is seen in the recalls of the same network's rows."""
    found = [
        weighted(
            **{**SMALL, "seed": seed},
            **SETTINGS,
            scratch=tmp_path / str(seed),
            classes=SHUFFLED,
            corrupt="longtail:4",
            method="ce",
        )
        for seed in (0, 1)
    ]
    for one in found:
        assert list(one["sizes"]) == sorted(one["sizes"], reverse=True)
    assert not np.array_equal(found[0]["recalls"], found[1]["recalls"])
