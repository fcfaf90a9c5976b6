"""Small networks and batches for the rules of the step."""

import copy
from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import LearningTask, Method
from noisewise.training.networks import Networks

ROWS, DIMENSIONS, CLASSES = 24, 6, 4


def mlp(seed: int = 0, *between: nn.Module) -> nn.Module:
    """6-8-4 with `between` after the first layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(DIMENSIONS, 8), *between, nn.Tanh(), nn.Linear(8, CLASSES))


def make_batch(rows: int = 8, seed: int = 0, dtype: torch.dtype = torch.float32, **fields) -> Batch:
    """Random rows with random labels; `fields` go before the defaults."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, DIMENSIONS, generator=rng, dtype=torch.float64).to(dtype)
    y = one_hot(torch.randint(CLASSES, (rows,), generator=rng), CLASSES).to(dtype)
    index = torch.randperm(ROWS, generator=rng)[:rows]
    return Batch(x, y, **{"index": index, "w": torch.ones(rows, dtype=dtype), "clock": Clock(epochs=4), **fields})


def task(networks: int = 1) -> LearningTask:
    """Sizes of the data set that the batches are of."""
    return LearningTask(ROWS, CLASSES, torch.zeros(ROWS, dtype=torch.int64), epochs=4, networks=networks)


def prepared(method: Method, networks: int = 1) -> Method:
    """The method with its memory allocated."""
    method.prepare(task(networks))
    return method


def twins(*modules: nn.Module) -> tuple[Networks, Networks]:
    """Two independent copies of the same networks, in training mode."""
    return tuple(Networks(copy.deepcopy(list(modules))).train() for _ in range(2))


def weights(modules: Iterable[nn.Module]) -> Tensor:
    """All parameters of all modules, flat."""
    return torch.cat([p.detach().reshape(-1) for module in modules for p in module.parameters()])


def rng(seed: int = 7) -> torch.Generator:
    """A seeded generator for edits."""
    return torch.Generator().manual_seed(seed)


def assert_caught(check: Callable[[], None]) -> None:
    """The check fails: what was planted is seen."""
    with pytest.raises(AssertionError):
        check()
