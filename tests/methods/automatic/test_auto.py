"""`auto`: what it finds out about labels, and what it then does."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.testing import assert_close

import noisewise as nw
from noisewise.methods.automatic.auto import Labels, small_epochs
from noisewise.methods.automatic.cross_fit import held_out
from noisewise.methods.automatic.soft_labels import SoftLabels, other_classes
from noisewise.run import Experiment
from noisewise.training import Batch, Clock

QUICK = {"model": "mlp:32", "rows": 700, "epochs": 12, "batch_size": 32, "lr": 0.05}


def weights(run):
    """The weights of a run."""
    return run.predictor.nets.state_dict()


def edited(method, done):
    """Targets and weights of two rows after a share of the training."""
    batch = Batch.of(torch.zeros(2, 1), torch.tensor([0, 2]), 3, torch.arange(2), Clock(epoch=done, epochs=4))
    found = method.edit(batch, None, torch.Generator())
    return found.y, found.w


def test_a_label_counts_as_far_as_it_is_right_and_predictions_for_more_and_more_of_the_rest():
    given, right = torch.tensor([0, 2]), torch.tensor([0.9, 0.2, 0.0])
    others = other_classes(given, torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]))
    assert_close(others, torch.tensor([[0.0, 0.6, 0.4], [0.5, 0.5, 0.0]]))
    method = SoftLabels(right, torch.cat([others, torch.zeros(1, 3)]))
    y, w = edited(method, 0)
    assert_close(y, torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]))
    assert_close(w, torch.tensor([0.9, 0.2]) / 0.55)
    y, w = edited(method, 2)
    assert_close(w, torch.tensor([0.95, 0.6]) / 0.775)
    assert_close(y * w[:, None] * 0.775, torch.tensor([[0.9, 0.03, 0.02], [0.2, 0.2, 0.2]]))
    assert_close(edited(SoftLabels(right, method.others, rising=False), 0)[1], torch.ones(2))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_row_is_held_out_and_trained_on(count):
    held = held_out(np.arange(100) % 7, count, seed=4)
    assert held.any(axis=0).all()
    assert not held.all(axis=0).any()


def test_small_trainings_are_a_part_of_the_whole():
    assert [small_epochs(n) for n in (1, 6, 20, 300)] == [1, 2, 7, 10]


def test_clean_labels_are_trained_on_plainly():
    auto, plain = (nw.train("digits", method, **QUICK, corrupt="symmetric:0") for method in ("auto", "ce"))
    assert "training is plain" in auto.metrics["decision"]
    assert auto.metrics["noise_rate"] < 0.02
    assert all(torch.equal(value, weights(plain)[name]) for name, value in weights(auto).items())
    rows = [run.metrics["seconds"] * run.metrics["examples_per_second"] for run in (auto, plain)]
    assert rows[0] > 1.2 * rows[1]  # the cost of looking is counted


def test_wrong_labels_are_found_and_count_less(tmp_path):
    auto, plain = (
        nw.train("digits", method, **QUICK, corrupt="symmetric:0.4", select="last", out=tmp_path / method)
        for method in ("auto", "ce")
    )
    assert auto.metrics["test_accuracy_last"] > plain.metrics["test_accuracy_last"] + 0.02
    written = json.loads((tmp_path / "auto" / "run.json").read_text())
    assert abs(written["noise_rate"] - written["true_noise_rate"]) < 0.12
    low, high = written["noise_rate_interval"]
    assert low < written["true_noise_rate"] < high
    assert written["decision"] in (tmp_path / "auto" / "report.html").read_text()
    assert auto.history["label_precision"].iloc[-1] > 0.85
    truth = Experiment.of("digits", corrupt="symmetric:0.4", **QUICK).data()
    wrong = truth.index[truth.given != truth.truth]
    suspects = auto.samples.loc[auto.samples["is_issue"], "index"]
    assert np.isin(suspects, np.append(wrong, truth.validation.index)).mean() > 0.8


@pytest.mark.parametrize("noise", ["symmetric:0.2", "symmetric:0.5", "pair:0.4", "instance:0.4"])
def test_it_is_hardly_ever_below_plain_training_at_its_better_epoch(noise):
    auto, plain = (nw.train("digits", method, **QUICK, corrupt=noise).metrics for method in ("auto", "ce"))
    better = max(plain["test_accuracy_last"], plain["test_accuracy_selected"])
    assert auto["test_accuracy_selected"] > better - 0.01, auto["decision"]


def test_where_predictions_are_guesses_training_is_plain():
    auto, plain = (nw.train("digits", method, **QUICK, corrupt="symmetric:0.8") for method in ("auto", "ce"))
    assert "too close to guessing" in auto.metrics["decision"]
    assert all(torch.equal(value, weights(plain)[name]) for name, value in weights(auto).items())


def test_a_stated_rate_takes_the_place_of_the_estimate():
    run = nw.train("digits", **QUICK, corrupt="symmetric:0.4", noise_rate=0.25)
    assert run.metrics["noise_rate"] == 0.25
    assert "stated" in run.metrics["decision"]
    data = Experiment.of("digits", corrupt="symmetric:0.4", **QUICK).data()
    trained = torch.zeros(data.capacity, dtype=torch.bool)
    trained[torch.as_tensor(data.index)] = True
    training = Experiment.of("digits", noise_rate=0.25, corrupt="symmetric:0.4", **QUICK).training(data)
    labels = Labels(training, torch.softmax(torch.randn(training.task.rows, 10), dim=1))
    assert_close(labels.right[trained].mean(), torch.tensor(0.75), rtol=0, atol=1e-3)


def test_a_stated_method_decides_nothing():
    assert "decision" not in nw.train("digits", "ce", **QUICK).metrics


def test_a_few_rows_are_trained_on_plainly():
    run = nw.train("digits", model="mlp:8", rows=40, epochs=1, batch_size=16)
    assert "too few" in run.metrics["decision"]
    assert run.metrics["noise_rate"] is None


@pytest.mark.parametrize("validation", [0.0, 0.1])
@pytest.mark.parametrize("classes", [2, 10])
def test_skewed_classes_and_vectors(classes, validation):
    data = nw.load("digits")
    data = data.take(np.flatnonzero(data.given < classes))
    rare = np.flatnonzero(data.given == 1)[4:]
    data = data.take(np.setdiff1d(np.arange(len(data)), rare))
    vectors = replace(data, inputs=data.inputs.reshape(len(data), -1).astype(np.float32), kind="vector", test=None)
    noisy = nw.corrupt(vectors, "symmetric:0.3", seed=0)
    run = nw.train(noisy, epochs=3, batch_size=16, validation=validation)
    assert run.metrics["method"] == "auto"
    assert run.metrics["noise_rate"] > 0.1
    assert len(run.samples) == len(vectors)


def test_tables_and_texts(tmp_path):
    rng = np.random.default_rng(0)
    good = rng.random(150) < 0.5
    shape, size = rng.normal(size=150), rng.normal(size=150) + 3 * good
    said = np.where(good, "a fine day of sun and wind", "a dull day of rain and fog")
    label = np.where(good ^ (rng.random(150) < 0.2), "yes", "no")
    tables = {
        "numbers": pd.DataFrame({"shape": shape, "size": size, "label": label}),
        "texts": pd.DataFrame({"text": [f"{words} {n}" for n, words in enumerate(said)], "label": label}),
    }
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        run = nw.train(tmp_path / f"{name}.csv", labels="label", epochs=6, batch_size=16, seed=1)
        assert 0.03 < run.metrics["noise_rate"] < 0.4
        assert run.inputs.kind == ("table" if name == "numbers" else "text")


def test_it_is_the_default_and_results_of_ce_keep_their_folders():
    assert Experiment("digits").method == "auto"
    assert Experiment("digits", "ce").key == "43005583e3d729b7"
    assert len({Experiment("digits", method).key for method in ("auto", "ce", "elr")}) == 3
