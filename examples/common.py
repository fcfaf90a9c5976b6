"""What the scripts share: handwritten digits with wrong labels, a small network, and the order of rows.

Nothing here trains. Every script in this folder is a plain PyTorch loop that ends at the same weights as the library's
method of that name, because it draws the same random numbers in the same order:

    initial weights    from a seed made of (seed, network's name, number)
    an epoch           from a seed made of (seed, network's name, epoch): its order of rows from that seed plus one,
                       what an edit draws from that seed plus two
    trusted rows       in random order without end, from the generator of the order of rows
"""

import argparse
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from noisewise import models
from noisewise.data import Dataset, Rows, load, split, subset
from noisewise.noise import corrupt
from noisewise.training.config import seeded

BATCH, LR, MOMENTUM = 32, 0.05, 0.9
MODEL = "mlp:widths=32"

Train = Callable[[Dataset, int, int], list[nn.Module]]


def digits(rows: int, seed: int, trusted: int = 0) -> Dataset:
    """So many digits with 40 % wrong labels and, in addition, trusted rows with right ones."""
    chosen = subset(load("digits"), rows + trusted, seed)
    return split(corrupt(chosen, "symmetric:0.4", seed=seed), trusted=trusted, seed=seed)


def tensors(data: Dataset) -> tuple[Tensor, Tensor]:
    """Normalised inputs (n, 1, 8, 8) and given labels (n,)."""
    return _prepared(Rows(data, torch.device("cpu")))


def tensors_beside(split: Dataset, data: Dataset) -> tuple[Tensor, Tensor]:
    """The same of another split, normalised like the training rows."""
    cpu = torch.device("cpu")
    return _prepared(Rows(split, cpu, normalise=Rows(data, cpu).normalise))


def _prepared(rows: Rows) -> tuple[Tensor, Tensor]:
    ((_, raw),) = rows.stream(torch.arange(len(rows)), len(rows))
    return rows.prepare(raw, None), rows.given


def network(data: Dataset, seed: int, name: str = "main", number: int = 0) -> nn.Module:
    """A fresh network in training mode."""
    return models.build(MODEL, data.shape, len(data.classes), seed=seeded(seed, name, number) % 2**31).train()


def sgd(net: nn.Module) -> torch.optim.SGD:
    """The optimiser of every script."""
    return torch.optim.SGD(net.parameters(), LR, MOMENTUM)


def draws(seed: int, epoch: int, name: str = "main") -> tuple[torch.Generator, torch.Generator]:
    """The generators of an epoch: of the order of rows, and of edits."""
    start = seeded(seed, name, epoch)
    torch.manual_seed(start)
    return torch.Generator().manual_seed(start + 1), torch.Generator().manual_seed(start + 2)


def batches(rows: int, order: torch.Generator) -> tuple[Tensor, ...]:
    """The positions of all rows, in random order, in batches; the number of rows is a multiple of the batch size."""
    return torch.randperm(rows, generator=order).split(BATCH)


def endless(rows: int, order: torch.Generator) -> Iterator[Tensor]:
    """Batches of positions without end."""
    size = min(BATCH, rows)
    while True:
        yield from torch.randperm(rows, generator=order)[: rows // size * size].split(size)


def main(train: Train, about: str, trusted: int = 0) -> None:
    """Read the options, train, and print the accuracy on clean test rows."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0].replace("%", "%%"))
    for name, value in (("epochs", 10), ("rows", 960), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    data = digits(options.rows // BATCH * BATCH, options.seed, trusted)
    net = train(data, options.seed, options.epochs)[0].eval()
    x, y = tensors_beside(data.test, data)
    with torch.no_grad():
        print(f"test accuracy {(net(x).argmax(dim=1) == y).float().mean():.3f}")
