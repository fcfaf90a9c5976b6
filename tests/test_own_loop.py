"""The page docs/own-loop.md: its code runs, and its loops end at the weights of the library's training."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from noisewise.methods import TruncatedGCE, build
from noisewise.training import Config, Training

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "own-loop.md").read_text(encoding="utf-8")
EPOCHS, SEED = 5, 3


@pytest.fixture(scope="module")
def page():
    """The names that the page defines, after all its code has run."""
    names = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
        exec(compile(block, "own-loop.md", "exec"), names)
    return names


@pytest.fixture
def common(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import common

    return common


@pytest.fixture
def data(common):
    return common.digits(rows=320, seed=SEED)


def flat(nets):
    return torch.cat([p.detach().reshape(-1) for net in nets for p in net.parameters()])


def by_the_library(common, data, spec, noise_rate=None):
    """The weights that a training by the trainer ends at, and its ledger."""
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
    training = Training(data, common.MODEL, config, noise_rate=noise_rate)
    build(spec)(training)
    return flat(training.learner("main").nets.nets), training.ledger


def parts(common, data, count):
    """Networks, inputs, labels and batches as the trainer draws them."""
    x, y = common.tensors(data)
    nets = [common.network(data, SEED, number=i) for i in range(count)]
    return nets, x, y, lambda epoch: common.batches(len(x), common.draws(SEED, epoch)[0])


@pytest.mark.parametrize(
    "function, spec, count",
    [("train_gce", "gce", 1), ("train_elr", "elr", 1), ("train_coteaching", "coteaching:gradual=10", 2)],
)
def test_plain_loops_end_at_the_weights_of_a_training(page, common, data, function, spec, count):
    nets, x, y, batches = parts(common, data, count)
    start = flat(nets)
    page[function](nets if count > 1 else nets[0], x, y, batches, EPOCHS)
    expected, _ = by_the_library(common, data, spec, noise_rate=0.4)
    torch.testing.assert_close(flat(nets), expected, rtol=0, atol=5e-6)
    assert (expected - start).abs().max() > 0.01


@pytest.mark.parametrize("noise_rate", [0.4, None])
@pytest.mark.parametrize(
    "method, spec",
    [
        ("GCE()", "gce"),
        ("ELR()", "elr"),
        ("CDR()", "cdr"),
        ("CoTeaching()", "coteaching"),
        ("Chain([CDR(tau=0.4), GCE()])", "cdr:tau=0.4+gce"),
        ("TruncatedGCE()", "truncated-gce"),  # looks at all rows between epochs
    ],
)
def test_steps_end_at_the_weights_of_a_training(page, common, data, method, spec, noise_rate):
    nets, x, y, batches = parts(common, data, 2 if spec == "coteaching" else 1)
    start = flat(nets)
    ledger = page["train"](
        eval(method, {**page, "TruncatedGCE": TruncatedGCE}), nets, x, y, batches, EPOCHS, noise_rate=noise_rate
    )
    expected, recorded = by_the_library(common, data, spec, noise_rate)
    torch.testing.assert_close(flat(nets), expected, rtol=0, atol=5e-6)
    assert (expected - start).abs().max() > 0.01
    known = recorded.statistics()["margin_mean"]
    np.testing.assert_allclose(ledger.statistics()["margin_mean"], known[np.isfinite(known)], rtol=0, atol=1e-4)


def test_suspects_are_mostly_wrong_labels(page):
    wrong = page["noisy"].given != page["noisy"].truth
    assert wrong[page["suspects"]].mean() > 0.6 > wrong.mean()


def test_the_page_is_linked():
    for path in ("README.md", "docs/training.md"):
        assert "own-loop.md" in (ROOT / path).read_text(encoding="utf-8")
