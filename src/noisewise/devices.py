"""Numbers of the host on another device, without waiting for what the device still has to do.

A copy waits for the device unless it is asynchronous and comes from pinned memory. Nothing in a training step may wait:
`tests/pretend_device.py` is a stand-in on which waiting raises.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sent(host: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device; the host goes on while it is copied. A tensor that is there is returned.

    Args:
        host: a tensor on the host, or already on the device.
        device: where it is wanted.
    """
    if host.device == device:
        return host
    if host.device.type == "cpu" and device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True)


def generator_on(device: torch.device, rng: torch.Generator) -> torch.Generator:
    """A generator for draws as large as a batch of inputs, which are drawn where they are used.

    Args:
        device: where the numbers are wanted.
        rng: on the device it is returned; otherwise one number of it seeds a new generator.
    """
    if rng.device == device:
        return rng
    return torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=rng, device=rng.device)))
