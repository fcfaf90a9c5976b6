"""Published runs by name."""

import numpy as np
import pytest
import torch

import noisewise as nw
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.methods import METHODS, build, presets
from noisewise.methods.options import options
from noisewise.models import build as build_model
from noisewise.noise.corruption import corruptions
from noisewise.run.experiment import Experiment
from noisewise.training.config import SCHEDULES, Config
from noisewise.training.optim import learning_rate, momentum

ALL = [(method, name) for method in METHODS for name in presets.presets(method)]
STATED = ("batch_size", "optimizer", "lr", "momentum", "weight_decay", "schedule", "augment", "validation", "select")
PUBLISHED = (
    "ce", "gce", "truncated-gce", "sce", "nce-rce", "focal", "bootstrap-soft", "bootstrap-hard", "d2l", "elr",
    "elr-plus", "sop", "sop-plus", "mixup", "pgd-training", "cdr", "coteaching", "coteaching-plus", "jocor",
    "meta-weight-net", "l2rw", "glc", "forward", "backward", "t-revision", "volminnet", "cores2", "dividemix",
    "m-correction", "pes", "promix",
)  # fmt: skip


def few(name, rows=24):
    """A tiny data set of the shape that a preset was published for."""
    side, channels, classes = (28, 1, 10) if "mnist" in name else (32, 3, 100 if "cifar100" in name else 10)
    rng = np.random.default_rng(0)
    given = np.arange(rows) % min(classes, 4)
    inputs = rng.integers(256, size=(rows, side, side, channels), dtype=np.uint8)
    inputs[:, :8] = 60 * given[:, None, None, None]
    names = tuple(f"class {k}" for k in range(classes))
    test = Dataset(inputs[:4], given[:4], names, kind="image")
    return Dataset(inputs, given, names, truth=given, test=test, kind="image")


def test_every_method_with_a_published_run_has_a_preset():
    assert set(presets._all()) == set(PUBLISHED)


@pytest.mark.parametrize("method, name", ALL)
def test_a_preset_states_everything_that_decides_the_run(method, name):
    found = presets.preset(method, name)
    assert found.method.split(":")[0] == method
    assert found.origin.startswith(("paper", "code", "table", "an unofficial program"))
    assert found.settings["precision"] == "fp32"
    assert [key for key in STATED if key not in found.settings] == []
    assert found.settings["schedule"] in SCHEDULES
    assert (found.settings["validation"] > 0) >= (found.settings["select"] == "validation")
    assert found.settings["augment"] != "auto"
    for noise in found.noise:
        corruptions(noise)


@pytest.mark.parametrize("method, name", [which for which in ALL if "noise_rate" in presets.preset(*which).settings])
def test_the_rate_of_a_preset_is_that_of_its_noise(method, name):
    found = presets.preset(method, name)
    (noise,) = found.noise
    rate = float(noise.partition(":")[2].partition(",")[0])
    assert found.settings["noise_rate"] == (rate / 2 if noise.startswith("asymmetric") else rate)


@pytest.mark.parametrize("model", sorted({presets.preset(*which).model for which in ALL}))
def test_the_model_of_a_preset_is_in_the_catalogue(model):
    with torch.device("meta"):
        build_model(model, (32, 32, 3), 10)


@pytest.mark.parametrize("method, name", ALL)
def test_a_preset_trains_for_a_step(method, name):
    build(presets.preset(method, name).method)
    chosen = {"trusted": 8} if "trusted" in presets.preset(method, name).settings else {}
    chosen |= {"model": "mlp:widths=4", "epochs": 1, "device": "cpu"}
    experiment = Experiment.of(few(name), method=method, preset=name, **chosen)
    assert len(experiment.run(report=False).history) >= 1


@pytest.mark.parametrize("name", ["paper-mnist-sym20", "paper-cifar10-sym50"])
def test_a_preset_trains_its_own_model(name):
    run = nw.train(few(name), "jocor", preset=name, epochs=1)
    assert run.metrics["model"] == presets.preset("jocor", name).model


def rates(method, name):
    """The learning rate of a preset at the start of every epoch."""
    config = Experiment.of("cifar10", method=method, preset=name).config
    return [learning_rate(config, epoch / config.epochs, config.epochs) for epoch in range(config.epochs)]


@pytest.mark.parametrize(
    "method, name, epochs, lr, drops, gamma",
    [
        ("cdr", "paper-cifar10-sym50", 200, 0.01, (40, 80), 0.1),
        ("cdr", "paper-mnist", 100, 0.01, (10, 20), 0.1),
        ("cores2", "paper-cifar10", 100, 0.1, (50,), 0.1),
        ("d2l", "paper-cifar10", 120, 0.1, (41, 81), 0.1),
        ("dividemix", "paper-cifar10-sym50", 300, 0.02, (150,), 0.1),
        ("elr", "paper-cifar10-sym", 120, 0.02, (40, 80), 0.01),
        ("elr", "paper-cifar100", 150, 0.02, (80, 120), 0.01),
        ("elr-plus", "paper-cifar10-sym", 200, 0.02, (150,), 0.1),
        ("elr-plus", "paper-cifar100", 250, 0.02, (200,), 0.1),
        ("forward", "paper-cifar10", 120, 0.1, (41, 81), 0.1),
        ("forward", "paper-cifar100", 150, 0.1, (81, 121), 0.1),
        ("gce", "paper-cifar10", 120, 0.01, (40, 80), 0.1),
        ("gce", "paper-cifar100", 150, 0.01, (80, 120), 0.1),
        ("m-correction", "paper-cifar10", 300, 0.1, (100, 250), 0.1),
        ("meta-weight-net", "paper-cifar10", 120, 0.1, (80, 100), 0.1),
        ("mixup", "paper-cifar10", 200, 0.1, (100, 150), 0.1),
        ("pes", "paper-cifar10", 200, 0.1, (100, 150), 0.1),
        ("sce", "paper-cifar10", 120, 0.01, (41, 81), 0.1),
        ("sce", "paper-mnist", 50, 0.1, (11, 31), 0.1),
        ("sop", "paper-cifar10-sym", 120, 0.02, (40, 80), 0.1),
        ("volminnet", "paper-cifar10", 80, 0.01, (30, 60), 0.1),
    ],
)
def test_the_rate_falls_in_the_epochs_of_the_authors(method, name, epochs, lr, drops, gamma):
    expected = [lr * gamma ** sum(epoch >= drop for drop in drops) for epoch in range(epochs)]
    assert rates(method, name) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "method, name, epochs, lr, least, period",
    [
        ("elr", "code-cifar10-sym", 150, 0.02, 0.001, 10),
        ("sop-plus", "paper-cifar10-sym", 300, 0.02, 0.0002, 300),
        ("pes", "semi-cifar10-instance40", 300, 0.02, 0.0002, 300),
        ("promix", "paper-cifar10-sym50", 600, 0.05, 5e-5, 600),
        ("nce-rce", "paper-cifar10", 120, 0.01, 0.0, 120),
        ("nce-rce", "paper-mnist", 50, 0.01, 0.001, 50),
    ],
)
def test_the_rate_follows_the_cosine_of_the_authors(method, name, epochs, lr, least, period):
    half = [0.5 * (1 + np.cos(np.pi * (epoch % period) / period)) for epoch in range(epochs)]
    assert rates(method, name) == pytest.approx([least + (lr - least) * share for share in half], rel=1e-6)


@pytest.mark.parametrize(
    "method, name, start",
    [
        ("coteaching", "paper-cifar10-sym50", 80),
        ("coteaching", "paper-cifar100-sym50", 100),
        ("coteaching-plus", "paper-cifar10-sym50", 80),
        ("coteaching-plus", "paper-cifar100-sym50", 80),
        ("jocor", "paper-cifar10-sym50", 80),
        ("jocor", "paper-cifar100-sym50", 100),
    ],
)
def test_rate_and_first_beta_of_the_authors(method, name, start):
    expected = [0.001 * min(1, (200 - epoch) / (200 - start)) for epoch in range(200)]
    assert rates(method, name) == pytest.approx(expected, rel=1e-9)
    config = Experiment.of("cifar10", method=method, preset=name).config
    betas = [momentum(config, epoch / 200) for epoch in range(200)]
    assert betas == [0.9] * start + [0.1] * (200 - start)


def test_a_preset_sets_what_the_call_does_not():
    data = nw.load("digits")
    run = nw.train(data, "cdr", preset="paper-mnist", rows=200, epochs=2, model="mlp:widths=8", lr=0.02)
    config = run.metrics["config"]
    assert (config["epochs"], config["lr"], config["batch_size"], config["weight_decay"]) == (2, 0.02, 32, 1e-3)
    assert config["milestones"] == (0.1, 0.2)
    assert (run.metrics["preset"], run.metrics["model"]) == ("paper-mnist", "mlp:widths=8")


def test_a_preset_sets_rate_and_trusted_rows():
    rated = Experiment.of("cifar10", method="coteaching", preset="paper-cifar10-sym50")
    assert (rated.noise_rate, rated.model, rated.config.late_momentum) == (0.5, "cnn9", 0.1)
    assert Experiment.of("cifar10", method="coteaching", preset="paper-cifar10-sym50", noise_rate=0.4).noise_rate == 0.4
    assert Experiment.of("cifar10", method="glc", preset="paper-cifar10").trusted == 5000
    assert Experiment.of("cifar10", method="glc", preset="paper-cifar10", trusted=100).trusted == 100


def test_a_preset_may_be_like_another():
    plain, corrected = presets.preset("ce", "coteaching-cifar10"), presets.preset("coteaching", "paper-cifar100-sym50")
    assert plain.method == "ce"
    assert corrected.method == "coteaching:gradual=10"
    expected = {**plain.settings, "milestones": (0.5,), "noise_rate": 0.5}
    assert dict(corrected.settings) == expected


def test_a_preset_of_the_authors_restarts():
    found = presets.preset("elr", "code-cifar10-sym")
    config = Experiment.of("cifar10", method="elr", preset="code-cifar10-sym").config
    assert config == Config(epochs=150, **found.settings)
    assert (config.cycles, config.least_lr, config.schedule) == (15, 0.001, "cosine")


def test_options_have_defaults_bounds_and_meaning():
    found = {option.name: option for option in options("dividemix")}
    assert found["threshold"].default == 0.5
    assert found["threshold"].legal == "lie between 0 and 1"
    assert found["warmup"].legal == "be a whole number between 1 and 10000, or be none"
    assert found["negentropy"].legal == "be true or false"
    assert found["alpha"].does == "parameter of the Beta distribution of mixing."
    assert "training" not in found
    with pytest.raises(BadInput, match="did you mean 'dividemix'"):
        options("dividemx")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_option_is_described(method):
    assert [option.name for option in options(method) if not option.does] == []


@pytest.mark.parametrize(
    "method, name, message",
    [
        ("elr", "paper-cifar", "elr has no preset 'paper-cifar' (did you mean 'paper-cifar100'?)"),
        ("sam", "paper-cifar10", "sam has no preset 'paper-cifar10'"),
        ("elr:lam=1", "paper-cifar100", "a preset sets the options of one method by its name"),
        ("elr+cdr", "paper-cifar100", "a preset sets the options of one method by its name"),
        ("elf", "paper-cifar100", "unknown method 'elf'"),
    ],
)
def test_what_is_no_preset(method, name, message):
    with pytest.raises(BadInput) as error:
        nw.train("digits", method, preset=name, epochs=1)
    assert message in str(error.value)


def test_a_preset_of_an_object():
    with pytest.raises(BadInput, match="given by its name"):
        nw.train("digits", nw.METHODS["elr"](), preset="paper-cifar100", epochs=1)
