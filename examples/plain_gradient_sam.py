"""Sharpness-aware minimisation (Foret et al. 2021): the gradient is taken at the worst point nearby."""

import torch
from common import batches, draws, main, network, sgd, tensors
from torch import nn
from torch.nn import functional

RHO = 0.05


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    net = network(data, seed)
    optimizer = sgd(net)
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        for rows in batches(len(x), order):
            optimizer.zero_grad()
            functional.cross_entropy(net(x[rows]), y[rows]).backward()
            before = [p.detach().clone() for p in net.parameters()]
            climb(net)
            optimizer.zero_grad()
            functional.cross_entropy(net(x[rows]), y[rows]).backward()
            put_back(net, before)
            optimizer.step()
    return [net]


@torch.no_grad()
def climb(net: nn.Module) -> None:
    norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
    for p in net.parameters():
        p += RHO * p.grad / norm


@torch.no_grad()
def put_back(net: nn.Module, before: list[torch.Tensor]) -> None:
    for p, old in zip(net.parameters(), before, strict=True):
        p.copy_(old)


if __name__ == "__main__":
    main(train, __doc__)
