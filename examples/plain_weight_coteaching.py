"""Co-teaching (Han et al. 2018): two networks, each trained on the rows that the other finds easy.

The share of rows to forget rises to the noise rate within the first ten epochs.
"""

from common import batches, draws, main, network, sgd, tensors
from torch import nn
from torch.nn import functional

RATE, GRADUAL = 0.4, 10


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    nets = [network(data, seed, number=i) for i in range(2)]
    optimizers = [sgd(net) for net in nets]
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        forget = RATE * min((epoch + 1) / GRADUAL, 1)
        for rows in batches(len(x), order):
            keep = int((1 - forget) * len(rows))
            losses = [functional.cross_entropy(net(x[rows]), y[rows], reduction="none") for net in nets]
            easy = [loss.argsort(stable=True)[:keep] for loss in losses]
            for optimizer, loss, taught in zip(optimizers, losses, reversed(easy), strict=True):
                optimizer.zero_grad()
                loss[taught].mean().backward()
                optimizer.step()
    return nets


if __name__ == "__main__":
    main(train, __doc__)
