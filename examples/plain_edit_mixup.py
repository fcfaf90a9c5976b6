"""mixup (Zhang et al. 2018): train on mixtures of two rows and of their labels."""

import numpy as np
import torch
from common import batches, draws, main, network, sgd, tensors
from torch import nn
from torch.nn import functional

ALPHA = 1.0


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    net = network(data, seed)
    optimizer = sgd(net)
    for epoch in range(epochs):
        order, edits = draws(seed, epoch)
        for rows in batches(len(x), order):
            draw = np.random.default_rng(int(torch.randint(2**62, (1,), generator=edits)))
            share = draw.beta(ALPHA, ALPHA)
            partner = rows[torch.randperm(len(rows), generator=edits)]
            logits = net(share * x[rows] + (1 - share) * x[partner])
            loss = share * functional.cross_entropy(logits, y[rows])
            loss = loss + (1 - share) * functional.cross_entropy(logits, y[partner])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [net]


if __name__ == "__main__":
    main(train, __doc__)
