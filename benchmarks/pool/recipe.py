"""Which network of the airbench kind, and which recipe: accuracy on held-out training rows of CIFAR-10.

    export NOISEWISE_DATA=... OMP_NUM_THREADS=1
    python benchmarks/pool/recipe.py --rate 0.4 --residual
    python benchmarks/pool/recipe.py --rate 0.4 --residual --patch 4 --stride 2 --width 64 --epochs 5

One line per call, by a plain loop in bf16 on one thread: 45,000 rows train, the last 5,000 are held out, and the test
rows are not touched. `docs/results/recipe.md` has what was found, and `models/architectures/speedy.py` what was chosen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from noisewise.data import Augment, load
from noisewise.data.rows import Rows
from noisewise.models.architectures.speedy import SCALE, Scaled
from noisewise.models.layers import MaxPool, Residual, conv3x3
from noisewise.training import Config
from noisewise.training.optim import build_optimizer, schedule

HELD, SAMPLED = 5000, 2000
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": lambda: nn.ReLU(inplace=True), "gelu": nn.GELU}


def whitening(x: Tensor, patch: int, stride: int, padding: int) -> nn.Conv2d:
    """The fixed first layer, computed from (n, C, H, W) rows."""
    channels = x.shape[1]
    patches = F.unfold(x, patch).transpose(1, 2).reshape(-1, channels * patch**2).double()
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    kept = (vectors / (values + 5e-4).sqrt()).T.flip(0)[:24].float().reshape(-1, channels, patch, patch)
    layer = nn.Conv2d(channels, 2 * len(kept), patch, stride, padding, bias=False)
    layer.weight = nn.Parameter(torch.cat([kept, -kept]), requires_grad=False)
    return layer


def network(x: Tensor, classes: int, args: argparse.Namespace) -> nn.Sequential:
    """One of the compared networks."""

    def identity(inputs: int, outputs: int) -> nn.Conv2d:
        layer = conv3x3(inputs, outputs)
        nn.init.dirac_(layer.weight.data[:inputs])
        return layer

    def normalised(width: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(width, momentum=0.4), ACTIVATIONS[args.activation]()]

    stem = whitening(x, args.patch, args.stride, args.stride - 1)
    layers: list[nn.Module] = [stem, ACTIVATIONS[args.activation]()]
    inputs = stem.out_channels
    for stage in range(3):
        width = args.width << stage
        second = [identity(width, width), *normalised(width)]
        layers += [identity(inputs, width), nn.MaxPool2d(2), *normalised(width)]
        layers += [Residual(*second)] if args.residual else second
        inputs = width
    layers += [MaxPool(), Scaled(SCALE), nn.Linear(inputs, classes, bias=False)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--patch", type=int, default=2)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu")
    parser.add_argument("--residual", action="store_true")
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--decay", type=float, default=1.3e-3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = load("cifar10")
    cut = len(data) - HELD
    rows = Rows(data.take(np.arange(cut)), torch.device("cpu"), augment=Augment("crop:2+flip"))
    held = Rows(data.take(np.arange(cut, len(data))), torch.device("cpu"), normalise=rows.normalise)
    sample = next(rows.stream(torch.arange(SAMPLED), SAMPLED))[1]
    net = network(rows.prepare(sample, None), len(data.classes), args)
    stated: dict[str, Any] = {"optimizer": "nesterov", "momentum": 0.85, "schedule": "linear"}
    stated |= {"warmup": 0.2, "milestones": (0.2,), "lr": args.rate, "weight_decay": args.decay}
    config = Config(epochs=args.epochs, batch_size=args.batch, **stated)
    learned = [p for p in net.parameters() if p.requires_grad]
    optimizer, generator = build_optimizer(config, learned), torch.Generator().manual_seed(0)
    steps, began = cut // args.batch, time.process_time()
    for epoch in range(args.epochs):
        order = torch.randperm(cut, generator=generator)[: steps * args.batch]
        for number, (at, raw) in enumerate(rows.stream(order, args.batch)):
            schedule(optimizer, config, (epoch + number / steps) / args.epochs, args.epochs)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(rows.prepare(raw, generator))
            optimizer.zero_grad()
            F.cross_entropy(logits.float(), rows.given[at]).backward()
            optimizer.step()
    seconds = time.process_time() - began
    net.eval()
    right = 0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for at, raw in held.stream(torch.arange(HELD), 500):
            right += int((net(held.prepare(raw, None)).argmax(dim=1) == held.given[at]).sum())
    print(f"{vars(args)}: {seconds:.0f} s, accuracy {right / HELD:.4f}", flush=True)


if __name__ == "__main__":
    main()
