"""The study of learned losses, on planted results and on digits."""

import numpy as np
import pandas as pd
import pytest
import torch

from noisewise.compute import Result
from noisewise.methods.losses.gce import generalized_cross_entropy
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.meta_learning.learned_loss import (
    GRIDS,
    Replayed,
    accuracies,
    best,
    grid,
    learned,
    specs,
    values,
)
from noisewise.training.batch import Batch, Clock

STUDY = find("learned-loss")
ACCURACY = {"ce": 0.6, "frozen": 0.74, "tuned": 0.76, "replayed": 0.77, "learned": 0.8}


def results(scale="cpu", path=(0.7, 0.45), seconds=6.0, **accuracy):
    """Planted: the second point of every grid is best on the trusted rows, the fourth of GCE's on the test rows."""
    found, items = {**ACCURACY, **accuracy}, []
    for task in STUDY.tasks(scale):
        method = task.arguments.get("method")
        if task.name == "learned":
            history = pd.DataFrame({"value_0": path, "value_1": (2.0, 2.0)})
            plain = {name: found[name] for name in ("frozen", "replayed")}
            result = {"history": history, "test_accuracy": found["learned"], "seconds": seconds, **plain}
        elif method == "ce":
            result = {"test_accuracy": found["ce"], "trusted_accuracy": 0.9, "seconds": 2.0}
        else:
            place = next(specs(base).index(method) for base in GRIDS if method in specs(base))
            test = {1: found["tuned"], 3: found["tuned"] + 0.01}.get(place, 0.5)
            result = {"test_accuracy": test, "trusted_accuracy": 0.8 if place == 1 else 0.7, "seconds": 2.0}
        items.append(Result(task, result, 1.0, "here"))
    return Results(STUDY.scale(scale), tuple(items))


def failing(**planted):
    return {claim.id for claim in STUDY.judged(results(**planted)) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(ce=0.78) == {f"{base}-beats-ce" for base in GRIDS}
    assert failing(tuned=0.81) == {"beats-tuned"}
    assert failing(frozen=0.765) == {"frozen-below-tuned"}
    assert failing(frozen=0.755, replayed=0.75) == {"path-above-frozen"}
    assert failing(replayed=0.81) == {"joint-above-path"}
    assert failing(path=(0.5, 0.45)) == {"moves"}
    assert failing(path=(0.3, 0.65)) == {"not-the-optimum"}
    assert failing(seconds=11.0) == {"cost-gce"}
    assert failing(seconds=19.0) == {f"cost-{base}" for base in GRIDS}


def test_the_grid_is_searched_on_trusted_rows():
    found = results()
    chosen = best(grid(found, "gce"), "trusted_accuracy")
    cells = [["symmetric:0.4", seed] for seed in range(3)]
    assert sorted(chosen[["corrupt", "seed"]].to_numpy().tolist()) == cells
    assert set(chosen["method"]) == {"gce:q=0.3"}
    assert accuracies(found).loc["poly-soft", "symmetric:0.4"].to_dict() == pytest.approx(ACCURACY)


@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_the_figure_is_drawn(scale):
    drawn = STUDY.figure(results(scale))
    assert len(drawn.axes[1].lines) == len(results(scale).of("learned").where(base="gce"))
    assert len(drawn.axes[3].patches) == len(STUDY.scale(scale).losses)


def test_grids_become_specs():
    assert specs("gce") == ["gce:q=0.1", "gce:q=0.3", "gce:q=0.5", "gce:q=0.7", "gce:q=0.9"]
    assert specs("poly-soft")[1] == "poly-soft:lam=4,d=2,burn_in=0"
    assert [len(specs(base)) for base in GRIDS] == [5, 9, 9, 9]


def test_a_path_is_replayed_between_its_points():
    method = Replayed("poly-soft", np.array([[2.0, 3.0], [4.0, 3.0], [5.0, 1.0]]))
    assert method.at(0.0) == [2.0, 3.0]
    assert method.at(0.25) == [3.0, 3.0]
    assert method.at(0.75) == [4.5, 2.0]
    assert method.at(1.0) == [5.0, 1.0]
    assert Replayed("gce", np.array([[0.4]])).at(0.6) == [0.4]


def test_a_replayed_loss_is_the_loss_at_the_values_of_the_moment():
    logits, y = torch.randn(1, 6, 3), torch.nn.functional.one_hot(torch.arange(6) % 3, 3).float()
    batch = Batch(x=torch.zeros(6, 2), y=y, w=torch.ones(6), index=None, logits=logits, clock=Clock(epoch=1, epochs=4))
    found = Replayed("gce", np.array([[0.2], [0.6]])).loss(batch)
    assert torch.allclose(found, generalized_cross_entropy(logits, y, 0.3))


def test_what_was_learned_is_taken_over(tmp_path):
    shape = {"source": "digits", "model": "mlp:32", "rows": 300, "tested": 100, "trusted": 40, "epochs": 6}
    found = learned("gce", "symmetric:0.4", 0, tmp_path, batch_size=32, **shape)
    path = values(found["history"], "gce")
    assert path.shape == (6, 1)
    assert np.ptp(path) > 0
    assert all(0.1 < found[name] <= 1 for name in ("test_accuracy", "frozen", "replayed"))


def test_the_best_run_of_every_cell_is_the_first_of_the_largest():
    table = pd.DataFrame({"corrupt": "a", "seed": [0, 0, 0, 0, 1], "value": [0.2, np.nan, 0.5, 0.5, 0.1]})
    assert sorted(best(table, "value").index) == [2, 4]
