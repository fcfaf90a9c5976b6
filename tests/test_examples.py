"""The scripts under `examples/` are plain loops; the library ends at the same weights."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from noisewise.methods import build
from noisewise.training.config import Config
from noisewise.training.trainer import Training

EXAMPLES = Path(__file__).parents[1] / "examples"
TWINS = {
    "plain_ce": "ce",
    "plain_loss_gce": "gce",
    "plain_target_bootstrap": "bootstrap-soft",
    "plain_penalty_elr": "elr",
    "plain_weight_coteaching": "coteaching:rate=0.4,gradual=10",
    "plain_gradient_cdr": "cdr:tau=0.4",
    "plain_gradient_sam": "sam",
    "plain_meta_weight_net": "meta-weight-net:optimizer=adam,weight_decay=1e-4,normalise=false",
    "plain_recipe_glc": "glc",
    "plain_edit_mixup": "mixup",
}
EPOCHS, SEED = 2, 3
scripts = pytest.mark.parametrize("script", sorted(TWINS))


@pytest.fixture(autouse=True)
def examples_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture
def data():
    """A small set of digits with trusted rows."""
    return importlib.import_module("common").digits(rows=320, seed=SEED, trusted=40)


def flat(nets):
    """All parameters of all networks."""
    return torch.cat([p.detach().reshape(-1) for net in nets for p in net.parameters()])


def by_the_library(data, spec):
    """The weights that the method of the library ends at."""
    common = importlib.import_module("common")
    config = Config(
        epochs=EPOCHS,
        batch_size=common.BATCH,
        lr=common.LR,
        momentum=common.MOMENTUM,
        weight_decay=0.0,
        schedule="constant",
        seed=SEED,
        device="cpu",
    )
    training = Training(data, common.MODEL, config)
    build(spec)(training)
    return flat(training.learner("main").nets.nets)


def by_the_script(data, script):
    """The weights that the plain loop ends at."""
    return flat(importlib.import_module(script).train(data, SEED, EPOCHS))


@scripts
def test_the_library_ends_at_the_weights_of_the_plain_loop(script, data):
    torch.testing.assert_close(by_the_library(data, TWINS[script]), by_the_script(data, script), rtol=0, atol=2e-6)


def test_no_two_scripts_end_at_the_same_weights(data):
    found = [by_the_script(data, script) for script in sorted(TWINS) if script != "plain_weight_coteaching"]
    for i, one in enumerate(found):
        assert all((one - other).abs().max() > 1e-4 for other in found[:i])


def test_every_script_is_compared():
    assert {path.stem for path in EXAMPLES.glob("plain_*.py")} == set(TWINS)


@scripts
def test_scripts_are_short_and_loop_by_themselves(script):
    text = (EXAMPLES / f"{script}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 100
    assert "noisewise.methods" not in text
    assert "training.step" not in text


def test_a_script_runs_from_the_command_line():
    command = [sys.executable, str(EXAMPLES / "plain_ce.py"), "--epochs", "1", "--rows", "320"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.startswith("test accuracy 0.")
