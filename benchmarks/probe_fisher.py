"""Cost of the trace of the Fisher information, against the backward pass of an ordinary training step.

    python benchmarks/probe_fisher.py --model lenet fast all-cnn --rows 256 --repeat 5

Per network: seconds of one ordinary batched backward pass (the gradient of the mean loss by all parameters, without the
forward pass); those of the probe, forward pass and all, per backpropagated label; and their ratio, for all labels and
for one drawn label, and with `torch.func` for every layer. All in turn, `repeat` times; medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from noisewise.models import build
from noisewise.probes import fisher
from noisewise.probes.per_example_gradient_norms import SquaredNorms


def backward(net: nn.Module, x: Tensor, size: int) -> float:
    """Seconds of the backward passes alone, in batches of `size`."""
    total, labels = 0.0, torch.arange(len(x)) % 10
    for part, given in zip(x.split(size), labels.split(size), strict=True):
        loss = cross_entropy(net(part), given)
        began = time.perf_counter()
        torch.autograd.grad(loss, list(net.parameters()))
        total += time.perf_counter() - began
    return total


def probe(net: nn.Module, x: Tensor, labels: fisher.Labels, count: int, closed: bool = True) -> float:
    """Seconds of the probe per backpropagated label, of which there are `count`."""
    made: Callable[..., SquaredNorms] = lambda module, count: SquaredNorms(module, count, closed=closed)  # noqa: E731
    with patch.object(fisher, "Squares", made):
        began = time.perf_counter()
        fisher.layer_traces(net, x, labels, torch.Generator())
        return (time.perf_counter() - began) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", nargs="+", default=["lenet", "fast", "all-cnn"])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    for name in args.model:
        shape = (28, 28, 1) if name in ("lenet", "fast") else (32, 32, 3)
        net = build(name, shape, 10, seed=0).eval()
        x = torch.randn(args.rows, shape[2], *shape[:2], generator=torch.Generator().manual_seed(0))
        x = x.to(memory_format=torch.channels_last)
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        ways = {
            "backward": lambda net=net, x=x: backward(net, x, args.batch),
            "exact": lambda net=net, x=x: probe(net, x, "exact", 10),
            "one draw": lambda net=net, x=x: probe(net, x, 1, 1),
            "torch.func": lambda net=net, x=x: probe(net, x, 1, 1, closed=False),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(args.repeat):
            for way, run in ways.items():
                taken[way].append(run())
        ordinary = statistics.median(taken.pop("backward"))
        ratios = ", ".join(f"{way} {statistics.median(seconds) / ordinary:.2f}" for way, seconds in taken.items())
        print(f"{name}: backward {1e6 * ordinary / args.rows:.0f} us per row; times that: {ratios}")


if __name__ == "__main__":
    main()
