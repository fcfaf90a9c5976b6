"""Generalised cross entropy (Zhang and Sabuncu 2018): another loss per row, (1 - p_y^q) / q."""

from common import batches, draws, main, network, sgd, tensors
from torch import nn

Q = 0.7


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    net = network(data, seed)
    optimizer = sgd(net)
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        for rows in batches(len(x), order):
            p = net(x[rows]).softmax(dim=1)
            p_given = p.gather(1, y[rows, None])[:, 0]
            loss = ((1 - p_given**Q) / Q).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [net]


if __name__ == "__main__":
    main(train, __doc__)
