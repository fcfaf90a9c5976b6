"""Robust early-learning (Xia et al. 2021): only critical weights follow the gradient.

Critical are the share 1 - tau of all weights with the largest |gradient x weight|; biases are left alone.
"""

import torch
from common import batches, draws, main, network, sgd, tensors
from torch import nn
from torch.nn import functional

TAU = 0.4


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    net = network(data, seed)
    optimizer = sgd(net)
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        for rows in batches(len(x), order):
            loss = functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            keep_critical(net)
            optimizer.step()
    return [net]


@torch.no_grad()
def keep_critical(net: nn.Module) -> None:
    weights = [p for p in net.parameters() if p.ndim >= 2]
    importance = torch.cat([(p.grad * p).abs().reshape(-1) for p in weights])
    critical = torch.zeros_like(importance)
    critical[importance.topk(int((1 - TAU) * len(importance))).indices] = 1 - TAU
    for p, factors in zip(weights, critical.split([p.numel() for p in weights]), strict=True):
        p.grad *= factors.reshape(p.shape)


if __name__ == "__main__":
    main(train, __doc__)
