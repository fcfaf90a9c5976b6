"""Early-learning regularisation (Liu et al. 2020): a penalty that holds on to what was predicted early.

Every row has a memory t <- beta t + (1 - beta) p; the penalty is lambda times the mean of log(1 - <t, p>).
"""

import torch
from common import batches, draws, main, network, sgd, tensors
from torch import nn
from torch.nn import functional

BETA, LAMBDA = 0.7, 3.0


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    net = network(data, seed)
    optimizer = sgd(net)
    memory = torch.zeros(len(x), len(data.classes))
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        for rows in batches(len(x), order):
            logits = net(x[rows])
            p = logits.softmax(dim=1).clamp(1e-4, 1 - 1e-4)
            held = p.detach() / p.detach().sum(dim=1, keepdim=True)
            memory[rows] = BETA * memory[rows] + (1 - BETA) * held
            penalty = LAMBDA * (1 - (memory[rows] * p).sum(dim=1)).log().mean()
            loss = functional.cross_entropy(logits, y[rows]) + penalty
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [net]


if __name__ == "__main__":
    main(train, __doc__)
