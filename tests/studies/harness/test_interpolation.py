"""Networks that are trained until they fit: what they see and when they stop."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from noisewise.data import load
from noisewise.errors import BadInput
from noisewise.models import build, parameter_count
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.interpolation import (
    Evaluation,
    Window,
    first_epoch,
    interpolate,
    is_fitted,
    seen_shape,
    standardised,
    varied,
    window,
)
from noisewise.training import resume

QUICK = {"source": "digits", "model": "mlp:128", "rows": 200, "tested": 100, "seed": 0, "rate": 0.1, "batch_size": 16}


def test_images_are_standardised_one_by_one():
    images = torch.tensor([[1.0, 3.0, 5.0, 7.0], [4.0, 4.0, 4.0, 4.0], [0.1, -0.1, 0.1, -0.1]]).reshape(3, 1, 2, 2)
    root = math.sqrt(5)
    by_hand = [[-3 / root, -1 / root, 1 / root, 3 / root], [0, 0, 0, 0], [0.2, -0.2, 0.2, -0.2]]
    assert torch.allclose(standardised(images).reshape(3, 4), torch.tensor(by_hand))


def test_all_channels_of_an_image_share_one_mean_and_deviation():
    pixel = torch.tensor([0.0, 3.0, 6.0]).reshape(1, 3, 1, 1)
    assert torch.allclose(standardised(pixel).flatten(), torch.tensor([-1.0, 0.0, 1.0]) * math.sqrt(1.5))


def test_the_window_lies_in_the_middle():
    assert [window(side) for side in (32, 28, 8, 1)] == [28, 24, 7, 1]
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(Window(torch.nn.Identity()).eval()(x), standardised(x[:, :, 2:30, 2:30]))
    assert torch.equal(Window(torch.nn.Identity(), crop=True).eval()(x), standardised(x[:, :, 2:30, 2:30]))
    assert torch.equal(Window(torch.nn.Identity()).train()(x), standardised(x[:, :, 2:30, 2:30]))


def test_a_random_window_is_some_window_of_its_own_image():
    x = torch.rand(200, 1, 16, 16)
    seen = Window(torch.nn.Identity(), crop=True).train()(x)
    places = set()
    for image, cut in zip(x, seen, strict=True):
        every = {(i, j): standardised(image[None, :, i : i + 14, j : j + 14])[0] for i in range(3) for j in range(3)}
        (place,) = [key for key, other in every.items() if torch.allclose(cut, other)]
        places.add(place)
    assert len(places) == 9


def test_shrinking_averages_squares():
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    means = [[(8 * i + j) + 4.5 for j in (0, 2, 4)] for i in (0, 2, 4)]
    seen = Window(torch.nn.Identity(), shrink=2).eval().seen(x)
    assert torch.allclose(seen, standardised(torch.tensor(means)[None, None]))
    assert (seen_shape((8, 8, 1), 2), seen_shape((32, 32, 3)), seen_shape((64,), 2)) == ((3, 3, 1), (28, 28, 3), (64,))


@pytest.mark.parametrize(
    "model, parameters",
    [
        ("mlp:512", 1_209_866),
        ("mlp:512x512x512", 1_735_178),
        ("alexnet-small", 1_387_786),
        ("inception-small", 1_649_402),
        ("inception-small:norm=false", 1_649_402),
    ],
)
def test_the_networks_have_the_published_sizes(model, parameters):
    assert parameter_count(build(model, seen_shape((32, 32, 3)), 10)) == parameters


@pytest.mark.parametrize(
    "accuracy, loss, fitted", [(0.99, 0.009, True), (1.0, 0.01, False), (0.989, 0.001, False), (1.0, 0.0, True)]
)
def test_fitted_asks_for_both_accuracy_and_loss(accuracy, loss, fitted):
    assert is_fitted({"train_accuracy": accuracy, "train_loss": loss}) is fitted


def test_the_first_epoch_that_reached_something():
    history = pd.DataFrame({"epoch": [1, 2, 3], "train_accuracy": [0.5, 0.99, 0.98]})
    assert first_epoch(history, lambda h: h["train_accuracy"] >= 0.99) == 2
    assert first_epoch(history, lambda h: h["train_accuracy"] > 0.99) is None


def test_a_redrawn_label_is_right_once_in_ten():
    rates = [draw("digits", None, None, "uniform:0.5", seed).noise_rate for seed in range(20)]
    assert np.mean(rates) == pytest.approx(0.45, abs=0.01)
    assert draw("digits", None, None, "random", 0).noise_rate == pytest.approx(0.9, abs=0.03)


def test_labels_to_test_on_stay_true_and_rows_do_not_depend_on_the_seed():
    clean, one, two = (draw("digits", 300, 200, *how) for how in ((None, 0), ("random", 0), ("random", 1)))
    assert (len(one), len(one.test)) == (300, 200)
    assert (one.index == two.index).all()
    assert (one.index == clean.index).all()
    assert (one.given != two.given).any()
    assert (one.test.given == clean.test.given).all()
    assert (one.test.inputs == clean.test.inputs).all()


def test_shuffled_pixels_are_shuffled_alike_in_training_and_test():
    clean, shuffled = draw("digits", 300, 200, None, 0), draw("digits", 300, 200, "shuffled-pixels", 0)
    before, after = (d.inputs.reshape(300, 64) for d in (clean, shuffled))
    order = [next(j for j in range(64) if (before[:, j] == after[:, i]).all()) for i in range(64)]
    assert (clean.test.inputs.reshape(200, 64)[:, order] == shuffled.test.inputs.reshape(200, 64)).all()
    assert (before != after).any()


def test_rows_are_held_out_where_there_is_no_test_split(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.random.default_rng(0).normal(size=(50, 3)), y=np.arange(50) % 2)
    found = draw(str(tmp_path / "own.npz"), None, None, None, 0)
    assert (len(found), len(found.test)) == (40, 10)
    assert not set(found.index) & set(found.test.index)


def test_training_ends_with_the_first_epoch_that_fits(tmp_path):
    found = interpolate(**QUICK, epochs=60, scratch=tmp_path, corrupt="random")
    fitted = [is_fitted(row) for row in found["history"].to_dict("records")]
    assert fitted == [False] * (len(fitted) - 1) + [True]
    assert found["epochs"] == found["to_fit"] == len(fitted) < 60
    assert 1 < found["to_accuracy"] <= found["to_fit"]
    assert found["noise_rate"] == pytest.approx(0.9, abs=0.06)
    assert found["test_accuracy"] < 0.3


def test_training_gives_up_and_may_go_on_beyond(tmp_path):
    short = interpolate(**QUICK, epochs=2, scratch=tmp_path / "short")
    assert (short["epochs"], short["to_fit"]) == (2, None)
    long = interpolate(**QUICK, epochs=40, scratch=tmp_path / "long", stop=False, follow=True)
    assert long["to_fit"] < long["epochs"] == len(long["history"]) == 40
    assert long["history"]["test_accuracy"].iloc[-1] == long["test_accuracy"] > 0.8


def test_losses_are_of_all_rows_in_evaluation_mode(tmp_path, monkeypatch):
    seen = []

    def remembered(evaluation):
        found = train(evaluation)
        with torch.no_grad():
            evaluation.nets.eval()
            rows = evaluation.training.rows
            x = rows.prepare(next(rows.stream(torch.arange(200), 200))[1], None)
            largest = evaluation.training.data.inputs.max() / 255
            assert (float(x.min()), float(x.max())) == (0, pytest.approx(largest)), "inputs come as they are"
            logits = evaluation.nets(x)[0]
            evaluation.nets.train()
        seen.append((float(torch.nn.functional.cross_entropy(logits, rows.given)), found["train_loss"]))
        return found

    train = Evaluation.train
    monkeypatch.setattr(Evaluation, "train", remembered)
    interpolate(**{**QUICK, "model": "inception-small"}, epochs=1, scratch=tmp_path)
    assert seen[0][0] == pytest.approx(seen[0][1], rel=1e-4)


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path, monkeypatch):
    whole = interpolate(**QUICK, epochs=8, scratch=tmp_path / "whole", stop=False, follow=True)
    calls, train = [], Evaluation.train

    def interrupted(evaluation):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return train(evaluation)

    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(Evaluation, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        interpolate(**QUICK, epochs=8, scratch=tmp_path / "torn", stop=False, follow=True)
    again = interpolate(**QUICK, epochs=8, scratch=tmp_path / "torn", stop=False, follow=True)
    assert len(calls) == 4 + 5, "what was looked at is remembered"
    pd.testing.assert_frame_equal(whole.pop("history"), again.pop("history"))
    assert whole == again


def test_vectors_are_neither_cut_nor_cropped(tmp_path):
    digits = load("digits")
    np.savez(tmp_path / "own.npz", x=digits.inputs.reshape(-1, 64).astype(np.float32), y=digits.given)
    own = {**QUICK, "source": str(tmp_path / "own.npz"), "epochs": 2}
    assert interpolate(**own, scratch=tmp_path / "runs")["parameters"] == 64 * 128 + 128 + 128 * 10 + 10
    with pytest.raises(BadInput, match="kind 'vector', but only images can be cropped, varied or shrunk"):
        interpolate(**own, scratch=tmp_path / "runs", crop=True)


def test_varied_images_are_flipped_turned_and_recoloured_in_training_alone():
    torch.manual_seed(0)
    x = torch.rand(64, 3, 16, 16)
    behind = Window(torch.nn.Identity(), vary=True)
    assert torch.equal(behind.eval()(x), standardised(x[:, :, 1:15, 1:15]))
    assert not torch.allclose(behind.train()(x), standardised(x[:, :, 1:15, 1:15]), atol=0.1)
    seen = varied(x)
    assert seen.shape == x.shape
    assert (float(seen.min()), float(seen.max())) >= (0.0, 0.0)
    assert float(seen.max()) <= 1.0
    bright = varied(torch.full((400, 3, 4, 4), 0.5)).mean(dim=(1, 2, 3))
    assert 0.29 < float(bright.min()) < 0.32 < 0.68 < float(bright.max()) < 0.71, "by factors from 0.6 to 1.4"


def test_half_of_varied_images_are_flipped():
    ramp = torch.linspace(0.2, 0.8, 16).expand(400, 3, 16, 16)
    seen = varied(ramp)[:, 0]
    flipped = (seen[:, 8, 4] > seen[:, 8, 12]).float().mean()
    assert float(flipped) == pytest.approx(0.5, abs=0.1)


def test_dropout_reaches_the_network(tmp_path):
    plain, dropped = (
        interpolate(**QUICK, epochs=3, scratch=tmp_path / str(p), stop=False, dropout=p) for p in (0.0, 0.9)
    )
    assert dropped["parameters"] == plain["parameters"]
    assert dropped["train_loss"] > 1.5 * plain["train_loss"]
    with pytest.raises(BadInput, match="dropout"):
        interpolate(**QUICK, epochs=1, scratch=tmp_path / "bad", dropout=1.0)


def test_half_precision_fits_as_well(tmp_path):
    whole, half = (
        interpolate(**QUICK, epochs=8, scratch=tmp_path / p, stop=False, precision=p) for p in ("fp32", "bf16")
    )
    assert half["train_loss"] != whole["train_loss"]
    assert half["train_accuracy"] == pytest.approx(whole["train_accuracy"], abs=0.02)
    assert half["test_accuracy"] == pytest.approx(whole["test_accuracy"], abs=0.05)
    assert half["test_rows"] == whole["test_rows"] == 100
