"""Training with a deficit in a window of epochs, on digits."""

from functools import partial

import numpy as np
import pytest
import torch

from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.models import parameter_count
from noisewise.studies.harness import deficits
from noisewise.studies.harness.deficits import (
    DECAYING,
    FIXED,
    RESTARTED,
    Window,
    deprived,
    depriving,
    network,
    shrunk,
    sweep,
)
from noisewise.studies.harness.deficits import with_deficit as recipe
from noisewise.training import Config, Method, Training, resume

SMALL = {"rows": 120, "tested": 60, "seed": 0, "batch_size": 40, "model": "mlp:8"}


def images(n=12, side=4):
    rng = np.random.default_rng(0)
    inputs = rng.integers(256, size=(n, side, side, 1)).astype(np.uint8)
    test = Dataset(inputs[8:], np.arange(n - 8) % 2, ("a", "b"), "image")
    return Dataset(inputs[:8], np.arange(8) % 2, ("a", "b"), "image", test=test)


@pytest.mark.parametrize("wrong", [(-1, 2, 4), (3, 2, 4), (1, 5, 4), (0, 0, 0)])
def test_windows_that_cannot_be(wrong):
    with pytest.raises(BadInput, match="does not lie within"):
        Window(*wrong)


def test_a_window():
    window = Window(1, 3, 5)
    assert [window.has(epoch) for epoch in range(5)] == [False, True, True, False, False]


def test_pixels_are_averaged_by_hand():
    block = np.array([[1, 3, 10, 10], [5, 7, 10, 14], [0, 0, 9, 9], [0, 3, 9, 9]], dtype=np.uint8)
    test = Dataset(block[None, :, :, None] + np.uint8(4), np.array([0]), ("a", "b"), "image")
    data = Dataset(block[None, :, :, None], np.array([0]), ("a", "b"), "image", test=test)
    found = shrunk(data, 2)
    assert found.inputs[0, :, :, 0].tolist() == [[4, 11], [1, 9]]
    assert found.test.inputs[0, :, :, 0].tolist() == [[8, 15], [5, 13]]
    assert shrunk(data, 1) is data
    with pytest.raises(BadInput, match="divided by 5"):
        shrunk(data, 5)


def test_the_network_of_the_sweep():
    """A convolution k x k from i to o channels has o (i k k + 1) numbers, its normalisation 2 o, the last o (i + 1)."""
    net = network("sweep:width=2,depth=1")((8, 8, 3), 5)
    convolutions = 2 * (27 + 1 + 2) + 2 * (18 + 1 + 2) + 4 * (18 + 1 + 2) + 4 * (36 + 1 + 2) + 4 * (4 + 1 + 2)
    assert parameter_count(net) == convolutions + 5 * (4 + 1)
    assert net(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    halved = [module for module in sweep((8, 8, 1), 2, 2, 3).modules() if getattr(module, "stride", 0) == (2, 2)]
    assert len(halved) == 3
    assert network("all-cnn") == "all-cnn"
    with pytest.raises(BadInput):
        network("sweep:height=3")


class Watched(Method):
    """The mean brightness of every epoch, and its learning rates."""

    def __init__(self):
        super().__init__()
        self.means, self.rates = {}, {}

    def edit(self, batch, nets, rng):
        number = len(self.means) - (batch.clock.step > 0)
        self.means.setdefault(number, []).append(batch.x.mean().item())
        self.rates[number] = batch.clock.lr
        return batch


def followed(window, restart, **more):
    data = images()
    config = Config(epochs=window.epochs, batch_size=4, lr=1.0, schedule="exponential", gamma=0.5, validation=0.0)
    training, method = Training(data, "mlp:2", config, **more), Watched()
    training.add("deficient", Dataset(data.inputs * 0, data.given, data.classes, "image"))
    learner, found = recipe(training, method, window, restart, lambda learner, epoch: {"epoch": epoch})
    black = -float(training.rows.normalise.mean / training.rows.normalise.std)
    dark = [np.allclose(values, black, atol=1e-5) for values in method.means.values()]
    return dark, list(method.rates.values()), found, learner


def test_the_deficit_is_there_in_its_window():
    dark, rates, found, _ = followed(Window(1, 3, 5), restart=False)
    assert dark == [False, True, True, False, False]
    assert rates == pytest.approx([1, 0.5, 0.25, 0.125, 0.0625])
    assert [row["epoch"] for row in found] == [0, 1, 2, 3, 4]


def test_the_rate_begins_anew_when_the_deficit_ends():
    dark, rates, _, _ = followed(Window(0, 2, 4), restart=True)
    assert dark == [True, True, False, False]
    assert rates == pytest.approx([1, 0.5, 1, 0.5])
    assert followed(Window(0, 0, 3), restart=True)[1] == pytest.approx([1, 0.5, 0.25])


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_it_resumes_to_the_same_bits(cut, restart, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", 0.0)
    arguments = {"source": "digits", "start": 1, "stop": 2, "epochs": 4, "deficit": "vflip", "follow": True, **SMALL}
    arguments["schedule"] = RESTARTED if restart else DECAYING
    whole = deprived(**arguments, scratch=tmp_path / "whole")

    class Cut(Exception):
        pass

    looked = deficits._measured

    def until(training, window, learner, epoch):
        if epoch == cut:
            raise Cut
        return looked(training, window, learner, epoch)

    with monkeypatch.context() as patched:
        patched.setattr(deficits, "_measured", until)
        with pytest.raises(Cut):
            deprived(**arguments, scratch=tmp_path / "cut")
    again = deprived(**arguments, scratch=tmp_path / "cut")
    assert again["history"].equals(whole["history"])
    assert again["test_accuracy"] == whole["test_accuracy"]


def test_what_a_run_tells(tmp_path):
    found = deprived(
        "digits", start=0, stop=1, epochs=3, deficit="noise", follow=True, scratch=tmp_path, moved=1, flip=True, **SMALL
    )
    history = found["history"]
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["deficient"].tolist() == [1, 0, 0]
    assert history["test_accuracy"].iloc[-1] == found["test_accuracy"]
    parts = history[["fisher_trace/1", "fisher_trace/3"]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(history["fisher_trace"].to_numpy())
    assert found["parameters"] == 64 * 8 + 8 + 8 * 10 + 10


def test_a_deficit_costs_and_schedules_differ(tmp_path):
    sizes = {
        **SMALL,
        "rows": 800,
        "tested": 400,
        "momentum": 0.9,
        "epochs": 8,
        "start": 0,
        "decay": 0.3,
        "model": "mlp:32",
    }
    run = partial(deprived, "digits", **sizes)
    clean = run(stop=0, scratch=tmp_path / "a")["test_accuracy"]
    permuted = run(stop=4, deficit="permute", scratch=tmp_path / "b")["test_accuracy"]
    restarted = run(stop=4, deficit="permute", schedule=RESTARTED, scratch=tmp_path / "c")["test_accuracy"]
    fixed = run(stop=4, deficit="permute", schedule=FIXED, scratch=tmp_path / "d")["test_accuracy"]
    assert clean > 0.8
    assert permuted < 0.5
    assert min(restarted, fixed) > permuted + 0.2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"schedule": "cyclic"}, "unknown schedule 'cyclic'; available: decaying"),
        ({"deficit": None}, "no deficit is named"),
        ({"deficit": "longtail:10"}, "must keep them"),
        ({"stop": 9}, "does not lie within"),
    ],
)
def test_what_cannot_be_asked_for(wrong, says, tmp_path):
    arguments = {"source": "digits", "start": 0, "stop": 1, "epochs": 2, "deficit": "vflip", "scratch": tmp_path}
    with pytest.raises(BadInput, match=says):
        deprived(**{**arguments, **SMALL, **wrong})


def test_titles_begin_with_what_tells_runs_apart():
    task = depriving(seed=1, deficit="vflip", model="fast", source="digits")
    assert task.title == "deprive digits fast vflip seed=1"
