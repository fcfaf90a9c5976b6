"""A process that trains a network whenever it is told to: `python -m benchmarks.speed.stepping NETWORK THREADS`.

It reads a number of steps per line of its input and prints the seconds on the clock that they took.
"""

from __future__ import annotations

import sys
import time

import torch

from noisewise.models import build

SHAPES = {"lenet": (28, 28, 1), "fast": (32, 32, 3)}
BATCH, CLASSES = 128, 10


def main(network: str, threads: int) -> None:
    """Train on noise until the input ends."""
    torch.set_num_threads(threads)
    height, width, channels = SHAPES[network]
    x = torch.rand(BATCH, channels, height, width).to(memory_format=torch.channels_last)
    y = torch.randint(CLASSES, (BATCH,))
    model = build(network, SHAPES[network], CLASSES).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
