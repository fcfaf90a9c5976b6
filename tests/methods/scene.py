"""One batch of a small problem for the checks of a single step."""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import LearningTask, Method
from noisewise.training.networks import Networks
from noisewise.training.step import step

from .case import CLASSES, Case

ROWS, DIMENSIONS = 31, 5


def net(seed: int) -> nn.Module:
    """5-7-4, no normalisation."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(DIMENSIONS, 7), nn.Tanh(), nn.Linear(7, CLASSES))


def networks(count: int) -> Networks:
    """Fresh networks in training mode."""
    return Networks([net(i) for i in range(count)]).train()


def part(indices: Tensor, seed: int, **fields) -> Batch:
    """Random rows with these indices."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(len(indices), DIMENSIONS, generator=rng)
    labels = torch.randint(CLASSES, (len(indices),), generator=rng)
    clock = Clock(epoch=2, epochs=5, lr=0.1)
    return Batch(x, one_hot(labels, CLASSES), indices, torch.ones(len(indices)), **{"clock": clock, **fields})


def batch(rows: int = 10, seed: int = 0) -> Batch:
    """Rows of the training split with auxiliary batches of trusted and unlabelled rows."""
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    auxiliary = {
        "trusted": part(torch.arange(20, 26), 100 + seed),
        "unlabelled": part(torch.arange(26, 31), 200 + seed),
    }
    return part(order[:rows], seed, auxiliary=auxiliary)


def prepared(method: Method, count: int) -> Method:
    """The method with its memory allocated and, where it is per row, filled."""
    given = torch.arange(ROWS) % CLASSES
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        method.prepare(LearningTask(ROWS, CLASSES, given, epochs=5, noise_rate=0.3, networks=count))
    rng = torch.Generator().manual_seed(3)
    if "memory" in dict(method.named_buffers()):
        method.memory.copy_(torch.rand(method.memory.shape, generator=rng) / CLASSES)
    return method


def build(case: Case, count: int, which: str = "step") -> Method:
    """The case's method, prepared for `count` networks."""
    make = getattr(case, which) or case.step
    return prepared(make(Networks([net(9)]).train()), count)


def permuted(rows: Batch, order: Tensor) -> Batch:
    """The batch with its rows in another order, weights and infos included."""
    index = None if rows.index is None else rows.index[order]
    info = {name: value[order] for name, value in rows.info.items()}
    return replace(rows, x=rows.x[order], y=rows.y[order], w=rows.w[..., order], index=index, info=info)


def edited(case: Case, method: Method, nets: Networks, rows: Batch) -> Batch:
    """The batch after the edit, with fixed draws."""
    with torch.no_grad():
        return method.edit(rows, nets, torch.Generator().manual_seed(7))


def trained(method: Method, nets: Networks, batches: list[Batch], seed: int = 7) -> Networks:
    """The networks after a step on each batch."""
    rng = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD([*nets.trainable().values(), *method.joint_parameters()], 0.1, 0.9)
    for rows in batches:
        step(nets, method, optimizer, rows, rng)
    return nets


def flat(nets: nn.Module) -> Tensor:
    """All parameters of the networks as one vector."""
    return torch.cat([p.detach().reshape(-1) for p in nets.parameters()])


def buffers(module: nn.Module) -> dict[str, Tensor]:
    """Copies of all buffers, by name."""
    return copy.deepcopy(dict(module.named_buffers()))
