"""Published settings by name."""

import pytest

import noisewise as nw
from noisewise.errors import BadInput
from noisewise.methods import METHODS, build, presets
from noisewise.models import MODELS
from noisewise.training.config import configured

ALL = [(method, name) for method in METHODS for name in presets.presets(method)]


def test_presets_are_of_methods_that_exist():
    assert set(presets._all()) <= set(METHODS)
    assert len(ALL) >= 15


@pytest.mark.parametrize("method, name", ALL)
def test_every_preset_can_be_built(method, name):
    found = presets.preset(method, name)
    build(found.method)
    assert found.method.split(":")[0] == method
    assert found.origin
    configured(found.epochs or 1, 0, dict(found.settings))
    assert found.model is None or found.model in MODELS


def test_a_preset_sets_what_the_call_does_not():
    data = nw.load("digits")
    run = nw.train(data, "cdr", preset="paper-mnist", rows=200, epochs=2, model="mlp:widths=8", lr=0.02)
    config = run.metrics["config"]
    assert (config["epochs"], config["lr"], config["batch_size"], config["weight_decay"]) == (2, 0.02, 32, 1e-3)
    assert config["milestones"] == (0.1, 0.2)
    assert (run.metrics["preset"], run.metrics["model"]) == ("paper-mnist", "mlp:widths=8")
    said = nw.train(data, "mixup", preset="paper-cifar10", rows=100, epochs=1, model="mlp:widths=8", lr=0.02)
    assert said.metrics["method"] == "mixup:alpha=1"


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
