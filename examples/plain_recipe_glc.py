"""Gold loss correction (Hendrycks et al. 2018): measure the confusions on trusted rows, then train behind them.

A first network learns the wrong labels as they are; the mean of its predictions over the trusted rows of a class is
that class's row of C. A fresh network is trained on both kinds of rows, the untrusted ones through C.
"""

import math

import torch
from common import batches, draws, endless, main, network, sgd, tensors, tensors_beside
from torch import Tensor, nn
from torch.nn import functional


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    trusted_x, trusted_y = tensors_beside(data.trusted, data)
    first = train_first(data, x, y, seed, max(1, round(epochs / 2)))
    confusion = measured(first, trusted_x, trusted_y, len(data.classes))
    net = network(data, seed)
    optimizer, ratio = sgd(net), len(trusted_x) / len(x)
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        trusted = endless(len(trusted_x), order)
        for rows in batches(len(x), order):
            gold = next(trusted)[: max(1, math.ceil(ratio * len(rows)))]
            noisy = (net(x[rows]).softmax(dim=1) @ confusion).log()
            behind = functional.nll_loss(noisy, y[rows])
            plain = functional.cross_entropy(net(trusted_x[gold]), trusted_y[gold])
            loss = (behind + ratio * plain) / (1 + ratio)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [net]


def train_first(data, x: Tensor, y: Tensor, seed: int, epochs: int) -> nn.Module:
    net = network(data, seed, "first")
    optimizer = sgd(net)
    for epoch in range(epochs):
        order, _ = draws(seed, epoch, "first")
        for rows in batches(len(x), order):
            loss = functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


@torch.no_grad()
def measured(net: nn.Module, x: Tensor, y: Tensor, classes: int) -> Tensor:
    p = net.eval()(x).softmax(dim=1)
    return torch.stack([p[y == k].mean(dim=0) for k in range(classes)])


if __name__ == "__main__":
    main(train, __doc__, trusted=60)
