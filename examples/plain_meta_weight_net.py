"""Meta-Weight-Net (Shu et al. 2019): learn on trusted rows how much a row with a given loss should count.

One virtual step of the network as a function of V's weights, the trusted loss after it, and its gradient by V's
weights, by differentiating twice. Then V moves, then the network. Weights are as V gives them (`normalise=false`) and
V moves as in the authors' program (`optimizer=adam,weight_decay=1e-4`). Needs trusted rows.
"""

import torch
from common import LR, batches, draws, endless, main, network, sgd, tensors, tensors_beside
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from noisewise.training.config import seeded


def train(data, seed: int, epochs: int) -> list[nn.Module]:
    x, y = tensors(data)
    trusted_x, trusted_y = tensors_beside(data.trusted, data)
    net, v = network(data, seed), weight_net(seed)
    optimizer, v_optimizer = sgd(net), torch.optim.Adam(v.parameters(), 1e-3, weight_decay=1e-4)
    for epoch in range(epochs):
        order, _ = draws(seed, epoch)
        trusted = endless(len(trusted_x), order)
        for rows in batches(len(x), order):
            clean = next(trusted)
            params = dict(net.named_parameters())
            gradients = torch.autograd.grad(weighted(net, v, x[rows], y[rows]), params.values(), create_graph=True)
            virtual = {name: p - LR * g for (name, p), g in zip(params.items(), gradients, strict=True)}
            meta = functional.cross_entropy(functional_call(net, virtual, trusted_x[clean]), trusted_y[clean])
            v_optimizer.zero_grad()
            meta.backward()
            v_optimizer.step()
            loss = weighted(net, v, x[rows], y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [net]


def weight_net(seed: int) -> nn.Module:
    torch.manual_seed(seeded(seed, "method", 0))
    return nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())


def weighted(net: nn.Module, v: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    losses = functional.cross_entropy(net(x), y, reduction="none")
    return (v(losses.detach()[:, None])[:, 0] * losses).mean()


if __name__ == "__main__":
    main(train, __doc__, trusted=60)
