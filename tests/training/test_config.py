"""Settings of a training are checked once, when they are stated."""

import numpy as np
import pytest
import torch

import noisewise as nw
from noisewise.data import split
from noisewise.errors import BadInput
from noisewise.training import Config, Training
from noisewise.training.config import seeded


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("epochs", 2.5), ("epochs", True), ("epochs", "3"), ("batch_size", 1), ("lr", float("nan")),
        ("lr", float("inf")), ("lr", "fast"), ("momentum", 1.5), ("weight_decay", -1e-4), ("milestones", "abc"),
        ("milestones", (0.5, 1.5)), ("milestones", (0.5, 0.2)), ("milestones", 0.5), ("gamma", "z"), ("gamma", -1),
        ("warmup", True), ("clip_norm", float("nan")), ("clip_norm", "x"), ("seed", -1), ("seed", 1.0),
        ("seed", False), ("validation", 0.95), ("validation", float("nan")), ("patience", -3), ("patience", 0),
        ("patience", 1.5), ("optimizer", "sdg"), ("schedule", "cosin"), ("select", "best"), ("augment", "yes"),
        ("precision", "fp16"), ("optimizer", 3), ("device", None), ("device", 3), ("device", "foo"), ("device", ""),
        ("lr", 10**400), ("least_lr", -1), ("cycles", 0), ("cycles", 1.5), ("late_momentum", 2), ("normalise", "mean"),
    ],
)  # fmt: skip
def test_what_is_not_legal_is_refused(name, value):
    with pytest.raises(BadInput, match=name):
        Config(**{name: value})


def test_numpy_numbers_are_numbers():
    given = Config(epochs=np.int64(3), lr=np.float32(0.5), milestones=[np.float64(0.25), 0.5], patience=np.uint8(2))
    assert given == Config(epochs=3, lr=0.5, milestones=(0.25, 0.5), patience=2)
    assert [type(v) for v in (given.epochs, given.lr, given.milestones, given.patience)] == [int, float, tuple, int]


def test_a_word_that_is_nearly_right_is_hinted_at():
    with pytest.raises(BadInput, match=r"did you mean 'cosine'"):
        Config(schedule="cosin")


def test_a_seed_of_parts_is_the_one_that_results_were_made_with():
    assert Config(seed=3).seed_of("main", 0) == seeded(3, "main", 0) == 1095135153447019388
    assert Config(seed=3).seed_of("main", 0) != Config(seed=4).seed_of("main", 0)


def test_a_device_that_is_well_formed_is_refused_when_it_is_used():
    assert Config(device=torch.device("cpu")) == Config(device="cpu")
    config = Config(device="cuda:99")
    with pytest.raises(BadInput, match="'cuda:99' is not available here"):
        config.torch_device  # noqa: B018


def test_inputs_may_stay_as_they_are():
    data = split(nw.load("digits"), validation=0.0)
    for setting, raw in (("none", True), ("auto", False)):
        training = Training(data, "mlp:widths=8", Config(normalise=setting, augment="none"))
        x = next(training.passes(training.learner().nets)).x
        scale = 255.0 if data.inputs.dtype == np.uint8 else 1.0
        expected = torch.as_tensor(data.inputs[: len(x)], dtype=torch.float32).movedim(-1, 1) / scale
        assert torch.allclose(x, expected, atol=1e-6) is raw


def test_nesterov_needs_momentum():
    with pytest.raises(BadInput, match="needs a momentum above 0"):
        Config(optimizer="nesterov", momentum=0)
    assert Config(optimizer="sgd", momentum=0).momentum == 0.0


@pytest.mark.parametrize("name", ["momentum", "late_momentum"])
def test_momentum_is_below_one(name):
    with pytest.raises(BadInput, match=f"{name}=1 must be at least 0 and below 1"):
        Config(**{name: 1})


def test_a_device_without_numbers_is_no_device():
    with pytest.raises(BadInput, match="device='meta' must be"):
        Config(device="meta")


@pytest.mark.parametrize("multiplies", [True, False])
@pytest.mark.parametrize(
    ("kind", "shape", "half"),
    [
        ("image", (28, 28, 1), True),
        ("image", (16, 40, 3), True),
        ("image", (8, 8, 1), False),
        ("vector", (784,), False),
    ],
)
def test_images_train_in_bf16_where_the_processor_multiplies_it(kind, shape, half, multiplies, monkeypatch):
    monkeypatch.setattr("noisewise.training.config.multiplies_bf16", lambda: multiplies)
    assert Config(device="cpu").torch_precision(kind, shape) == ("bf16" if half and multiplies else "fp32")
    for stated in ("fp32", "bf16"):
        assert Config(device="cpu", precision=stated).torch_precision(kind, shape) == stated
