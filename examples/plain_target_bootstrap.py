"""Soft bootstrapping (Reed et al. 2015): the target is the given label mixed with the network's own prediction.

The gradient flows through the target too.
"""

from common import batches, draws, main, network, sgd, tensors
from torch import nn
from torch.nn import functional

BETA = 0.95


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    net = network(data, seed)
    optimizer = sgd(net)
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        for rows in batches(len(x), order):
            log_p = net(x[rows]).log_softmax(dim=1)
            given = functional.one_hot(y[rows], log_p.shape[1])
            target = BETA * given + (1 - BETA) * log_p.exp()
            loss = -(target * log_p).sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [net]


if __name__ == "__main__":
    main(train, __doc__)
