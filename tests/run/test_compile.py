"""Compiled networks train as others do; a translator that calls the same operations stands in for the slow one."""

from functools import partial

import numpy as np
import pytest
import torch

from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.run.experiment import Experiment
from noisewise.training import Config

# torch itself looks at the gradients of what it traces.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")


@pytest.fixture
def calls(monkeypatch):
    """How `torch.compile` was called; it traces, and runs what it traced by the ordinary operations."""
    real, seen = torch.compile, []

    def compiled(function, *, mode):
        seen.append(mode)
        return real(function, backend="eager")

    monkeypatch.setattr(torch, "compile", compiled)
    yield seen
    torch.compiler.reset()


def selected(experiment, folder=None):
    training = experiment.training(experiment.data(), folder=folder, resume=True)
    build(experiment.method)(training)
    training.finish()
    return training.selected


@pytest.mark.parametrize(("method", "networks"), [("elr", 1), ("sam", 1), ("coteaching", 2)])
def test_compiled_networks_end_at_the_same_weights(calls, tmp_path, method, networks):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    images = (rng.random((40, 8, 8, 1)) * 100 + 100 * labels[:, None, None, None]).astype(np.uint8)
    data = Dataset(images, labels, ("a", "b"), kind="image")
    one = partial(Experiment.of, data, method=method, model="wide-resnet:depth=10,width=1", epochs=2, batch_size=16)
    expected = selected(one())
    found = selected(one(compile="reduce-overhead"), tmp_path)
    assert calls == ["reduce-overhead"] * networks
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)
    again = selected(one(), tmp_path)  # what is finished is the same training, compiled or not
    assert all(torch.equal(again[name], found[name]) for name in found)


def test_how_to_compile_is_checked():
    with pytest.raises(BadInput, match="compile='always' must be"):
        Config(compile="always")
